// Package cache holds what was read of a store for a while, so that few have to
// wait for it, and nobody for one that is away.
//
// The decision a newcomer would get wrong: a read belongs to the cache, not to
// whoever asked for it. It is shared, nobody's cancellation spoils another's
// answer, and what is asked for again and again is read again ahead of time.
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
	// longestPause is the longest between two reads of a store that is away.
	longestPause = time.Second
	// awayFor is how long one failed read tells that the store is away. While
	// it is, reads follow each other more closely than that.
	awayFor = 5 * time.Second
	// readAttempts bounds how often one request reads. Two suffice unless the
	// clock is being set back meanwhile.
	readAttempts = 3
)

var (
	errClosed = fmt.Errorf("%w: stopping", store.ErrUnavailable)
	errClock  = fmt.Errorf("%w: read: the clock is being set back", store.ErrUnavailable)
)

// Config says what is held, and for how long.
type Config[V any] struct {
	Size      int           // entries, at least 1
	Age       time.Duration // of an entry, at most, while the store answers
	Staleness time.Duration // the same while it is away, if that is longer
	Pause     time.Duration // after a store was found away; doubled each time, up to a second

	// Read asks the store. It is away if the error is
	// store.ErrUnavailable, or no answer comes within two seconds; Absent
	// is an answer, and held.
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

// held is one answer of the store. It does not change.
type held[V any] struct {
	value   V
	err     error // nil, or Absent
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

// New returns a cache that is empty.
func New[V any](config Config[V]) *Cache[V] {
	config.Staleness = max(config.Age, config.Staleness)
	c := &Cache[V]{config: config, reads: map[string]*reading[V]{}}
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	c.entries, _ = lru.New[string, *held[V]](config.Size) // fails for sizes below 1 only
	return c
}

// Close ends every read that is under way and waits for it.
func (c *Cache[V]) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel(errClosed)
	c.running.Wait()
}

// Get returns what the store holds under an id. Errors: Absent,
// store.ErrUnavailable, or whatever is wrong with the document.
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
	case usable && c.away(now) != nil:
		c.start(id) // nobody waits for a store that is known to be away
		return found.value, found.err
	}
	newer, err := c.await(ctx, id, c.config.Age, now)
	if usable && errors.Is(err, store.ErrUnavailable) && !errors.Is(err, errClock) {
		return found.value, found.err
	}
	return newer, err
}

// Newest is Get for whoever knows of something newer than what is held: it
// returns what was read no longer ago than age, and nothing older, even if the
// store is away.
func (c *Cache[V]) Newest(ctx context.Context, id string, age time.Duration) (V, error) {
	now := time.Now()
	if found, ok := c.entries.Get(id); ok && found.within(age, now) {
		return found.value, found.err
	}
	return c.await(ctx, id, age, now)
}

// await reads until what was read is young enough at now. A read that others
// began may have started too early to be; the next one cannot have.
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

// Holds reports whether something is known about an id, however old.
func (c *Cache[V]) Holds(id string) bool { return c.entries.Contains(id) }

// start returns the read of an id that is under way, or begins one, unless the
// store was away a moment ago. It does not wait.
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
		c.entries.Add(id, found)
	}
	c.mu.Lock()
	delete(c.reads, id)
	c.fault = c.fault.after(own.err, c.config.Pause)
	c.mu.Unlock()
	close(own.done)
}

// after is what is remembered once a read has ended like this. A document that
// cannot be decoded is trouble, but of a store that answers.
func (f fault) after(err error, least time.Duration) fault {
	if !errors.Is(err, store.ErrUnavailable) {
		return fault{}
	}
	return fault{err: err, at: time.Now(), pause: min(max(2*f.pause, least), longestPause)}
}

// away returns why the store is known to be away; nil if it is not.
func (c *Cache[V]) away(now time.Time) error {
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
