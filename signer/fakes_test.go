package signer_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"playtoken/keyrotation"
	"playtoken/signer"
	"playtoken/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pairs are key pairs, made once: which one a test gets does not matter.
var pairs = sync.OnceValue(func() []*rsa.PrivateKey {
	made := make([]*rsa.PrivateKey, 3)
	for i := range made {
		made[i], _ = rsa.GenerateKey(rand.Reader, 2048)
	}
	return made
})

// fakeStore is a document store and a key store in memory, whose calls can be
// counted, delayed and made to fail.
type fakeStore struct {
	mu    sync.Mutex
	data  []byte
	err   error         // of every call
	delay time.Duration // of every call
	keys  map[string]crypto.Signer

	verifiedBy *rsa.PublicKey // what signatures say about themselves

	reads, signatures atomic.Int64
}

func (s *fakeStore) set(change func(*fakeStore)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *fakeStore) take(ctx context.Context) (data []byte, keys map[string]crypto.Signer, err error) {
	s.mu.Lock()
	data, keys, err = s.data, maps.Clone(s.keys), s.err
	delay := s.delay
	s.mu.Unlock()
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return nil, nil, context.Cause(ctx)
		}
	}
	return data, keys, err
}

func (s *fakeStore) Read(ctx context.Context, name string) (store.Document, error) {
	s.reads.Add(1)
	data, _, err := s.take(ctx)
	switch {
	case err != nil:
		return store.Document{}, err
	case name != "ring/default" || data == nil:
		return store.Document{}, fmt.Errorf("read %s: %w", name, store.ErrNotFound)
	}
	return store.Document{Data: data, Version: 1}, nil
}

func (s *fakeStore) Sign(ctx context.Context, name string, scheme signer.Scheme, input []byte) (signature signer.Signature, err error) {
	s.signatures.Add(1)
	_, keys, err := s.take(ctx)
	if err != nil {
		return signature, err
	}
	key, ok := keys[name]
	if !ok {
		return signature, fmt.Errorf("sign with %s: %w", name, signer.ErrKeyGone)
	}
	s.set(func(s *fakeStore) { signature.VerifiedBy = s.verifiedBy })
	signature.Value, err = scheme.Sign(key, input)
	return signature, err
}

const (
	viewAge   = 10 * time.Second
	staleness = 10 * time.Minute
)

// generation is a key of a ring: pair number n of pairs, as generation n+1.
func generation(t testing.TB, n int, state keyrotation.State) keyrotation.Key {
	t.Helper()
	text, err := keyrotation.EncodePublicKey(&pairs()[n].PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return keyrotation.Key{
		Generation: n + 1, State: state, StoreName: fmt.Sprintf("store_name_%d", n), KeyID: fmt.Sprintf("key-%d", n),
		PublicKey: text, Fingerprint: keyrotation.Fingerprint(text), Kind: store.RSA2048, MaxTTL: time.Hour,
	}
}

// hold makes a ring of these keys the stored one; private keys stay.
func (s *fakeStore) hold(t testing.TB, keys ...keyrotation.Key) {
	t.Helper()
	ring := keyrotation.Ring{Project: "default", Keys: keys, Durations: keyrotation.Durations{
		ViewAge: viewAge, Staleness: staleness, Propagation: time.Minute}}
	data, err := ring.Encode()
	if err != nil {
		t.Fatal(err)
	}
	s.set(func(s *fakeStore) { s.data = data })
}

// newStore holds a ring whose generation 1 is active, and all private keys.
func newStore(t testing.TB) *fakeStore {
	t.Helper()
	s := &fakeStore{keys: map[string]crypto.Signer{}}
	for n, pair := range pairs() {
		s.keys[fmt.Sprintf("store_name_%d", n)] = pair
	}
	s.hold(t, generation(t, 0, keyrotation.Active))
	return s
}

// shape claims what the request says, and its times.
type shape struct{}

func (shape) Claims(req signer.Request, issued, expires time.Time) (map[string]any, error) {
	if !strings.HasPrefix(req.VideoID, "vid") {
		return nil, fmt.Errorf("%w: %q", signer.ErrVideo, req.VideoID)
	}
	claims := map[string]any{"sub": req.VideoID, "iat": issued.Unix(), "exp": expires.Unix()}
	maps.Copy(claims, req.Claims)
	return claims, nil
}

func (shape) URLs(videoID, token string) signer.URLs {
	return signer.URLs{HLS: "https://media.example/" + videoID + "?jwt=" + token}
}

func (shape) Delivery() signer.Delivery {
	return signer.Delivery{Place: signer.InQuery, Name: "jwt", Renew: signer.RenewByRequest}
}

var policy = signer.Policy{DefaultTTL: 10 * time.Minute, MaxTTL: 2 * time.Hour, AllowedClaims: []string{"plan", "deep"}}

// newMinter is closed when the test ends; in a bubble, close it there.
func newMinter(t testing.TB, s *fakeStore) (*signer.ShapeMinter, func()) {
	t.Helper()
	signatures, err := signer.NewSignatures(signer.SignaturesConfig{Keys: s, Remembered: 1024})
	if err != nil {
		t.Fatal(err)
	}
	view := signer.NewRingView(s, "default")
	return &signer.ShapeMinter{Ring: view, Signatures: signatures, Shape: shape{}, Policy: policy}, func() {
		view.Close()
		signatures.Close()
	}
}
