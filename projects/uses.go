package projects

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"playtoken/store"
)

const (
	useEvery = time.Minute // per key and process
	maxUses  = 4_096       // waiting to be written; further ones are dropped
	useGrace = 2 * time.Second
	useWrite = 2 * time.Second // one of them
)

// uses stores when keys were last used, in the background and at most once per
// interval. It helps an operator to find unused keys; a use that cannot be written
// is dropped.
type uses struct {
	store   *Store
	noted   *lru.Cache[string, time.Time] // the last use of each key
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex
	waiting map[string]time.Time
	working bool
	closed  bool
}

func newUses(store *Store) *uses {
	u := &uses{store: store, waiting: map[string]time.Time{}}
	u.ctx, u.cancel = context.WithCancel(context.Background())
	u.noted, _ = lru.New[string, time.Time](cachedKeys) // fails for sizes below 1 only
	return u
}

// close waits a short time for the writes that are left.
func (u *uses) close() {
	u.mu.Lock()
	u.closed = true
	u.mu.Unlock()
	late := time.AfterFunc(useGrace, u.cancel)
	u.running.Wait()
	late.Stop()
	u.cancel()
}

// note queues a use of a key. It does not wait.
func (u *uses) note(id string) {
	now := u.store.now()
	u.mu.Lock()
	defer u.mu.Unlock()
	if last, ok := u.noted.Get(id); ok && now.Sub(last) < useEvery || u.closed || len(u.waiting) >= maxUses {
		return
	}
	u.noted.Add(id, now)
	u.waiting[id] = now
	if !u.working {
		u.working = true
		u.running.Go(u.work)
	}
}

// work writes until no use is waiting.
func (u *uses) work() {
	for {
		id, at, ok := u.next()
		if !ok {
			return
		}
		ctx, cancel := context.WithTimeout(u.ctx, useWrite)
		u.store.used(ctx, id, at)
		cancel()
	}
}

func (u *uses) next() (id string, at time.Time, ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ctx.Err() == nil {
		for id, at = range u.waiting {
			delete(u.waiting, id)
			return id, at, true
		}
	}
	u.working = false
	return "", time.Time{}, false
}

// lastUse is when a key was last used; nil: never, as far as was stored.
func (s *Store) lastUse(ctx context.Context, id string) (*time.Time, error) {
	var used useDocument
	switch _, err := s.readOnly(ctx, useName(id), &used); {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read last use of key %s: %w", id, err)
	}
	return &used.LastUsedAt, nil
}

// exists returns nil for a key that has not been deleted.
func (s *Store) exists(ctx context.Context, id string) (err error) {
	switch {
	case id == EnvironmentAdmin:
	case strings.HasPrefix(id, adminKeyPrefix):
		_, _, err = s.adminKey(ctx, id)
	default:
		_, _, err = s.apiKey(ctx, id, s.readOnly)
	}
	return err
}

// used stores when a key was used, unless a use within the last minute is
// stored, or another process is writing.
func (s *Store) used(ctx context.Context, id string, at time.Time) {
	var held useDocument
	version, err := s.readForUpdate(ctx, useName(id), &held)
	if errors.Is(err, store.ErrNotFound) {
		// This is the first use, or the key is deleted; then its use must not be
		// stored.
		err = s.exists(ctx, id)
	}
	if err == nil && at.Sub(held.LastUsedAt) >= useEvery {
		_, _ = s.save(ctx, useName(id), useDocument{LastUsedAt: at}, version) // see uses
	}
}
