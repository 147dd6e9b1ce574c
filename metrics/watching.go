package metrics

import (
	"hash/maphash"
	"math"
	"math/bits"
	"sync"
	"time"
)

const (
	// places is how many bits a minute has: enough for some millions of sessions,
	// of which the count is then a few in a thousand off. A few hundred are
	// counted exactly, but for chance.
	places = 1 << 20
	minute = time.Minute
)

// seen has a bit for each session that was seen, at a place that chance decides.
type seen [places / 64]uint64

// watching counts how many sessions are being watched, without remembering them:
// those that asked for something in this minute or the one before. It needs 256
// KiB, however many they are.
type watching struct {
	seed maphash.Seed

	mu           sync.Mutex
	minute       int64 // since 1970
	this, before *seen
}

func newWatching() *watching {
	return &watching{seed: maphash.MakeSeed(), this: new(seen), before: new(seen)}
}

func (w *watching) saw(session string, now time.Time) {
	place := maphash.String(w.seed, session) % places
	w.mu.Lock()
	defer w.mu.Unlock()
	w.turn(now)
	w.this[place/64] |= 1 << (place % 64)
}

// turn begins a new minute if one has begun. The lock is held.
func (w *watching) turn(now time.Time) {
	passed := now.Unix()/int64(minute/time.Second) - w.minute
	if passed <= 0 {
		return
	}
	w.minute += passed
	w.this, w.before = w.before, w.this
	*w.this = seen{}
	if passed > 1 {
		*w.before = seen{}
	}
}

// count estimates the number of sessions by the share of places that none has:
// two sessions at one place are counted by how likely that is.
func (w *watching) count(now time.Time) float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.turn(now)
	free := places
	for i, word := range w.this {
		free -= bits.OnesCount64(word | w.before[i])
	}
	return math.Round(places * math.Log(places/float64(max(free, 1))))
}
