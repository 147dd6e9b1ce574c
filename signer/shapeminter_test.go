package signer_test

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"playtoken/gate/verify"
	"playtoken/keyrotation"
	"playtoken/signer"

	"github.com/google/go-cmp/cmp"
)

// known is what a platform that knows all pairs finds by key id.
func known(keyID string) (crypto.PublicKey, bool) {
	for n, pair := range pairs() {
		if keyID == "key-"+string(rune('0'+n)) {
			return &pair.PublicKey, true
		}
	}
	return nil, false
}

func TestATokenSaysWhatWasAskedForAndThePlatformAcceptsIt(t *testing.T) {
	inBubble(t, func(t *testing.T, s *fakeStore, m *signer.ShapeMinter) {
		time.Sleep(300 * time.Millisecond)
		got, err := m.Mint(t.Context(), signer.Request{VideoID: "vid1", TTL: 100 * time.Second, Claims: map[string]any{"plan": "gold"}})
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now().UTC().Truncate(time.Second)
		want := signer.Token{
			Value: got.Value, VideoID: "vid1", KeyID: "key-0", IssuedAt: now,
			ExpiresAt: now.Add(100 * time.Second), RefreshAt: now.Add(75 * time.Second),
			URLs:     signer.URLs{HLS: "https://media.example/vid1?jwt=" + got.Value},
			Delivery: signer.Delivery{Place: signer.InQuery, Name: "jwt", Renew: signer.RenewByRequest},
		}
		if !cmp.Equal(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
		read, err := verify.Verify(got.Value, "vid1", time.Now(), known)
		if err != nil {
			t.Fatal(err)
		}
		if len(read.Header) != 3 || read.KeyID != "key-0" || read.Header["typ"] != "JWT" || read.Header["alg"] != "RS256" {
			t.Errorf("header: got %v, want RS256, JWT and key-0", read.Header)
		}
		if len(read.Claims) != 4 || read.Claims["plan"] != "gold" || !read.Expires.Equal(want.ExpiresAt) {
			t.Errorf("claims: got %v, want four, with plan and the expiry", read.Claims)
		}
	})
}

func TestLifetimes(t *testing.T) {
	capped := generation(t, 0, keyrotation.Active)
	for _, c := range []struct {
		name      string
		ttl, cap  time.Duration
		want      time.Duration
		wantError error
	}{
		{"default", 0, time.Hour, 10 * time.Minute, nil},
		{"shortest", time.Second, time.Hour, time.Second, nil},
		{"longest", 2 * time.Hour, 3 * time.Hour, 2 * time.Hour, nil},
		{"longer than the key allows", 2 * time.Hour, time.Hour, time.Hour, nil},
		{"the key's own is not whole", 2 * time.Hour, time.Minute + 1, time.Minute, nil},
		{"the key allows none", time.Minute, 0, 0, signer.ErrUnavailable},
		{"too long", 2*time.Hour + time.Second, time.Hour, 0, signer.ErrTTL},
		{"negative", -time.Second, time.Hour, 0, signer.ErrTTL},
		{"below a second", time.Second - 1, time.Hour, 0, signer.ErrTTL},
		{"not whole", 90*time.Second + time.Millisecond, time.Hour, 0, signer.ErrTTL},
		{"overflow", 1<<63 - 1, time.Hour, 0, signer.ErrTTL},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *fakeStore, m *signer.ShapeMinter) {
				capped.MaxTTL = c.cap
				s.hold(t, capped)
				got, err := m.Mint(t.Context(), signer.Request{VideoID: "vid1", TTL: c.ttl})
				if !errors.Is(err, c.wantError) {
					t.Fatalf("%v, want %v", err, c.wantError)
				}
				if life := got.ExpiresAt.Sub(got.IssuedAt); life != c.want {
					t.Errorf("lives %s, want %s", life, c.want)
				}
			})
		})
	}
}

func TestWhatMayNotBeClaimed(t *testing.T) {
	deep := any("bottom")
	for range 16 {
		deep = []any{deep}
	}
	m, done := newMinter(t, newStore(t))
	defer done()
	for name, c := range map[string]struct {
		video  string
		claims map[string]any
		want   error
	}{
		"allowed":          {"vid1", map[string]any{"plan": 1.5, "deep": map[string]any{"a": []any{nil, true, "x"}}}, nil},
		"video":            {"../x", nil, signer.ErrVideo},
		"all videos":       {"*", nil, signer.ErrAllVideos},
		"another name":     {"vid1", map[string]any{"Plan": 1.0}, signer.ErrClaim},
		"registered":       {"vid1", map[string]any{"exp": 1.0}, signer.ErrClaim},
		"injection":        {"vid1", map[string]any{`x":0,"admin`: true}, signer.ErrClaim},
		"would be rounded": {"vid1", map[string]any{"plan": float64(1 << 54)}, signer.ErrClaim},
		"too deep":         {"vid1", map[string]any{"deep": deep}, signer.ErrClaim},
		"too long":         {"vid1", map[string]any{"plan": strings.Repeat("x", 4096)}, signer.ErrClaim},
		"not JSON":         {"vid1", map[string]any{"plan": make(chan int)}, signer.ErrClaim},
	} {
		_, err := m.Mint(t.Context(), signer.Request{VideoID: c.video, Claims: c.claims})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func FuzzMintedClaimsAreTheAllowedOnes(f *testing.F) {
	for _, seed := range []string{`{"plan":"a"}`, `{"plan":{"exp":1}}`, `{"plan":"\u0000<>&\u2028"}`, `{"plan":1e300}`, `{"exp":1}`, `{"plan":[1,2.50]}`} {
		f.Add(seed)
	}
	m, done := newMinter(f, newStore(f))
	f.Cleanup(done)
	f.Fuzz(func(t *testing.T, text string) {
		var claims map[string]any
		if json.Unmarshal([]byte(text), &claims) != nil {
			return
		}
		got, err := m.Mint(t.Context(), signer.Request{VideoID: "vid1", Claims: claims})
		if err != nil {
			return
		}
		read, err := verify.Verify(got.Value, "vid1", time.Now(), known)
		if err != nil {
			t.Fatalf("token %s: got %v, want it accepted", got.Value, err)
		}
		for _, ours := range []string{"sub", "iat", "exp"} {
			delete(read.Claims, ours)
		}
		sent, _ := json.Marshal(claims)
		arrived, _ := json.Marshal(read.Claims)
		if len(claims) > 0 && string(sent) != string(arrived) {
			t.Errorf("claims sent %s, arrived %s, want the same", sent, arrived)
		}
		for name := range read.Claims {
			if name != "plan" && name != "deep" {
				t.Errorf("claim %q: got it accepted, want only allowed ones", name)
			}
		}
	})
}

func TestPolicyValidate(t *testing.T) {
	for name, c := range map[string]struct {
		policy signer.Policy
		want   string
	}{
		"good":     {policy, ""},
		"nothing":  {signer.Policy{}, "default token lifetime 0s: must be a positive number of whole seconds\nlongest token lifetime 0s: must be a positive number of whole seconds"},
		"fraction": {signer.Policy{DefaultTTL: time.Second, MaxTTL: 1500 * time.Millisecond}, "longest token lifetime 1.5s: must be a positive number of whole seconds"},
		"order":    {signer.Policy{DefaultTTL: time.Hour, MaxTTL: time.Minute}, "default token lifetime 1h0m0s: must not be longer than the longest token lifetime, 1m0s"},
	} {
		got := ""
		if err := c.policy.Validate(); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestAHeaderHasWhatTheVerifierTakes: one view makes tokens of several verifiers.
func TestAHeaderHasWhatTheVerifierTakes(t *testing.T) {
	inBubble(t, func(t *testing.T, s *fakeStore, m *signer.ShapeMinter) {
		for range 2 { // the header of the token before is kept
			for _, c := range []struct {
				header signer.Header
				want   string
			}{
				{signer.Header{}, `{"alg":"RS256","kid":"key-0","typ":"JWT"}`},
				{signer.Header{NoKeyID: true}, `{"alg":"RS256","typ":"JWT"}`},
				{signer.Header{Type: "at+jwt"}, `{"alg":"RS256","kid":"key-0","typ":"at+jwt"}`},
				{signer.Header{NoType: true}, `{"alg":"RS256","kid":"key-0"}`},
				{signer.Header{NoKeyID: true, NoType: true}, `{"alg":"RS256"}`},
			} {
				m.Header = c.header
				got, err := m.Mint(t.Context(), signer.Request{VideoID: "vid1"})
				if err != nil {
					t.Fatal(err)
				}
				header, _, _ := strings.Cut(got.Value, ".")
				text, err := base64.RawURLEncoding.DecodeString(header)
				if err != nil || string(text) != c.want || got.KeyID != "key-0" {
					t.Errorf("%+v: got header %s, %v, of key %s, want %s of key-0", c.header, text, err, got.KeyID, c.want)
				}
				public, _ := known("key-0")
				if _, err := verify.SignedAs(got.Value, verify.Header{Type: c.header.Type, NoKeyID: c.header.NoKeyID}, public); err != nil {
					t.Errorf("%+v: got %v from its verifier, want no error", c.header, err)
				}
			}
		}
	})
}
