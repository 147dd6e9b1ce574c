package access

import (
	"context"
	"crypto"
	"crypto/rsa"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"playtoken/keyrotation"
	"playtoken/projects/internal/cache"
)

// minInterval is the least time between two reads because of an unknown key id or
// an unavailable store.
const minInterval = time.Second

// set is the published keys as they were read. It does not change.
type set struct {
	keys map[string]*rsa.PublicKey
	jwks []byte
}

func (s *set) find(keyID string) (crypto.PublicKey, bool) {
	key, ok := s.keys[keyID]
	return key, ok
}

// sets caches the published keys.
type sets struct{ held *cache.Cache[*set] }

func newSets(documents Reader, age, staleness time.Duration) *sets {
	return &sets{cache.New(cache.Config[*set]{
		Size: 1, Age: age, Staleness: staleness, Pause: minInterval,
		Read: func(ctx context.Context, _ string) (*set, error) { return readSet(ctx, documents) },
	})}
}

// current returns the keys as they were published at most the view age ago, or the
// staleness while the store is unavailable.
func (s *sets) current(ctx context.Context) (*set, error) { return s.held.Get(ctx, publishedName) }

// newest reads the keys again unless they were read just now.
func (s *sets) newest(ctx context.Context) (*set, error) {
	return s.held.Newest(ctx, publishedName, minInterval)
}

// readSet ignores unknown members, since it does not write the set.
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
		Keys []keyrotation.WebKey `json:"keys"`
	}{[]keyrotation.WebKey{}}
	for _, k := range published.Keys {
		shown.Keys = append(shown.Keys, newWebKey(k.KeyID, keys[k.KeyID]))
	}
	jwks, err := json.Marshal(shown)
	if err != nil {
		return nil, fmt.Errorf("encode key set: %w", err)
	}
	return &set{keys, jwks}, nil
}
