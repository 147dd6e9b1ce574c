package access

import (
	"context"
	"crypto/rsa"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"playtoken/projects/internal/cache"
)

// rest is the least time between two readings that something unusual asks for:
// a key id that is not known, a store that fails.
const rest = time.Second

// set is one reading of the published keys. It does not change.
type set struct {
	keys map[string]*rsa.PublicKey
	jwks []byte
}

func (s *set) find(keyID string) (*rsa.PublicKey, bool) {
	key, ok := s.keys[keyID]
	return key, ok
}

// sets reads the published keys, as seldom as it may.
type sets struct{ held *cache.Cache[*set] }

func newSets(documents Reader, age, staleness time.Duration) *sets {
	return &sets{cache.New(cache.Config[*set]{
		Size: 1, Age: age, Staleness: staleness, Pause: rest,
		Read: func(ctx context.Context, _ string) (*set, error) { return readSet(ctx, documents) },
	})}
}

// current returns the keys as they were published no longer ago than the view
// age; while the store does not answer, the staleness.
func (s *sets) current(ctx context.Context) (*set, error) { return s.held.Get(ctx, publishedName) }

// newest reads again, unless that was done just now.
func (s *sets) newest(ctx context.Context) (*set, error) {
	return s.held.Newest(ctx, publishedName, rest)
}

// readSet passes over members that it does not know: it writes nothing back.
func readSet(ctx context.Context, documents Reader) (*set, error) {
	doc, err := readPublication(ctx, documents)
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
	return &set{keys, jwks}, nil
}
