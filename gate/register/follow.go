package register

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"playtoken/store"
)

const (
	// interval is how often the document is read: about as long as another
	// gate's change goes unnoticed.
	interval = 2 * time.Second
	// gap is the least time between two looks, though viewers with unknown key
	// ids ask for one: their ids may be made up.
	gap = 250 * time.Millisecond
	// waiting is how long such a viewer waits for a look.
	waiting = time.Second
)

// looks lets requests ask for a look at the document, and share it.
type looks struct {
	asked chan struct{} // holds one value while a look is asked for
	mu    sync.Mutex
	next  chan struct{} // closed when the next look that has not begun has ended
}

func newLooks() looks { return looks{asked: make(chan struct{}, 1), next: make(chan struct{})} }

// renew returns once the document was read after the call, or waiting is over.
func (r *Register) renew() {
	r.looks.mu.Lock()
	next := r.looks.next
	r.looks.mu.Unlock()
	select {
	case r.looks.asked <- struct{}{}:
	default: // it is asked for
	}
	timer := time.NewTimer(waiting)
	defer timer.Stop()
	select {
	case <-next:
	case <-timer.C:
	case <-r.stopped:
	}
}

// begin returns the function that tells those who asked that the look has ended.
func (l *looks) begin() (end func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	begun := l.next
	l.next = make(chan struct{})
	return func() { close(begun) }
}

// follow looks at the document until ctx ends.
func (r *Register) follow(ctx context.Context) {
	defer close(r.stopped)
	for ctx.Err() == nil {
		r.pause(ctx)
		err := r.look(ctx)
		if ctx.Err() == nil {
			r.report(ctx, err)
		}
	}
}

// pause waits until the next look is due, or asked for and gap is over. Gates that
// started together do not stay in step.
func (r *Register) pause(ctx context.Context) {
	least := time.NewTimer(gap)
	defer least.Stop()
	select {
	case <-least.C:
	case <-ctx.Done():
		return
	}
	due := time.NewTimer(interval*9/10 + rand.N(interval/5) - gap)
	defer due.Stop()
	select {
	case <-due.C:
	case <-r.looks.asked:
	case <-ctx.Done():
	}
}

// look reads the document and, about once a day, does what falls due with time.
func (r *Register) look(ctx context.Context) error {
	end := r.looks.begin()
	if !r.begun.Load() {
		defer end()
		return r.begin(ctx)
	}
	v, err := r.read(ctx)
	end()
	if err != nil || !v.state.due(r.config.Now()) {
		return err
	}
	return r.tidy(ctx)
}

// errClock means that this machine and the store do not have the same time, so
// that a ticket key could be destroyed too early.
var errClock = errors.New("the clocks of the gate and of its store differ by more than PLAYTOKEN_CLOCK_SKEW: ticket keys stay as they are; set the clock")

func (r *Register) tidy(ctx context.Context) error {
	if r.config.Clock != nil {
		theirs, err := r.config.Clock(ctx)
		if err != nil {
			return lost(err)
		}
		if theirs.Sub(r.config.Now()).Abs() > r.config.Skew {
			return errClock
		}
	}
	return r.update(ctx, maxDocument, false, func(s *state) error {
		s.tidy(r.config.Now())
		return nil
	})
}

// report logs once that the store is away, and once that it is back.
func (r *Register) report(ctx context.Context, err error) {
	away := err != nil
	if away == r.away {
		return
	}
	r.away = away
	switch {
	case !away:
		r.config.Log.InfoContext(ctx, "the gate's store answers again")
	case errors.Is(err, store.ErrUnavailable):
		r.config.Log.WarnContext(ctx, "the gate's store does not answer; viewers are admitted on what was last read, keys cannot be changed",
			"error", err, "until", r.current.Load().read.Add(r.config.Staleness).UTC())
	default:
		r.config.Log.ErrorContext(ctx, "the gate's register cannot be kept up to date", "error", err)
	}
}
