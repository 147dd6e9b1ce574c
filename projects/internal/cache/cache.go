// Package cache keeps values that were read from a store for a while, so that few
// callers wait for the store, and none for an unavailable one.
//
// The decision a newcomer would get wrong: a read belongs to the cache, not to the
// caller that caused it. Callers share it, one caller's cancellation does not
// affect another's result, and an entry that is often used is read again before it
// expires.
package cache

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"playtoken/store"
)

const (
	// readTimeout bounds one read.
	readTimeout = 2 * time.Second
	// longestPause is the longest pause between two reads of an unavailable store.
	longestPause = time.Second
	// unavailableFor is how long after a failed read the store counts as
	// unavailable. While it is, reads follow each other more closely than that.
	unavailableFor = 5 * time.Second
	// readAttempts bounds how often one call reads. Two are enough unless the
	// clock is set back meanwhile.
	readAttempts = 3
)

var (
	errClosed = fmt.Errorf("%w: the cache is closed", store.ErrUnavailable)
	errClock  = fmt.Errorf("%w: the clock was set back during the read", store.ErrUnavailable)
)

// Config says what is cached and for how long.
type Config[V any] struct {
	Size      int           // entries, at least 1
	Age       time.Duration // the largest of an entry
	Staleness time.Duration // the same while the store is unavailable, if it is longer
	Pause     time.Duration // after a failed read; doubled each time, up to a second

	// Read reads from the store. The store counts as unavailable if the error is
	// store.ErrUnavailable or Read takes longer than two seconds. The error
	// Absent is cached like a value.
	Read   func(ctx context.Context, id string) (V, error)
	Absent error
}

// Cache is safe for concurrent use. Close must be called.
type Cache[V any] struct {
	config  Config[V]
	entries *lru.Cache[string, *held[V]]
	ctx     context.Context
	cancel  context.CancelCauseFunc
	running sync.WaitGroup

	mu     sync.Mutex
	reads  map[string]*reading[V]
	closed bool
	fault  fault
}

// held is one result of a read. It does not change.
type held[V any] struct {
	value   V
	err     error // nil, or Absent
	started time.Time
}

// reading is one read in progress. Its result may be used once done is closed.
type reading[V any] struct {
	done  chan struct{}
	found *held[V]
	err   error
}

// fault remembers the last failed read; zero after a successful one.
type fault struct {
	err   error
	at    time.Time
	pause time.Duration
}

// New returns an empty cache.
func New[V any](config Config[V]) *Cache[V] {
	config.Staleness = max(config.Age, config.Staleness)
	c := &Cache[V]{config: config, reads: map[string]*reading[V]{}}
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	c.entries, _ = lru.New[string, *held[V]](config.Size) // fails for sizes below 1 only
	return c
}

// Close cancels all reads and waits for them.
func (c *Cache[V]) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel(errClosed)
	c.running.Wait()
}

// Get returns the value of an id. Errors: Absent, store.ErrUnavailable, or the
// error of a document that cannot be decoded.
func (c *Cache[V]) Get(ctx context.Context, id string) (V, error) {
	now := time.Now()
	found, ok := c.entries.Get(id)
	usable := ok && found.within(c.config.Staleness, now)
	switch {
	case ok && found.within(c.config.Age, now):
		if !found.within(c.config.Age/2, now) {
			c.start(id)
		}
		return found.value, found.err
	case usable && c.unavailable(now) != nil:
		c.start(id) // the caller does not wait for an unavailable store
		return found.value, found.err
	}
	newer, err := c.await(ctx, id, c.config.Age, now)
	if usable && errors.Is(err, store.ErrUnavailable) && !errors.Is(err, errClock) {
		return found.value, found.err
	}
	return newer, err
}

// Expect begins to read an entry that is too old, for a caller that will soon Get it.
// It does not wait.
func (c *Cache[V]) Expect(id string) {
	if found, ok := c.entries.Get(id); !ok || !found.within(c.config.Age, time.Now()) {
		c.start(id)
	}
}

// Newest is Get for a caller that knows the entry may be outdated: it returns a
// value that was read at most age ago, and never an older one, even if the store is
// unavailable.
func (c *Cache[V]) Newest(ctx context.Context, id string, age time.Duration) (V, error) {
	now := time.Now()
	if found, ok := c.entries.Get(id); ok && found.within(age, now) {
		return found.value, found.err
	}
	return c.await(ctx, id, age, now)
}

// await reads until the result is young enough at now. A read that was already in
// progress may have started too early; the next one cannot have.
func (c *Cache[V]) await(ctx context.Context, id string, age time.Duration, now time.Time) (none V, err error) {
	for range readAttempts {
		read, err := c.start(id).wait(ctx)
		if err != nil {
			return none, err
		}
		if read.within(age, now) {
			return read.value, read.err
		}
	}
	return none, errClock
}

// Holds reports whether an id has an entry, of any age.
func (c *Cache[V]) Holds(id string) bool { return c.entries.Contains(id) }

// Drop forgets an id, also what a read that is under way will find, so that the
// next call reads it again.
func (c *Cache[V]) Drop(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.reads, id)
	c.entries.Remove(id)
}

// start returns the read of an id that is in progress, or begins one unless the
// last read failed a moment ago. It does not wait.
func (c *Cache[V]) start(id string) *reading[V] {
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

func (c *Cache[V]) run(id string, own *reading[V]) {
	ctx, cancel := context.WithTimeout(c.ctx, readTimeout)
	defer cancel()
	found := &held[V]{started: time.Now()}
	found.value, found.err = c.config.Read(ctx, id)
	if found.err != nil && !errors.Is(found.err, c.config.Absent) {
		own.err = found.err
		if ctx.Err() != nil && !errors.Is(own.err, store.ErrUnavailable) {
			own.err = fmt.Errorf("%w: %w", store.ErrUnavailable, own.err)
		}
	} else {
		own.found = found
	}
	c.mu.Lock()
	if c.reads[id] == own { // it was not dropped meanwhile
		delete(c.reads, id)
		if own.found != nil {
			c.entries.Add(id, found)
		}
	}
	c.fault = c.fault.after(own.err, c.config.Pause)
	c.mu.Unlock()
	close(own.done)
}

// after is the fault after a read with this error. A store that returns a document
// which cannot be decoded is available.
func (f fault) after(err error, least time.Duration) fault {
	if !errors.Is(err, store.ErrUnavailable) {
		return fault{}
	}
	return fault{err: err, at: time.Now(), pause: min(max(2*f.pause, least), longestPause)}
}

// unavailable returns why the store counts as unavailable; nil if it does not.
func (c *Cache[V]) unavailable(now time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fault.err != nil && now.Sub(c.fault.at) < unavailableFor {
		return c.fault.err
	}
	return nil
}

// wait returns the result, or the cause of ctx's end; the read goes on then.
func (r *reading[V]) wait(ctx context.Context) (*held[V], error) {
	select {
	case <-r.done:
		return r.found, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// within reports whether an entry is at most this old at now. It takes the larger
// age of two clocks: the monotonic one stops while a machine sleeps, and the wall
// clock may be set.
func (h *held[V]) within(age time.Duration, now time.Time) bool {
	return max(now.Sub(h.started), now.Round(0).Sub(h.started.Round(0))) <= age
}
