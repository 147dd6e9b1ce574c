package signer_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/gate/verify"
	"playtoken/keyrotation"
	"playtoken/signer"

	"github.com/google/go-cmp/cmp"
)

// inBubbleJWTs tests a signer of tokens in a synctest bubble.
func inBubbleJWTs(t *testing.T, test func(*testing.T, *fakeStore, *signer.JWTs)) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(t)
		m, done := newMinter(t, s)
		defer done()
		test(t, s, &signer.JWTs{Ring: m.Ring, Signatures: m.Signatures})
	})
}

func says(claims map[string]any) func(issued, expires time.Time) map[string]any {
	return func(issued, expires time.Time) map[string]any {
		claims["iat"], claims["exp"] = issued.Unix(), expires.Unix()
		return claims
	}
}

func TestAnotherTokenSaysItsTypeAndIsSignedLikeAnyOther(t *testing.T) {
	inBubbleJWTs(t, func(t *testing.T, s *fakeStore, j *signer.JWTs) {
		for ttl, life := range map[time.Duration]time.Duration{time.Minute: time.Minute, 2 * time.Hour: time.Hour} {
			got, err := j.Sign(t.Context(), "at+jwt", ttl, says(map[string]any{"sub": "caller"}))
			if err != nil {
				t.Fatal(err)
			}
			now := time.Now().UTC().Truncate(time.Second)
			if want := (signer.Token{Value: got.Value, KeyID: "key-0", IssuedAt: now, ExpiresAt: now.Add(life)}); !cmp.Equal(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			read, err := verify.Signed(got.Value, "at+jwt", known)
			if err != nil || len(read.Header) != 3 || read.Header["alg"] != "RS256" || read.KeyID != "key-0" || read.Claims["sub"] != "caller" {
				t.Errorf("token: got %+v, %v, want RS256, key-0 and its claims", read, err)
			}
			if _, err := verify.Verify(got.Value, "caller", now, known); err == nil {
				t.Error("token of another type: got it accepted as a playback token, want an error")
			}
		}
	})
}

func TestAnotherTokenNeedsAKeyAndClaims(t *testing.T) {
	inBubbleJWTs(t, func(t *testing.T, s *fakeStore, j *signer.JWTs) {
		if _, err := j.Sign(t.Context(), "at+jwt", time.Minute, says(map[string]any{"x": make(chan int)})); !errors.Is(err, signer.ErrClaim) {
			t.Errorf("claims that are not JSON: got %v, want ErrClaim", err)
		}
		if _, err := j.Sign(t.Context(), "at+jwt", 0, says(map[string]any{})); !errors.Is(err, signer.ErrUnavailable) {
			t.Errorf("lifetime 0: got %v, want ErrUnavailable", err)
		}
		// Revoked: the private key is gone, the ring names the next one.
		s.hold(t, generation(t, 0, keyrotation.Revoking), generation(t, 1, keyrotation.Active))
		s.set(func(s *fakeStore) { delete(s.keys, "store_name_0") })
		if got, err := j.Sign(t.Context(), "at+jwt", time.Minute, says(map[string]any{})); err != nil || got.KeyID != "key-1" {
			t.Errorf("after a revocation: got key %q, %v, want key-1", got.KeyID, err)
		}
		s.hold(t)
		time.Sleep(viewAge + time.Second)
		var none *signer.NoActiveKey
		if _, err := j.Sign(t.Context(), "at+jwt", time.Minute, says(map[string]any{})); !errors.As(err, &none) {
			t.Errorf("without an active key: got %v, want NoActiveKey", err)
		}
	})
}
