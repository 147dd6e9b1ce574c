package signer_test

import (
	"bytes"
	"context"
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

func (v *vault) Export(ctx context.Context, name string) (*rsa.PrivateKey, error) {
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
	private, err := x509.ParsePKCS1PrivateKey(x509.MarshalPKCS1PrivateKey(pair))
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
func inMemory(t *testing.T, test func(t *testing.T, v *vault, m *signer.RS256, log *bytes.Buffer)) {
	t.Helper()
	v := &vault{fakeStore: newStore(t), given: map[string]*rsa.PrivateKey{}}
	v.hold(t, movable(t, 0, keyrotation.Active), movable(t, 1, keyrotation.Registered))
	var log bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		memory := signer.NewMemory(v, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
		signatures, err := signer.NewSignatures(memory, 1024)
		if err != nil {
			t.Fatal(err)
		}
		view := memory.RingView(v, "default")
		synctest.Wait() // the first read is done, and what it names is loaded
		test(t, v, &signer.RS256{Ring: view, Signatures: signatures, Shape: shape{}, Policy: policy}, &log)
		view.Close()
		signatures.Close()
		memory.Close()
	})
	for name := range v.given {
		if !v.wiped(name) {
			t.Errorf("after Close %s is still there", name)
		}
	}
}

// mints asks for a token of its own.
func mints(t *testing.T, m *signer.RS256) (signer.Token, error) {
	t.Helper()
	return m.Mint(t.Context(), signer.Request{VideoID: fmt.Sprintf("vid%d", time.Now().UnixNano())})
}

func away(s *fakeStore) { s.err = store.ErrUnavailable }

func TestMintingGoesOnWithoutTheStoreUntilTheStalenessAndNotLonger(t *testing.T) {
	inMemory(t, func(t *testing.T, v *vault, m *signer.RS256, _ *bytes.Buffer) {
		read := time.Now()
		v.set(away)
		signatures := v.signatures.Load()
		for time.Since(read) < staleness-time.Second {
			token, err := mints(t, m)
			if err != nil || token.KeyID != "key-0" {
				t.Fatalf("after %s: %q, %v", time.Since(read), token.KeyID, err)
			}
			sameAsAlone(t, token)
			time.Sleep(time.Second + time.Millisecond)
		}
		time.Sleep(staleness - time.Since(read))
		if _, err := mints(t, m); err != nil {
			t.Errorf("at exactly the staleness: %v", err)
		}
		if err := m.Ready(t.Context()); err != nil {
			t.Errorf("at exactly the staleness it is not ready: %v", err)
		}
		time.Sleep(time.Nanosecond)
		if _, err := mints(t, m); !errors.Is(err, signer.ErrUnavailable) {
			t.Errorf("one nanosecond later: %v", err)
		}
		if err := m.Ready(t.Context()); !errors.Is(err, signer.ErrUnavailable) {
			t.Errorf("one nanosecond later it is ready: %v", err)
		}
		if n := v.signatures.Load(); n != signatures {
			t.Errorf("the store was asked for %d signatures", n-signatures)
		}
		v.set(mended)
		time.Sleep(time.Second)
		if _, err := mints(t, m); err != nil {
			t.Errorf("a second after the store is back: %v", err)
		}
	})
}

func TestNobodyWaitsForAStoreThatIsKnownToHang(t *testing.T) {
	inMemory(t, func(t *testing.T, v *vault, m *signer.RS256, _ *bytes.Buffer) {
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
		if slow > 1 { // somebody has to find out
			t.Errorf("%d of 600 requests waited", slow)
		}
	})
}

func TestWhileTheStoreAnswersAViewIsNoOlderThanAnyOther(t *testing.T) {
	inMemory(t, func(t *testing.T, v *vault, m *signer.RS256, _ *bytes.Buffer) {
		v.hold(t, movable(t, 0, keyrotation.Revoking), movable(t, 1, keyrotation.Active))
		time.Sleep(viewAge + 1)
		token, err := mints(t, m)
		if err != nil || token.KeyID != "key-1" {
			t.Errorf("%q, %v", token.KeyID, err)
		}
		if !v.wiped("store_name_0") {
			t.Error("the revoked key is still there")
		}
	})
}

func TestAStoreThatSaysNoIsNotAway(t *testing.T) {
	inMemory(t, func(t *testing.T, v *vault, m *signer.RS256, _ *bytes.Buffer) {
		v.set(broken)
		time.Sleep(viewAge + 1)
		if _, err := mints(t, m); !errors.Is(err, errStore) {
			t.Errorf("%v", err)
		}
	})
}

func TestAStandbySignsFromItsFirstMomentOnWithoutTheStore(t *testing.T) {
	inMemory(t, func(t *testing.T, v *vault, m *signer.RS256, _ *bytes.Buffer) {
		v.hold(t, movable(t, 0, keyrotation.Retiring), movable(t, 1, keyrotation.Active), movable(t, 2, keyrotation.Registered))
		v.set(func(s *fakeStore) { clear(s.keys) }) // nothing can be loaded or signed any more
		time.Sleep(viewAge)
		token, err := mints(t, m)
		if err != nil || token.KeyID != "key-1" {
			t.Fatalf("%q, %v", token.KeyID, err)
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
			inMemory(t, func(t *testing.T, v *vault, m *signer.RS256, log *bytes.Buffer) {
				v.mu.Lock()
				v.refuse = c.refuse
				v.mu.Unlock()
				v.hold(t, movable(t, 0, keyrotation.Retiring), c.active)
				for range 10 {
					time.Sleep(viewAge)
					token, err := mints(t, m)
					if err != nil || token.KeyID != "key-2" {
						t.Fatalf("%q, %v", token.KeyID, err)
					}
				}
				if v.signatures.Load() < 10 {
					t.Errorf("the store signed %d times", v.signatures.Load())
				}
				if said := strings.Count(log.String(), "not loaded"); c.refuse != nil && said != 1 || c.refuse == nil && said != 0 {
					t.Errorf("said %d times:\n%s", said, log)
				}
				v.set(away)
				time.Sleep(viewAge + 1)
				if _, err := mints(t, m); !errors.Is(err, signer.ErrUnavailable) {
					t.Errorf("without the store: %v", err)
				}
				if err := m.Ready(t.Context()); !errors.Is(err, signer.ErrUnavailable) {
					t.Errorf("without the store it says it is ready: %v", err)
				}
			})
		})
	}
}

func TestAnotherKeyUnderTheSameNameIsNotLoaded(t *testing.T) {
	inMemory(t, func(t *testing.T, v *vault, m *signer.RS256, log *bytes.Buffer) {
		v.set(func(s *fakeStore) { s.keys["store_name_2"] = pairs()[0] })
		v.hold(t, movable(t, 2, keyrotation.Active))
		time.Sleep(viewAge)
		if token, err := mints(t, m); !errors.Is(err, rsa.ErrVerification) {
			t.Errorf("%q, %v", token.Value, err)
		}
		if !strings.Contains(log.String(), "another key") || !v.wiped("store_name_2") {
			t.Errorf("it was kept, or nobody was told:\n%s", log)
		}
	})
}

func TestAnIdleViewLeavesTheStoreAlone(t *testing.T) {
	inMemory(t, func(t *testing.T, v *vault, m *signer.RS256, _ *bytes.Buffer) {
		time.Sleep(staleness / 2)
		if n := v.reads.Load(); n < int64(staleness/viewAge)/2 {
			t.Errorf("%d reads while an outage would hurt", n)
		}
		time.Sleep(staleness)
		before := v.reads.Load()
		time.Sleep(100 * staleness)
		if n := v.reads.Load(); n != before {
			t.Errorf("%d reads while nobody asks", n-before)
		}
		if _, err := mints(t, m); err != nil {
			t.Errorf("after the pause: %v", err)
		}
		before = v.reads.Load()
		time.Sleep(5 * viewAge)
		if n := v.reads.Load() - before; n < 5 {
			t.Errorf("%d reads ahead once it is used again", n)
		}
	})
}
