package signer_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/keyrotation"
	"playtoken/signer"
	"playtoken/store"
)

// vault is a store that also hands keys out, and remembers what it gave.
type vault struct {
	*fakeStore

	mu      sync.Mutex
	refuse  error // of every export
	exports int
	given   map[string]*rsa.PrivateKey // the newest, by store name
}

func (v *vault) Export(ctx context.Context, name string) (crypto.Signer, error) {
	_, keys, err := v.take(ctx)
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.exports++; err == nil {
		err = v.refuse
	}
	if err != nil {
		return nil, err
	}
	pair, ok := keys[name]
	if !ok {
		return nil, fmt.Errorf("export %s: %w", name, signer.ErrKeyGone)
	}
	private, err := x509.ParsePKCS1PrivateKey(x509.MarshalPKCS1PrivateKey(pair.(*rsa.PrivateKey)))
	v.given[name] = private
	return private, err
}

// wiped reports whether nothing is left of what was given out.
func (v *vault) wiped(name string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	private, ok := v.given[name]
	return ok && private.D == nil
}

// movable is a generation that may leave the store.
func movable(t testing.TB, n int, state keyrotation.State) keyrotation.Key {
	k := generation(t, n, state)
	k.Exportable = true
	return k
}

// inMemory runs a test, in a bubble of fake time, with a minter that signs in
// memory. Generation 1 is active, 2 a standby.
func inMemory(t *testing.T, test func(t *testing.T, v *vault, m *signer.ShapeMinter, log *bytes.Buffer)) {
	t.Helper()
	v := &vault{fakeStore: newStore(t), given: map[string]*rsa.PrivateKey{}}
	v.hold(t, movable(t, 0, keyrotation.Active), movable(t, 1, keyrotation.Registered))
	var log bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		memory := signer.NewMemory(v, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
		signatures, err := signer.NewSignatures(signer.SignaturesConfig{Keys: memory, InMemory: memory.Holds, Remembered: 1024})
		if err != nil {
			t.Fatal(err)
		}
		view := memory.RingView(v, "default")
		synctest.Wait() // the first read is done, and what it names is loaded
		test(t, v, &signer.ShapeMinter{Ring: view, Signatures: signatures, Shape: shape{}, Policy: policy}, &log)
		view.Close()
		signatures.Close()
		memory.Close()
	})
	for name := range v.given {
		if !v.wiped(name) {
			t.Errorf("after Close: key %s is not wiped, want it wiped", name)
		}
	}
}

// mints asks for a token of its own.
func mints(t *testing.T, m *signer.ShapeMinter) (signer.Token, error) {
	t.Helper()
	return m.Mint(t.Context(), signer.Request{VideoID: fmt.Sprintf("vid%d", time.Now().UnixNano())})
}

func away(s *fakeStore) { s.err = store.ErrUnavailable }

func TestMintingGoesOnWithoutTheStoreUntilTheStalenessAndNotLonger(t *testing.T) {
	inMemory(t, func(t *testing.T, v *vault, m *signer.ShapeMinter, _ *bytes.Buffer) {
		read := time.Now()
		v.set(away)
		signatures := v.signatures.Load()
		for time.Since(read) < staleness-time.Second {
			token, err := mints(t, m)
			if err != nil || token.KeyID != "key-0" {
				t.Fatalf("%s into the outage: got key %q, %v, want key-0", time.Since(read), token.KeyID, err)
			}
			sameAsAlone(t, token)
			time.Sleep(time.Second + time.Millisecond)
		}
		time.Sleep(staleness - time.Since(read))
		if _, err := mints(t, m); err != nil {
			t.Errorf("at exactly the staleness: got %v, want no error", err)
		}
		if err := m.Ready(t.Context()); err != nil {
			t.Errorf("Ready at exactly the staleness: got %v, want no error", err)
		}
		time.Sleep(time.Nanosecond)
		if _, err := mints(t, m); !errors.Is(err, signer.ErrUnavailable) {
			t.Errorf("one nanosecond later: got %v, want ErrUnavailable", err)
		}
		if err := m.Ready(t.Context()); !errors.Is(err, signer.ErrUnavailable) {
			t.Errorf("Ready one nanosecond later: got %v, want ErrUnavailable", err)
		}
		if n := v.signatures.Load(); n != signatures {
			t.Errorf("store: got %d requests for signatures, want 0", n-signatures)
		}
		v.set(mended)
		time.Sleep(time.Second)
		if _, err := mints(t, m); err != nil {
			t.Errorf("a second after the store is back: got %v, want no error", err)
		}
	})
}

func TestNoCallerWaitsForAStoreThatIsKnownToHang(t *testing.T) {
	inMemory(t, func(t *testing.T, v *vault, m *signer.ShapeMinter, _ *bytes.Buffer) {
		v.set(func(s *fakeStore) { s.delay = time.Hour })
		slow := 0
		for range 600 {
			asked := time.Now()
			if _, err := mints(t, m); err != nil {
				t.Fatal(err)
			}
			if time.Since(asked) > 0 {
				slow++
			}
			time.Sleep(100 * time.Millisecond)
		}
		if slow > 1 { // one request has to notice
			t.Errorf("got %d of 600 requests that waited, want at most 1", slow)
		}
	})
}

func TestWhileTheStoreAnswersAViewIsNoOlderThanAnyOther(t *testing.T) {
	inMemory(t, func(t *testing.T, v *vault, m *signer.ShapeMinter, _ *bytes.Buffer) {
		v.hold(t, movable(t, 0, keyrotation.Revoking), movable(t, 1, keyrotation.Active))
		time.Sleep(viewAge + 1)
		token, err := mints(t, m)
		if err != nil || token.KeyID != "key-1" {
			t.Errorf("after the revocation: got key %q, %v, want key-1", token.KeyID, err)
		}
		if !v.wiped("store_name_0") {
			t.Error("revoked key: not wiped, want it wiped")
		}
	})
}

func TestAStoreThatSaysNoIsNotAway(t *testing.T) {
	inMemory(t, func(t *testing.T, v *vault, m *signer.ShapeMinter, _ *bytes.Buffer) {
		v.set(broken)
		time.Sleep(viewAge + 1)
		if _, err := mints(t, m); !errors.Is(err, errStore) {
			t.Errorf("Mint: got %v, want the store's error", err)
		}
	})
}

func TestAStandbySignsFromItsFirstMomentOnWithoutTheStore(t *testing.T) {
	inMemory(t, func(t *testing.T, v *vault, m *signer.ShapeMinter, _ *bytes.Buffer) {
		v.hold(t, movable(t, 0, keyrotation.Retiring), movable(t, 1, keyrotation.Active), movable(t, 2, keyrotation.Registered))
		v.set(func(s *fakeStore) { clear(s.keys) }) // nothing can be loaded or signed any more
		time.Sleep(viewAge)
		token, err := mints(t, m)
		if err != nil || token.KeyID != "key-1" {
			t.Fatalf("Mint: got key %q, %v, want key-1", token.KeyID, err)
		}
		sameAsAlone(t, token)
	})
}

func TestTheStoreSignsWhatIsNotInMemory(t *testing.T) {
	for name, c := range map[string]struct {
		active keyrotation.Key
		refuse error
	}{
		"not exportable":         {generation(t, 2, keyrotation.Active), nil},
		"not allowed to leave":   {movable(t, 2, keyrotation.Active), errors.New("capability read is missing")},
		"not yet loaded anymore": {movable(t, 2, keyrotation.Active), signer.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			inMemory(t, func(t *testing.T, v *vault, m *signer.ShapeMinter, log *bytes.Buffer) {
				v.mu.Lock()
				v.refuse = c.refuse
				v.mu.Unlock()
				v.hold(t, movable(t, 0, keyrotation.Retiring), c.active)
				for range 10 {
					time.Sleep(viewAge)
					token, err := mints(t, m)
					if err != nil || token.KeyID != "key-2" {
						t.Fatalf("Mint: got key %q, %v, want key-2", token.KeyID, err)
					}
				}
				if v.signatures.Load() < 10 {
					t.Errorf("store: got %d signatures, want at least 10", v.signatures.Load())
				}
				if said := strings.Count(log.String(), "cannot load"); c.refuse != nil && said != 1 || c.refuse == nil && said != 0 {
					t.Errorf("warnings: got %d, want one only for a key that cannot be exported; log:\n%s", said, log)
				}
				v.set(away)
				time.Sleep(viewAge + 1)
				if _, err := mints(t, m); !errors.Is(err, signer.ErrUnavailable) {
					t.Errorf("without the store: got %v, want ErrUnavailable", err)
				}
				if err := m.Ready(t.Context()); !errors.Is(err, signer.ErrUnavailable) {
					t.Errorf("Ready without the store: got %v, want ErrUnavailable", err)
				}
			})
		})
	}
}

func TestAnotherKeyUnderTheSameNameIsNotLoaded(t *testing.T) {
	inMemory(t, func(t *testing.T, v *vault, m *signer.ShapeMinter, log *bytes.Buffer) {
		v.set(func(s *fakeStore) { s.keys["store_name_2"] = pairs()[0] })
		v.hold(t, movable(t, 2, keyrotation.Active))
		time.Sleep(viewAge)
		if token, err := mints(t, m); !errors.Is(err, rsa.ErrVerification) {
			t.Errorf("Mint: got %q, %v, want ErrVerification", token.Value, err)
		}
		if !strings.Contains(log.String(), "a different key") || !v.wiped("store_name_2") {
			t.Errorf("another key under the name: not wiped or not logged, want both; log:\n%s", log)
		}
	})
}

func TestAnIdleViewLeavesTheStoreAlone(t *testing.T) {
	inMemory(t, func(t *testing.T, v *vault, m *signer.ShapeMinter, _ *bytes.Buffer) {
		time.Sleep(staleness / 2)
		if n := v.reads.Load(); n < int64(staleness/viewAge)/2 {
			t.Errorf("got %d reads ahead, want one per half of the view's age", n)
		}
		time.Sleep(staleness)
		before := v.reads.Load()
		time.Sleep(100 * staleness)
		if n := v.reads.Load(); n != before {
			t.Errorf("got %d reads while the view is not used, want 0", n-before)
		}
		if _, err := mints(t, m); err != nil {
			t.Errorf("after the pause: got %v, want no error", err)
		}
		before = v.reads.Load()
		time.Sleep(5 * viewAge)
		if n := v.reads.Load() - before; n < 5 {
			t.Errorf("got %d reads ahead after it is used again, want at least 5", n)
		}
	})
}
