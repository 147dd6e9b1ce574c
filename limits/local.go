package limits

import (
	"context"
	"hash/maphash"
	"sync"
	"time"
)

const (
	shards     = 16
	maxCallers = 100_000
)

// Local counts in this process. It stores at most 100,000 callers, in a few
// megabytes.
//
// A caller is forgotten, which resets its limit, only after about 50,000 others were
// charged. That does not help to evade a limit: a client that can pose as so many
// callers may do 50,000 times as much as one anyway.
type Local struct {
	start  time.Time
	seed   [2]maphash.Seed // random, so that a client cannot choose a shard or collide with a caller
	shards [shards]shard
}

// shard stores two generations of callers. When the young one is full it replaces
// the old one.
type shard struct {
	mu         sync.Mutex
	young, old map[fingerprint]time.Duration // when the caller's limit is available again, after Local.start
}

// fingerprint is a hash of a caller and a limit's name, long enough that collisions
// do not occur.
type fingerprint [2]uint64

// NewLocal returns a limiter without callers. It starts no goroutines.
func NewLocal() *Local {
	return &Local{start: time.Now(), seed: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
}

// Take implements Limiter.
func (l *Local) Take(_ context.Context, caller string, limit Limit, n int) State {
	key := l.fingerprint(caller, limit.Name)
	s := &l.shards[key[0]%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Since(l.start)
	debt, allowed := limit.take(s.get(key)-now, n)
	if allowed && n > 0 || debt > 0 {
		s.put(key, now+debt)
	}
	return limit.state(debt, allowed, n)
}

func (l *Local) fingerprint(caller, name string) (key fingerprint) {
	for i, seed := range l.seed {
		key[i] = maphash.Comparable(seed, [2]string{caller, name})
	}
	return key
}

func (s *shard) get(key fingerprint) time.Duration {
	if until, ok := s.young[key]; ok {
		return until
	}
	return s.old[key]
}

func (s *shard) put(key fingerprint, until time.Duration) {
	if _, ok := s.young[key]; !ok && len(s.young) >= maxCallers/shards/2 {
		s.old, s.young = s.young, nil
	}
	if s.young == nil {
		s.young = map[fingerprint]time.Duration{}
	}
	s.young[key] = until
}
