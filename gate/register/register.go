// Package register is what the gates of one store share: registered public
// keys, the keys of session tickets, and the moments up to which sessions were
// ended. It is one document, so that every change is one write.
//
// The decision a newcomer would get wrong: viewers are answered from memory,
// and never wait for the store, except where that memory would refuse them. A
// gate reads the document every few seconds, and at once for a key that it does
// not know, because another gate may have just registered it. What is changed
// is answered only once the store has it. While the store is away the last view
// counts, up to a limit: after it the gate admits no viewer, because it cannot
// know what was revoked meanwhile.
package register

import (
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"sync"
	"sync/atomic"
	"time"

	"playtoken/store"
)

// Config is what a register needs.
type Config struct {
	Documents store.Documents
	// Clock is the store's own, which has to agree with Now before a ticket key
	// is destroyed. Nil: the store has the clock of this machine.
	Clock func(context.Context) (time.Time, error)
	// Earlier is taken over into the document, once.
	Earlier   []Earlier
	Session   time.Duration // that a ticket lives
	Staleness time.Duration // that viewers are admitted while the store is away
	Skew      time.Duration // by which the clocks of gates may differ
	Now       func() time.Time
	Log       *slog.Logger
}

// Register is an open register. Its methods may be called concurrently.
type Register struct {
	config  Config
	current atomic.Pointer[view]
	begun   atomic.Bool // the document is what this gate needs
	change  sync.Mutex  // of one change at a time
	showing sync.Mutex  // guards writing current
	away    bool        // the last look failed; only for the goroutine that looks
	looks   looks
	stamps  stamps
	stop    context.CancelFunc
	stopped chan struct{}
}

// leastStaleness covers a few looks at a slow store.
const leastStaleness = 15 * time.Second

// patience is how long the store may take for a look or a change.
const patience = 5 * time.Second

// Open reads the document, or makes it, and keeps in step with it until Close.
// If the store is away, Open succeeds: no viewer is admitted until it answers.
// Errors: those of a document that this version cannot read; ErrFull where
// Earlier is too much for it.
func Open(ctx context.Context, c Config) (*Register, error) {
	c.Staleness = max(c.Staleness, leastStaleness)
	r := &Register{config: c, looks: newLooks(), stopped: make(chan struct{})}
	r.current.Store(&view{state: &state{}})
	err := r.begin(ctx)
	if err != nil && !errors.Is(err, store.ErrUnavailable) {
		return nil, err
	}
	r.report(ctx, err)
	following, stop := context.WithCancel(context.WithoutCancel(ctx))
	r.stop = stop
	go r.follow(following)
	return r, nil
}

// Close stops reading. The document stays as it is.
func (r *Register) Close() {
	r.stop()
	<-r.stopped
}

// Fresh returns nil, or an error if the view is too old to admit viewers on.
func (r *Register) Fresh() error {
	if age := r.Age(); age > r.config.Staleness {
		return fmt.Errorf("the gate's store has not answered for %s: %w", age.Round(time.Second), store.ErrUnavailable)
	}
	return nil
}

// Age is how old the view is.
func (r *Register) Age() time.Duration { return time.Since(r.current.Load().read) }

// Len is how many keys are registered, by the view.
func (r *Register) Len() int { return len(r.current.Load().keys) }

// Key returns the public key of an id.
func (r *Register) Key(id string) (crypto.PublicKey, bool) {
	key, ok := r.current.Load().keys[id]
	if !ok {
		r.renew()
		key, ok = r.current.Load().keys[id]
	}
	return key, ok
}

// EverKnew reports whether a session that ends at the given second may have
// been opened with a token of this key.
func (r *Register) EverKnew(keyID string, expires int64) bool {
	if r.current.Load().knows(keyID, expires, r.config.Now()) {
		return true
	}
	r.renew()
	return r.current.Load().knows(keyID, expires, r.config.Now())
}

// Longest is how long the tickets of the gates of this store may live.
func (r *Register) Longest() time.Duration {
	return max(r.config.Session, time.Duration(r.current.Load().state.Longest.Session)*time.Second)
}

// SealingKey makes the tickets of now. Its id is empty if the store was never
// read; Fresh says so too.
func (r *Register) SealingKey() TicketKey {
	return r.current.Load().state.sealing(r.config.Now())
}

// TicketKeys returns the keys that may have made a ticket that names this id:
// one at most or, for the empty id, those of the tickets that name none.
func (r *Register) TicketKeys(id string) []TicketKey {
	keys := r.current.Load().ticketKeys(id, r.config.Now())
	if len(keys) == 0 {
		r.renew()
		keys = r.current.Load().ticketKeys(id, r.config.Now())
	}
	return keys
}

// Find returns a registered key, as the store has it now. Errors:
// store.ErrNotFound, store.ErrUnavailable.
func (r *Register) Find(ctx context.Context, id string) (Registration, error) {
	v, err := r.read(ctx)
	if err != nil {
		return Registration{}, err
	}
	found, ok := v.find(id)
	if !ok {
		return Registration{}, store.ErrNotFound
	}
	return found, nil
}

// Page returns at most limit keys after a place, oldest first, as the store has
// them now, and the place to go on from: 0 if there are no more. Errors:
// store.ErrUnavailable.
func (r *Register) Page(ctx context.Context, after uint64, limit int) (page []Registration, next uint64, err error) {
	v, err := r.read(ctx)
	if err != nil {
		return nil, 0, err
	}
	page, next = v.page(after, limit)
	return page, next, nil
}

// Add registers a key. Errors: ErrFull; store.ErrUnavailable, after which the
// key may be registered.
func (r *Register) Add(ctx context.Context, name, publicKey string) (added Registration, err error) {
	err = r.write(ctx, maxKeys, func(s *state) error {
		added = s.add(name, publicKey, r.config.Now())
		return nil
	})
	return added, err
}

// Remove deletes a key and returns what it was. Asked to end its sessions it
// does so even for a key that is already gone: a caller that lost the answer to
// a plain deletion can still revoke. Errors: store.ErrNotFound;
// store.ErrUnavailable, after which the key may be gone; ErrFull.
func (r *Register) Remove(ctx context.Context, id string, endSessions bool) (was Registration, err error) {
	var missing error
	err = r.write(ctx, maxDocument, func(s *state) error {
		now := r.config.Now()
		if endSessions {
			r.cut(s, ByKey, id)
		}
		was, missing = s.remove(id, now)
		return nil
	})
	if err == nil {
		err = missing
	}
	return was, err
}

// End ends the sessions of a subject that have begun, and returns up to which
// moment they had. Errors: store.ErrUnavailable, after which they may have
// ended; ErrFull.
func (r *Register) End(ctx context.Context, subject Subject, value string) (at time.Time, err error) {
	err = r.write(ctx, maxDocument, func(s *state) error {
		at = r.cut(s, subject, value)
		return nil
	})
	return at, err
}

func (r *Register) cut(s *state, subject Subject, value string) time.Time {
	at := r.cutoffTime()
	if merged := s.end(subject, value, at, s.lastTicket(at)); merged > 0 {
		r.config.Log.Warn("so many sessions were ended one by one that the oldest ends now count for all viewers; they open their videos again",
			"merged", merged)
	}
	return at
}

const idLetters = "abcdefghijklmnopqrstuvwxyz0123456789"

// newID returns 21 letters and digits, 108 bits of chance: an id that was
// never given before and never comes back.
func newID() string {
	n, _ := rand.Int(rand.Reader, new(big.Int).Exp(big.NewInt(36), big.NewInt(21), nil))
	id := make([]byte, 21)
	digit := new(big.Int)
	for i := range id {
		n.DivMod(n, big.NewInt(int64(len(idLetters))), digit)
		id[i] = idLetters[digit.Int64()]
	}
	return string(id)
}
