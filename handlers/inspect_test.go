package handlers_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"playtoken/handlers"
	"playtoken/keyrotation"
	"playtoken/platforms"
	"playtoken/signer"
	"playtoken/store"
)

// inspected is the result of inspect in short: reasons, and the key's state.
func (w *world) inspected(t *testing.T, key string, ask map[string]any) string {
	t.Helper()
	body, _ := json.Marshal(ask)
	got := w.ask("POST", "/v1/playback-tokens/inspect", key, string(body))
	if got.Code != 200 {
		t.Fatalf("inspect: got %s, want 200", got.Body)
	}
	var a struct {
		Valid   bool
		Reasons []string
		Detail  string
		Key     *struct{ State, Fingerprint string }
		Header  map[string]any
		Claims  map[string]any
	}
	if err := json.Unmarshal(got.Body.Bytes(), &a); err != nil {
		t.Fatal(err)
	}
	if a.Reasons == nil || a.Valid != (len(a.Reasons) == 0) || a.Valid != (a.Detail == "") || (a.Header == nil) != (a.Claims == nil) {
		t.Errorf("inspection %s: want valid without reasons and detail, or neither; header and claims together", got.Body)
	}
	state := "no key"
	if a.Key != nil {
		state = a.Key.State
	}
	return strings.Join(a.Reasons, " ") + ", " + state
}

func TestInspect(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		answer := decoded(t, w.ask("POST", "/v1/playback-tokens", apiKey, `{"video_id":"vid1","expires_in":60}`))
		token := answer["token"].(string)
		parts := strings.Split(token, ".")
		forged := parts[0] + "." + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"sub":"vid2","exp":%d}`, time.Now().Add(time.Hour).Unix())) + "." + parts[2]
		unknown := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","kid":"key-8"}`)) + "." + parts[1] + "." + parts[2]
		tombstone := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","kid":"key-1"}`)) + "." + parts[1] + "." + parts[2]
		for _, c := range []struct {
			name string
			ask  map[string]any
			want string
		}{
			{"good", map[string]any{"token": token}, ", active"},
			{"good for its video", map[string]any{"token": token, "video_id": "vid1"}, ", active"},
			{"another video", map[string]any{"token": token, "video_id": "vid2"}, "video_not_allowed, active"},
			{"last good second", map[string]any{"token": token, "at": "2000-01-01T00:00:59.999Z"}, ", active"},
			{"expired", map[string]any{"token": token, "at": "2000-01-01T00:01:00Z"}, "token_expired, active"},
			{"expired, in another zone", map[string]any{"token": token, "at": "2000-01-01T02:01:00+02:00"}, "token_expired, active"},
			{"expired and another video", map[string]any{"token": token, "at": "2001-01-01T00:00:00Z", "video_id": "vid2"}, "token_expired video_not_allowed, active"},
			{"forged", map[string]any{"token": forged}, "signature_invalid, active"},
			{"unknown's", map[string]any{"token": unknown}, "unknown_key, no key"},
			{"a deleted key's", map[string]any{"token": tombstone}, "key_not_usable, deleted"},
			{"malformed", map[string]any{"token": token + "."}, "token_malformed, no key"},
			{"line end", map[string]any{"token": token + "\n"}, "token_malformed, no key"},
			{"too long", map[string]any{"token": strings.Repeat("a", 9000)}, "token_malformed, no key"},
		} {
			for _, key := range []string{apiKey, adminKey} {
				if got := w.inspected(t, key, c.ask); got != c.want {
					t.Errorf("%s: %q, want %q", c.name, got, c.want)
				}
			}
		}
	})
}

func TestInspectByTheKeysState(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		token := decoded(t, w.ask("POST", "/v1/playback-tokens", apiKey, `{"video_id":"vid1"}`))["token"]
		for state, want := range map[keyrotation.State]string{
			keyrotation.Active: ", active", keyrotation.Retiring: ", retiring", keyrotation.Registered: ", registered",
			keyrotation.Revoking: "key_not_usable, revoking", keyrotation.Deleting: "key_not_usable, deleting",
			keyrotation.Quarantined: "key_not_usable, quarantined", keyrotation.Abandoning: "key_not_usable, abandoning",
		} {
			w.store.set(func(s *fakeStore) { s.ring.Keys[1].State = state })
			if got := w.inspected(t, apiKey, map[string]any{"token": token}); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		}
		weak := activeKey(t)
		weak.PublicKey = "not a key"
		w.store.set(func(s *fakeStore) { s.ring.Keys = []keyrotation.Key{weak} })
		if got := w.inspected(t, apiKey, map[string]any{"token": token}); got != "key_not_usable, active" {
			t.Errorf("token without a recorded public key: got %q, want key_not_usable, active", got)
		}
		tombstone := activeKey(t)
		tombstone.Generation, tombstone.State, tombstone.PublicKey = 1, keyrotation.Deleted, ""
		w.store.set(func(s *fakeStore) { s.ring.Keys = []keyrotation.Key{tombstone, activeKey(t)} })
		if got := w.inspected(t, apiKey, map[string]any{"token": token}); got != ", active" {
			t.Errorf("token with an id that a deleted key had: got %q, want the active key and no reasons", got)
		}
	})
}

func TestTheWholeInspectResponse(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		token := decoded(t, w.ask("POST", "/v1/playback-tokens", apiKey, `{"video_id":"vid1","expires_in":60}`))["token"].(string)
		equal(t, w.ask("POST", "/v1/playback-tokens/inspect", apiKey, `{"token":"`+token+`"}`), 200, `{"valid":true,"reasons":[],"detail":"",
			"header":{"alg":"RS256","kid":"key-2","typ":"JWT"},"claims":{"sub":"vid1","iat":946684800,"exp":946684860},
			"key":{"generation":2,"state":"active","fingerprint":"`+activeKey(t).Fingerprint+`"}}`)
		equal(t, w.ask("POST", "/v1/playback-tokens/inspect", apiKey, `{"token":"x"}`), 200, `{"valid":false,"reasons":["token_malformed"],"detail":"…",
			"header":null,"claims":null,"key":null}`)
	})
}

// TestInspectOfATokenWithoutAKeyIDTriesEveryKey: as its verifier does.
func TestInspectOfATokenWithoutAKeyIDTriesEveryKey(t *testing.T) {
	judged := handlers.Judging{Judge: func(map[string]any, string) []platforms.Reason { return nil }, Header: signer.Header{NoKeyID: true}}
	d, done := deploy(t, func(c *handlers.Config) {
		c.Judge = func(context.Context, string) (handlers.Judging, error) { return judged, nil }
	})
	defer done()
	d.minter.Header = judged.Header
	token := decoded(t, d.ask("POST", "/v1/playback-tokens", d.keys["mint"], `{"video_id":"vid1"}`))["token"].(string)
	parts := strings.Split(token, ".")
	for name, c := range map[string]struct {
		token string
		state keyrotation.State
		asks  signer.Header
		want  string
	}{
		"its key":               {token, keyrotation.Retiring, judged.Header, ", retiring"},
		"a revoked key":         {token, keyrotation.Revoking, judged.Header, "key_not_usable, revoking"},
		"no key of ours":        {parts[0] + "." + parts[1] + "." + "AAAA", keyrotation.Active, judged.Header, "unknown_key, no key"},
		"a verifier that asks":  {token, keyrotation.Active, signer.Header{}, "token_malformed, no key"},
		"another type is asked": {token, keyrotation.Active, signer.Header{NoKeyID: true, Type: "at+jwt"}, "token_malformed, no key"},
	} {
		judged.Header = c.asks
		d.store.set(func(s *fakeStore) { s.ring.Keys[1].State = c.state })
		if got := d.inspected(t, d.keys["mint"], map[string]any{"token": c.token}); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestAPlatformVerifiesTokensOfItsOwnKind(t *testing.T) {
	known, trouble := true, error(nil)
	d, done := deploy(t, func(c *handlers.Config) {
		c.Verdict = func(_ context.Context, _, token, video string, _ time.Time) (platforms.Verdict, bool, error) {
			return platforms.Verdict{Reasons: []platforms.Reason{{Code: "token_used", Detail: token + " " + video}}}, known, trouble
		}
	})
	defer done()
	ask := func() *httptest.ResponseRecorder {
		return d.ask("POST", inspect, d.keys["mint"], `{"token":"opaque","video_id":"vid1"}`)
	}
	equal(t, ask(), 200, `{"valid":false,"reasons":["token_used"],"detail":"opaque vid1","header":null,"claims":null,"key":null}`)
	known = false
	equal(t, ask(), 200, `{"valid":false,"reasons":["token_malformed"],"detail":"…","header":null,"claims":null,"key":null}`)
	trouble = store.ErrUnavailable
	if got := ask(); got.Code != 503 {
		t.Errorf("inspect while the platform cannot be asked: got %s, want 503", got.Body)
	}
}
