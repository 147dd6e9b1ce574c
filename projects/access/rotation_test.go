package access_test

import (
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/filekeys"
	"playtoken/keyrotation"
	"playtoken/projects/access"
	"playtoken/secret"
	"playtoken/signer"
	"playtoken/store"
)

// rotator is what cmd/playtoken makes of the ring of our own keys.
func rotator(s *filekeys.Store) *keyrotation.Rotator {
	return &keyrotation.Rotator{
		Project: access.RingID, Documents: s, Keys: s, Platform: access.NewPublished(s), StoreTime: s.Now,
		Policy: keyrotation.Policy{
			RotateEvery: 4 * time.Hour, ObserveEvery: 10 * time.Minute, MaxTTL: access.Lifetime,
			Durations: keyrotation.Durations{Propagation: time.Minute, ViewAge: viewAge, Skew: time.Minute, Settle: 30 * time.Second},
			KeySpec:   keyrotation.KeySpec{Kind: store.RSA2048}, KeyBudget: 10,
		},
		Log: slog.New(slog.DiscardHandler),
	}
}

// issuing is a replica with a signer of its own.
func issuing(t *testing.T, s *filekeys.Store, keys access.Keys) *access.Access {
	t.Helper()
	signatures, err := signer.NewSignatures(signer.SignaturesConfig{Keys: s, Remembered: 10})
	if err != nil {
		t.Fatal(err)
	}
	ring := signer.NewRingView(s, access.RingID)
	t.Cleanup(func() { ring.Close(); signatures.Close() })
	return replica(t, s, keys, &signer.JWTs{Ring: ring, Signatures: signatures})
}

// TestTokensOutliveTheRotationOfTheirKey: for a day, across half a dozen
// rotations of our own key, every token is good on every replica until it
// expires, and no minute longer.
func TestTokensOutliveTheRotationOfTheirKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := filekeys.Open(filepath.Join(t.TempDir(), "store.db"), secret.New("correct horse battery staple"), filekeys.Options{Create: true, WorkFactor: 2})
		if err != nil {
			t.Fatal(err)
		}
		keys := newCallers()
		r := rotator(s)
		replicas := []*access.Access{issuing(t, s, keys), issuing(t, s, keys)}
		var none *signer.NoActiveKey
		if _, err := replicas[0].Exchange(t.Context(), apiKey); !errors.As(err, &none) {
			t.Errorf("Exchange before the first rotation: got %v, want NoActiveKey", err)
		}
		type issued struct {
			token   secret.Value
			expires time.Time
		}
		var out []issued
		step, tokens, checks := 10*time.Minute, 0, 0
		for range 24 * time.Hour / step {
			if _, err := r.Reconcile(t.Context(), keyrotation.Order{}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(step)
			if got, err := replicas[tokens%2].Exchange(t.Context(), apiKey); err == nil {
				out = append(out, issued{got.Access, time.Now().Truncate(time.Second).Add(got.ExpiresIn)})
				tokens++
			} else if tokens > 0 || !errors.As(err, &none) {
				t.Fatal(err)
			}
			for _, o := range out {
				_, err := replicas[checks%2].Identify(t.Context(), o.token)
				if good := time.Now().Before(o.expires); good != (err == nil) {
					t.Fatalf("token that expires at %s, at %s: got %v, want an error only after that", o.expires, time.Now(), err)
				}
				checks++
			}
			for len(out) > 0 && !time.Now().Before(out[0].expires) {
				out = out[1:]
			}
		}
		ring, err := r.Ring(t.Context())
		published, err2 := access.NewPublished(s).List(t.Context())
		if err != nil || err2 != nil || len(ring.Keys) < 6 || len(published) > 4 || tokens < 130 {
			t.Errorf("got %d generations, %d published, %d tokens; %v, %v, want at least 6, at most 4 and at least 130", len(ring.Keys), len(published), tokens, err, err2)
		}
		t.Logf("%d generations, %d tokens, %d verifications", len(ring.Keys), tokens, checks)
	})
}

// TestRevokingOurKeyEndsItsTokens within the view age.
func TestRevokingOurKeyEndsItsTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := filekeys.Open(filepath.Join(t.TempDir(), "store.db"), secret.New("correct horse battery staple"), filekeys.Options{Create: true, WorkFactor: 2})
		if err != nil {
			t.Fatal(err)
		}
		r, a := rotator(s), issuing(t, s, newCallers())
		for range 5 {
			if _, err := r.Reconcile(t.Context(), keyrotation.Order{}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Minute)
		}
		got := exchange(t, a)
		if _, err := a.Identify(t.Context(), got.Access); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Revoke(t.Context(), 1, keyrotation.Order{Reason: "stolen"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(viewAge + time.Second)
		_, err = a.Identify(t.Context(), got.Access)
		refused(t, "the token", err)
		next, err := a.Refresh(t.Context(), got.Refresh)
		if err != nil {
			t.Fatalf("Refresh: got %v, want no error", err)
		}
		if _, err := a.Identify(t.Context(), next.Access); err != nil {
			t.Errorf("next access token: got %v, want no error", err)
		}
	})
}
