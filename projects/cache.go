package projects

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"playtoken/keyrotation"
)

const (
	// readTimeout bounds one read.
	readTimeout = 2 * time.Second
	// Between two reads of a store that is away.
	firstPause, longestPause = 50 * time.Millisecond, time.Second
	// awayFor is how long one failed read tells that the store is away. While
	// it is, reads follow each other more closely than that.
	awayFor = 5 * time.Second
	// readAttempts bounds how often one request reads. Two suffice unless the
	// clock is being set back meanwhile.
	readAttempts = 3
)

var errClosed = fmt.Errorf("%w: stopping", keyrotation.ErrUnavailable)

// cache holds what was read of the store for a while; that something is not
// there, too. Reads of one id are shared and belong to the cache: nobody's
// cancellation spoils another's answer. What is asked for again and again is
// read again ahead of time, so nobody waits for it.
type cache[V any] struct {
	age       time.Duration // of an entry, at most, while the store answers
	staleness time.Duration // the same while it is away
	read      func(ctx context.Context, id string) (V, error)

	entries *lru.Cache[string, *held[V]]
	ctx     context.Context
	cancel  context.CancelCauseFunc
	running sync.WaitGroup

	mu     sync.Mutex
	reads  map[string]*reading[V]
	closed bool
	fault  fault
}

// held is one answer of the store. It does not change.
type held[V any] struct {
	value   V
	err     error // nil, or ErrNotFound
	started time.Time
}

// reading is one read that is under way. Its answer may be read once done is
// closed.
type reading[V any] struct {
	done  chan struct{}
	found *held[V]
	err   error
}

// fault is the memory of a store that is away.
type fault struct {
	err   error
	at    time.Time
	pause time.Duration
}

func newCache[V any](size int, age, staleness time.Duration, read func(context.Context, string) (V, error)) *cache[V] {
	ctx, cancel := context.WithCancelCause(context.Background())
	c := &cache[V]{
		age: age, staleness: max(age, staleness), read: read,
		ctx: ctx, cancel: cancel, reads: map[string]*reading[V]{},
	}
	c.entries, _ = lru.New[string, *held[V]](size) // fails for sizes below 1 only
	return c
}

// close ends every read that is under way and waits for it.
func (c *cache[V]) close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel(errClosed)
	c.running.Wait()
}

// get returns what the store holds under an id. Errors: ErrNotFound,
// keyrotation.ErrUnavailable, or whatever is wrong with the document.
func (c *cache[V]) get(ctx context.Context, id string) (V, error) {
	now := time.Now()
	found, ok := c.entries.Get(id)
	switch {
	case ok && found.within(c.age, now):
		if !found.within(c.age/2, now) {
			c.start(id)
		}
		return found.value, found.err
	case ok && found.within(c.staleness, now) && c.away(now) != nil:
		c.start(id) // nobody waits for a store that is known to be away
		return found.value, found.err
	}
	for range readAttempts {
		read, err := c.start(id).wait(ctx)
		switch {
		case err != nil && ok && found.within(c.staleness, now) && errors.Is(err, keyrotation.ErrUnavailable):
			return found.value, found.err
		case err != nil:
			var none V
			return none, err
		case read.within(c.age, now): // else others began it too long ago
			return read.value, read.err
		}
	}
	var none V
	return none, fmt.Errorf("%w: read: the clock is being set back", keyrotation.ErrUnavailable)
}

// holds reports whether something is known about an id, however old.
func (c *cache[V]) holds(id string) bool { return c.entries.Contains(id) }

// start returns the read of an id that is under way, or begins one, unless the
// store was away a moment ago. It does not wait.
func (c *cache[V]) start(id string) *reading[V] {
	c.mu.Lock()
	defer c.mu.Unlock()
	if running, ok := c.reads[id]; ok {
		return running
	}
	begun := &reading[V]{done: make(chan struct{})}
	if c.closed || c.fault.err != nil && time.Since(c.fault.at) < c.fault.pause {
		if begun.err = c.fault.err; c.closed {
			begun.err = errClosed
		}
		close(begun.done)
		return begun
	}
	c.reads[id] = begun
	c.running.Go(func() { c.run(id, begun) })
	return begun
}

func (c *cache[V]) run(id string, own *reading[V]) {
	ctx, cancel := context.WithTimeout(c.ctx, readTimeout)
	defer cancel()
	found := &held[V]{started: time.Now()}
	found.value, found.err = c.read(ctx, id)
	if found.err != nil && !errors.Is(found.err, ErrNotFound) {
		own.err = found.err
		if ctx.Err() != nil && !errors.Is(own.err, keyrotation.ErrUnavailable) {
			own.err = fmt.Errorf("%w: %w", keyrotation.ErrUnavailable, own.err)
		}
	} else {
		own.found = found
		c.entries.Add(id, found)
	}
	c.mu.Lock()
	delete(c.reads, id)
	c.fault = c.fault.after(own.err)
	c.mu.Unlock()
	close(own.done)
}

// after is what is remembered once a read has ended like this. A document that
// cannot be decoded is trouble, but of a store that answers.
func (f fault) after(err error) fault {
	if !errors.Is(err, keyrotation.ErrUnavailable) {
		return fault{}
	}
	return fault{err: err, at: time.Now(), pause: min(max(2*f.pause, firstPause), longestPause)}
}

// away returns why the store is known to be away; nil if it is not.
func (c *cache[V]) away(now time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fault.err != nil && now.Sub(c.fault.at) < awayFor {
		return c.fault.err
	}
	return nil
}

// wait returns the answer, or the cause of ctx's end; the read goes on then.
func (r *reading[V]) wait(ctx context.Context) (*held[V], error) {
	select {
	case <-r.done:
		return r.found, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// within reports whether an entry is no older than this at now, by whichever
// of the two clocks says more: the monotonic one stands still while a machine
// sleeps, the other may be set.
func (h *held[V]) within(age time.Duration, now time.Time) bool {
	return max(now.Sub(h.started), now.Round(0).Sub(h.started.Round(0))) <= age
}
