package signer

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"playtoken/keyrotation"
	"playtoken/store"
)

const (
	// readTimeout bounds one read of a ring.
	readTimeout = 2 * time.Second
	// emptyAge is how long a ring without an active key is used: briefly, because
	// callers are waiting for its first key.
	emptyAge = 500 * time.Millisecond
	// The pauses between reads of a failing store.
	firstPause, longestPause = 50 * time.Millisecond, time.Second
	// readAttempts bounds how often one request reads. Two are enough unless the
	// clock is set back meanwhile.
	readAttempts = 3
	// awayFor is how long after a failed read the store counts as unavailable.
	// While it is, reads follow each other more closely than that.
	awayFor = 5 * time.Second
)

// Documents is the part of [store.Documents] that reads.
type Documents interface {
	Read(ctx context.Context, name string) (store.Document, error)
}

// RingView is one project's ring as this process last read it. A view is used no
// longer than the ring allows (Durations.ViewAge), counted from the start of its
// read, because every deletion of a key waits exactly that long. It is renewed ahead
// of time, so requests wait only for the first read or after an outage. It is safe
// for concurrent use.
//
// A view made by [Memory.RingView] may be used beyond its age while the store is
// unavailable and the active key is held in memory: up to the ring's
// Durations.Staleness, which every deletion also waits for. While the store can be
// read, its views are used no longer than others.
type RingView struct {
	documents Documents
	project   string
	memory    *Memory // nil: keys stay in the store
	reads     *flights[string, *view]
	held      atomic.Pointer[view]
	fresh     keeper // of memory's views

	mu    sync.Mutex
	fault fault
}

// fault remembers the last failed read.
type fault struct {
	err    error
	silent bool // the store did not respond; false after an error response or a malformed ring
	at     time.Time
	pause  time.Duration
	until  time.Time // no read before this time
}

// view is one successful read. Only confirmed changes later.
type view struct {
	ring    keyrotation.Ring
	key     keyrotation.Key  // the active one
	public  crypto.PublicKey // of key; nil if no key is active
	scheme  Scheme           // of its JWTs
	started time.Time
	limit   time.Duration

	header atomic.Pointer[header] // of the kind of token that was made last

	// confirmed says that this read was made because the key was not in the
	// store, and that the ring still has it as active.
	confirmed atomic.Bool
}

// NewRingView returns a view of a project's ring. Nothing is read until the first
// use. Close must be called.
func NewRingView(documents Documents, project string) *RingView {
	return &RingView{documents: documents, project: project, reads: newFlights[string, *view](readTimeout)}
}

// Close cancels a running read and waits for it.
func (v *RingView) Close() {
	v.fresh.stop()
	v.reads.close()
	if v.memory != nil {
		v.memory.follow(v.project, keyrotation.Ring{}) // no later read would say which keys to wipe
	}
}

// at returns a view that may be used at now.
func (v *RingView) at(ctx context.Context, now time.Time) (*view, error) {
	v.fresh.asked(now)
	held := v.held.Load()
	switch {
	case held != nil && held.allowed(now):
		if held.age(now) > held.limit/2 {
			v.renew()
		}
		return held, nil
	case v.outlasts(held, now): // the caller does not wait for an unavailable store
		v.renew()
		return held, nil
	}
	newer, err := v.wait(ctx, func(w *view) bool { return w.allowed(now) })
	if held = v.held.Load(); err != nil && v.outlasts(held, now) {
		return held, nil
	}
	return newer, err
}

// Active returns the key that may be used now, for minters that do not sign with
// this package. Errors: *NoActiveKey, ErrUnavailable.
func (v *RingView) Active(ctx context.Context) (keyrotation.Key, error) {
	now := time.Now()
	seen, err := v.at(ctx, now)
	if err != nil {
		return keyrotation.Key{}, err
	}
	if seen.key.Issued { // it has no public key, and this package does not sign with it
		return seen.key, nil
	}
	return seen.key, active(seen, now)
}

// renew begins a read unless one failed a moment ago. It does not wait.
func (v *RingView) renew() *flight[*view] {
	if v.resting() != nil {
		return nil
	}
	return v.reads.start(v.project, v.read)
}

// after returns a view that was read after the private key of seen was not found.
// It is seen itself if such a read has just been made.
func (v *RingView) after(ctx context.Context, seen *view) (*view, error) {
	noticed := time.Now()
	if seen.confirmed.Load() && seen.age(noticed) < emptyAge {
		return seen, nil
	}
	newer, err := v.wait(ctx, func(w *view) bool { return w != seen && !w.started.Before(noticed) })
	if err == nil && newer.key.Fingerprint == seen.key.Fingerprint {
		newer.confirmed.Store(true)
	}
	return newer, err
}

// wait reads until the view is good. A read that was already running may have
// started too early; the next one cannot have.
func (v *RingView) wait(ctx context.Context, good func(*view) bool) (*view, error) {
	for range readAttempts {
		if held := v.held.Load(); held != nil && good(held) {
			return held, nil
		}
		if err := v.resting(); err != nil {
			return nil, err
		}
		if _, err := v.reads.start(v.project, v.read).wait(ctx); err != nil {
			return nil, unavailable("read ring", err)
		}
	}
	return nil, fmt.Errorf("%w: read ring: the clock was set back during the read", ErrUnavailable)
}

// resting returns the last error while it is too early to read again.
func (v *RingView) resting() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if time.Now().Before(v.fault.until) {
		return v.fault.err
	}
	return nil
}

// read reads the ring and holds the new view, or remembers the error.
func (v *RingView) read(ctx context.Context) (*view, error) {
	next, err := v.fetch(ctx)
	v.mu.Lock()
	if err != nil {
		defer v.mu.Unlock()
		silent := ctx.Err() != nil || errors.Is(err, store.ErrUnavailable)
		err = unavailable("read ring", err)
		v.fault = v.fault.again(err, silent)
		return nil, err
	}
	v.fault = fault{}
	v.mu.Unlock()
	v.held.Store(next)
	if v.memory != nil {
		v.memory.follow(v.project, next.ring)
	}
	return next, nil
}

func (v *RingView) fetch(ctx context.Context) (*view, error) {
	started := time.Now()
	document, err := v.documents.Read(ctx, keyrotation.RingName(v.project))
	if errors.Is(err, store.ErrNotFound) {
		// The project was never rotated: its ring has no keys.
		document, err = store.Document{Data: []byte(`{}`)}, nil
	}
	if err != nil {
		return nil, err
	}
	return newView(document, started, v.held.Load())
}

func (f fault) again(err error, silent bool) fault {
	pause := min(max(2*f.pause, firstPause), longestPause)
	now := time.Now()
	return fault{err: err, silent: silent, at: now, pause: pause, until: now.Add(pause)}
}

// newView decodes a ring. It takes the parsed public key from the previous view if
// the key is the same.
func newView(document store.Document, started time.Time, before *view) (*view, error) {
	ring, err := keyrotation.ReadRing(document)
	if err != nil {
		return nil, err
	}
	next := &view{ring: ring, started: started, limit: min(emptyAge, ring.Durations.ViewAge)}
	key, ok := ring.Active()
	if !ok {
		if ring.Version == 0 {
			next.limit = emptyAge
		}
		return next, nil
	}
	next.key, next.limit = key, ring.Durations.ViewAge
	if key.Issued {
		return next, nil
	}
	if before != nil && before.public != nil && before.key.PublicKey == key.PublicKey && before.key.Fingerprint == key.Fingerprint {
		next.public, next.scheme = before.public, before.scheme
		return next, nil
	}
	if next.public, err = publicKey(key); err != nil {
		return nil, err
	}
	next.scheme = JWTScheme(key.Kind)
	return next, nil
}

// publicKey parses a key's recorded public key and checks it against the recorded
// fingerprint, because shared signatures are looked up by the fingerprint and
// verified with the public key, and against the recorded kind, which decides how
// it signs.
func publicKey(key keyrotation.Key) (crypto.PublicKey, error) {
	public, err := keyrotation.ParsePublicKey(key.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("generation %d: %w", key.Generation, err)
	}
	if keyrotation.Fingerprint(key.PublicKey) != key.Fingerprint {
		return nil, fmt.Errorf("generation %d: the recorded fingerprint is not that of the recorded public key", key.Generation)
	}
	if kind, err := store.KindOf(public); err != nil || kind != key.Kind {
		return nil, fmt.Errorf("generation %d: the recorded kind %q is not that of the recorded public key", key.Generation, key.Kind)
	}
	return public, nil
}

// age is how old the view is at now: the larger age of two clocks, because the
// monotonic one stops while a machine sleeps, and the wall clock may be set.
func (w *view) age(now time.Time) time.Duration {
	return max(now.Sub(w.started), now.Round(0).Sub(w.started.Round(0)))
}

func (w *view) allowed(now time.Time) bool { return w.age(now) <= w.limit }

// unavailable wraps the cause and ErrUnavailable, and says what could not be done.
func unavailable(doing string, err error) error {
	if errors.Is(err, ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %s: %w", ErrUnavailable, doing, err)
}
