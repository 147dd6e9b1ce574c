package access

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"

	"playtoken/keyrotation"
)

const (
	readTimeout = 2 * time.Second
	// rest is the least time between two readings that something unusual asks
	// for: a key id that is not known, a store that fails.
	rest = time.Second
)

// set is one reading of the published keys. It does not change.
type set struct {
	keys    map[string]*rsa.PublicKey
	jwks    []byte
	started time.Time
}

func (s *set) find(keyID string) (*rsa.PublicKey, bool) {
	key, ok := s.keys[keyID]
	return key, ok
}

// age is by whichever of the two clocks says more: the monotonic one stands
// still while a machine sleeps, the other may be set.
func (s *set) age() time.Duration {
	return max(time.Since(s.started), time.Now().Round(0).Sub(s.started.Round(0)))
}

// sets reads the published keys, as seldom as it may.
type sets struct {
	documents      Reader
	age, staleness time.Duration
	turn           chan struct{} // holds one token, whose owner may read
	held           atomic.Pointer[set]
	failed         atomic.Pointer[failure]
}

type failure struct {
	err error
	at  time.Time
}

func newSets(documents Reader, age, staleness time.Duration) *sets {
	return &sets{documents: documents, age: age, staleness: staleness, turn: make(chan struct{}, 1)}
}

// current returns the keys as they were published no longer ago than the view
// age; while the store does not answer, the staleness.
func (s *sets) current(ctx context.Context) (*set, error) {
	now, err := s.younger(ctx, s.age)
	if err == nil || !errors.Is(err, keyrotation.ErrUnavailable) {
		return now, err
	}
	if held := s.held.Load(); held != nil && held.age() <= s.staleness {
		return held, nil
	}
	return nil, err
}

// newest reads again, unless that was done just now.
func (s *sets) newest(ctx context.Context) (*set, error) { return s.younger(ctx, rest) }

func (s *sets) younger(ctx context.Context, age time.Duration) (*set, error) {
	if held := s.held.Load(); held != nil && held.age() <= age {
		return held, nil
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", keyrotation.ErrUnavailable, ctx.Err())
	}
	// Whoever had the turn before us may have read what we need.
	if held := s.held.Load(); held != nil && held.age() <= age {
		return held, nil
	}
	if last := s.failed.Load(); last != nil && time.Since(last.at) < rest {
		return nil, last.err
	}
	return s.read(ctx)
}

func (s *sets) read(ctx context.Context) (*set, error) {
	limited, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	next, err := s.fetch(limited)
	if err != nil {
		if ctx.Err() == nil { // the store's doing, not a caller's who gave up
			s.failed.Store(&failure{err, time.Now()})
		}
		return nil, err
	}
	s.held.Store(next)
	s.failed.Store(nil)
	return next, nil
}

// fetch passes over members that it does not know: it writes nothing back.
func (s *sets) fetch(ctx context.Context) (*set, error) {
	started := time.Now()
	doc, err := readPublication(ctx, s.documents)
	if err != nil {
		return nil, fmt.Errorf("read published keys: %w", err)
	}
	published, keys, err := doc.decode()
	if err != nil {
		return nil, err
	}
	shown := struct {
		Keys []webKey `json:"keys"`
	}{[]webKey{}}
	for _, k := range published.Keys {
		shown.Keys = append(shown.Keys, newWebKey(k.KeyID, keys[k.KeyID]))
	}
	jwks, err := json.Marshal(shown)
	if err != nil {
		return nil, fmt.Errorf("encode key set: %w", err)
	}
	return &set{keys, jwks, started}, nil
}
