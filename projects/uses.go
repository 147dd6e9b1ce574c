package projects

import (
	"context"
	"errors"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"playtoken/store"
)

const (
	useEvery = time.Minute // for each key and process
	maxUses  = 4_096       // that wait to be written; more are forgotten
	useGrace = 2 * time.Second
	useWrite = 2 * time.Second // one of them
)

// uses writes down when API keys were used, in the background and only so
// often. It is for people who look for keys that nobody needs: a use that
// cannot be written is forgotten.
type uses struct {
	store   *Store
	noted   *lru.Cache[string, time.Time] // when each key was last
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
	u.noted, _ = lru.New[string, time.Time](heldKeys) // fails for sizes below 1 only
	return u
}

// close waits for what is still to be written, but not for long.
func (u *uses) close() {
	u.mu.Lock()
	u.closed = true
	u.mu.Unlock()
	late := time.AfterFunc(useGrace, u.cancel)
	u.running.Wait()
	late.Stop()
	u.cancel()
}

// note says that a key was used now. It does not wait.
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

// work writes until nothing waits.
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

// used writes down when an API key was used, unless that is known to the
// minute, or somebody else is at it.
func (s *Store) used(ctx context.Context, id string, at time.Time) {
	var held useDocument
	version, err := s.edit(ctx, useName(id), &held)
	if errors.Is(err, store.ErrNotFound) {
		// The first use; or the key is gone, and this must not outlive it.
		_, _, err = s.apiKey(ctx, id, s.look)
	}
	if err == nil && at.Sub(held.LastUsedAt) >= useEvery {
		_, _ = s.save(ctx, useName(id), useDocument{LastUsedAt: at}, version) // see uses
	}
}
