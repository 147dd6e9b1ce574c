package signer_test

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/keyrotation"
	"playtoken/signer"
)

// sameAsAlone reports whether a token is, byte for byte, what its own key
// makes of its own header and claims.
func sameAsAlone(t testing.TB, token signer.Token) {
	t.Helper()
	end := strings.LastIndexByte(token.Value, '.')
	var n int
	fmt.Sscanf(token.KeyID, "key-%d", &n)
	digest := sha256.Sum256([]byte(token.Value[:end]))
	want, err := rsa.SignPKCS1v15(nil, pairs()[n], crypto.SHA256, digest[:])
	if err != nil || token.Value[end+1:] != base64.RawURLEncoding.EncodeToString(want) {
		t.Errorf("token %s: got a signature that is not its key's (%v), want its key's", token.Value, err)
	}
}

func TestASharedSignatureIsTheOneThatWouldHaveBeenMade(t *testing.T) {
	inBubble(t, func(t *testing.T, s *fakeStore, m *signer.ShapeMinter) {
		const rounds, askers = 20, 20
		random := rand.New(rand.NewPCG(1, 2))
		var distinct sync.Map
		for round := range rounds {
			s.hold(t, generation(t, round%3, keyrotation.Active))
			time.Sleep(viewAge / 3)
			var all sync.WaitGroup
			for range askers {
				req := signer.Request{VideoID: fmt.Sprintf("vid%d", random.IntN(3)), TTL: time.Duration(1+random.IntN(2)) * time.Second}
				all.Go(func() {
					token, err := m.Mint(t.Context(), req)
					if err != nil {
						t.Error(err)
						return
					}
					sameAsAlone(t, token)
					distinct.Store(token.Value, true)
					if token.VideoID != req.VideoID || token.ExpiresAt.Sub(token.IssuedAt) != req.TTL {
						t.Errorf("request %+v: got %+v, want its video and lifetime", req, token)
					}
				})
			}
			all.Wait()
		}
		want := int64(0)
		distinct.Range(func(any, any) bool { want++; return true })
		if n := s.signatures.Load(); n != want {
			t.Errorf("got %d signatures for %d different tokens, want as many", n, want)
		}
	})
}

func TestOneCallerLeavingSpoilsNoOthersSignature(t *testing.T) {
	inBubble(t, func(t *testing.T, s *fakeStore, m *signer.ShapeMinter) {
		m.Ready(t.Context())
		s.set(func(s *fakeStore) { s.delay = time.Second })
		first, leave := context.WithCancel(t.Context())
		left, stayed := make(chan error, 1), make(chan error, 1)
		ask := func(ctx context.Context, answer chan error) {
			_, err := m.Mint(ctx, signer.Request{VideoID: "vid1"})
			answer <- err
		}
		go ask(first, left)
		synctest.Wait()
		go ask(t.Context(), stayed)
		synctest.Wait()
		leave()
		if err := <-left; !errors.Is(err, signer.ErrUnavailable) || !errors.Is(err, context.Canceled) {
			t.Errorf("caller that leaves: got %v, want ErrUnavailable and Canceled", err)
		}
		if err := <-stayed; err != nil {
			t.Errorf("caller that stays: got %v, want no error", err)
		}
		if n := s.signatures.Load(); n != 1 {
			t.Errorf("got %d signatures, want 1", n)
		}
	})
}

func TestSharedSignaturesAreCounted(t *testing.T) {
	inBubble(t, func(t *testing.T, s *fakeStore, m *signer.ShapeMinter) {
		m.Ready(t.Context())
		s.set(func(s *fakeStore) { s.delay = time.Second })
		var all sync.WaitGroup
		for range 5 { // one makes it, four wait for it
			all.Go(func() { m.Mint(t.Context(), signer.Request{VideoID: "vid1"}) })
		}
		all.Wait()
		s.set(broken)
		for range 3 { // no caller gets a signature
			all.Go(func() { m.Mint(t.Context(), signer.Request{VideoID: "vid2"}) })
		}
		all.Wait()
		if got := m.Signatures.Shared(); got != 4 {
			t.Errorf("got %d shared while the signature was made, want 4", got)
		}
	})
	inBubble(t, func(t *testing.T, s *fakeStore, m *signer.ShapeMinter) {
		for range 3 { // the later ones find it
			m.Mint(t.Context(), signer.Request{VideoID: "vid1"})
		}
		m.Mint(t.Context(), signer.Request{VideoID: "vid2"})
		if got := m.Signatures.Shared(); got != 2 {
			t.Errorf("got %d shared once the signature was made, want 2", got)
		}
	})
}

func TestAFailedSignatureIsNotRemembered(t *testing.T) {
	inBubble(t, func(t *testing.T, s *fakeStore, m *signer.ShapeMinter) {
		m.Ready(t.Context())
		s.set(broken)
		if _, err := m.Mint(t.Context(), signer.Request{VideoID: "vid1"}); !errors.Is(err, signer.ErrUnavailable) || !errors.Is(err, errStore) {
			t.Errorf("Mint: got %v, want ErrUnavailable with the store's error", err)
		}
		s.set(mended)
		if _, err := m.Mint(t.Context(), signer.Request{VideoID: "vid1"}); err != nil {
			t.Errorf("Mint after the store is back: got %v, want no error", err)
		}
	})
}

func TestNoTokenLeavesThatThePlatformCouldNotVerify(t *testing.T) {
	inBubble(t, func(t *testing.T, s *fakeStore, m *signer.ShapeMinter) {
		s.set(func(s *fakeStore) { s.keys["store_name_0"] = pairs()[1] }) // the key was replaced
		got, err := m.Mint(t.Context(), signer.Request{VideoID: "vid1"})
		if !errors.Is(err, signer.ErrUnavailable) || !errors.Is(err, rsa.ErrVerification) || got.Value != "" {
			t.Errorf("Mint: got %v, %q, want ErrUnavailable, ErrVerification and no token", err, got.Value)
		}
	})
}

// A maker that has verified its signature with the recorded public key is not
// checked again, and one that has done so with another key is.
func TestAVerificationCountsWithTheRecordedPublicKeyOnly(t *testing.T) {
	for name, c := range map[string]struct {
		by   int
		want error
	}{
		"the recorded public key": {by: 0},
		"another public key":      {by: 1, want: rsa.ErrVerification},
	} {
		inBubble(t, func(t *testing.T, s *fakeStore, m *signer.ShapeMinter) {
			public := pairs()[c.by].PublicKey // a copy
			s.set(func(s *fakeStore) { s.keys["store_name_0"], s.verifiedBy = pairs()[1], &public })
			if _, err := m.Mint(t.Context(), signer.Request{VideoID: "vid1"}); !errors.Is(err, c.want) {
				t.Errorf("Mint of what was verified with %s: got %v, want %v", name, err, c.want)
			}
		})
	}
}

func TestARevokedKeyIsReplacedWithinTheRequest(t *testing.T) {
	inBubble(t, func(t *testing.T, s *fakeStore, m *signer.ShapeMinter) {
		m.Ready(t.Context())
		s.hold(t, generation(t, 0, keyrotation.Revoking), generation(t, 1, keyrotation.Active))
		s.set(func(s *fakeStore) { delete(s.keys, "store_name_0") })
		got, err := m.Mint(t.Context(), signer.Request{VideoID: "vid1"})
		if err != nil || got.KeyID != "key-1" {
			t.Fatalf("Mint: got key %q, %v, want key-1", got.KeyID, err)
		}
		sameAsAlone(t, got)
		if n := s.reads.Load(); n != 2 {
			t.Errorf("got %d reads, want 2", n)
		}
	})
}

func TestARevocationWithoutStandbySaysSo(t *testing.T) {
	inBubble(t, func(t *testing.T, s *fakeStore, m *signer.ShapeMinter) {
		m.Ready(t.Context())
		s.hold(t, generation(t, 0, keyrotation.Revoking))
		s.set(func(s *fakeStore) { delete(s.keys, "store_name_0") })
		var none *signer.NoActiveKey
		if _, err := m.Mint(t.Context(), signer.Request{VideoID: "vid1"}); !errors.As(err, &none) {
			t.Errorf("Mint: got %v, want NoActiveKey", err)
		}
	})
}

func TestAKeyDestroyedBehindOurBackIsNotAskedForInALoop(t *testing.T) {
	inBubble(t, func(t *testing.T, s *fakeStore, m *signer.ShapeMinter) {
		m.Ready(t.Context())
		s.set(func(s *fakeStore) { delete(s.keys, "store_name_0") })
		for range 1000 { // one second
			_, err := m.Mint(t.Context(), signer.Request{VideoID: "vid1"})
			if !errors.Is(err, signer.ErrUnavailable) || !errors.Is(err, signer.ErrKeyGone) {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
		if n := s.reads.Load(); n > 4 {
			t.Errorf("got %d reads in a second, want at most 4", n)
		}
	})
}

func BenchmarkMint(b *testing.B) {
	for _, c := range []struct {
		name  string
		video func(i int) string
	}{
		{"distinct", func(i int) string { return fmt.Sprintf("vid%d", i) }},
		{"equal", func(int) string { return "vid" }},
	} {
		b.Run(c.name, func(b *testing.B) {
			m, done := newMinter(b, newStore(b))
			defer done()
			for i := 0; b.Loop(); i++ {
				if _, err := m.Mint(b.Context(), signer.Request{VideoID: c.video(i)}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
