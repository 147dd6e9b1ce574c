package gate_test

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"playtoken/gate"
	"playtoken/store/storetest"
)

// TestARememberedTokenIsJudgedAnew: what changes after a token was verified
// counts at once, as if the gate saw the token for the first time.
func TestARememberedTokenIsJudgedAnew(t *testing.T) {
	endAll := func(w *world) { w.want(w.api("POST", "/v2/sessions/end", `{"all":true}`), 200, "") }
	for name, c := range map[string]struct {
		change func(w *world)
		claims jwt.MapClaims
		path   string
		status int
		code   string
	}{
		"nothing":                   {change: func(*world) {}, status: 200},
		"its key is deleted":        {change: func(w *world) { w.want(w.api("DELETE", "/v2/jwt_keys/"+w.keyID, ""), 200, "") }, status: 401, code: "key_unknown"},
		"its key is revoked":        {change: func(w *world) { w.want(w.api("DELETE", "/v2/jwt_keys/"+w.keyID+"?end_sessions=true", ""), 200, "") }, status: 401, code: "key_unknown"},
		"its last second":           {change: func(w *world) { w.advance(time.Hour - time.Second) }, status: 200},
		"it expires":                {change: func(w *world) { w.advance(time.Hour) }, status: 401, code: "token_expired"},
		"the clock is set back":     {change: func(w *world) { w.advance(-time.Hour - time.Second) }, status: 401, code: "token_not_yet_valid"},
		"the clock is set far back": {change: func(w *world) { w.advance(-25 * time.Hour) }, claims: jwt.MapClaims{}, status: 401, code: "token_life_too_long"},
		"its sessions end":          {change: endAll, status: 200},
		"another video":             {change: func(*world) {}, path: "/other/hls.m3u8?jwt=", status: 403, code: "video_not_allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t, films(), nil)
			claims := c.claims
			if claims == nil {
				claims = jwt.MapClaims{"sub": video, "viewer": viewerA, "nbf": begin.Add(-time.Hour).Unix()}
			}
			claims["exp"] = begin.Add(time.Hour).Unix()
			token := sign(w.keyID, ours(), claims)
			path := "/film/hls.m3u8?jwt="
			for range 3 {
				w.want(w.get(path+token), 200, "")
			}
			c.change(w)
			if c.path != "" {
				path = c.path
			}
			for range 3 {
				w.want(w.get(path+token), c.status, c.code)
			}
			w.stop()
			w.start()
			w.want(w.get(path+token), c.status, c.code) // by a gate that remembers nothing
		})
	}
}

// TestASessionOfARememberedTokenEnds, and the next one is another.
func TestASessionOfARememberedTokenEnds(t *testing.T) {
	w := open(t, films(), nil)
	token := w.token(video, time.Hour)
	segment := func() string {
		return links(t, w.want(w.get("/film/360/index.m3u8?jwt="+token), 200, "").body, "/film/360/index.m3u8")[1]
	}
	before := []string{segment(), segment()}
	w.want(w.api("POST", "/v2/sessions/end", `{"all":true}`), 200, "")
	after := segment()
	for _, ended := range before {
		w.want(w.get(ended), 403, "session_ended")
	}
	w.want(w.get(after), 200, "")
}

// TestWhatOneGateRemembersEndsAtAnother: a key that is deleted at one gate of a
// store is gone at all of them.
func TestWhatOneGateRemembersEndsAtAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docs := storetest.NewMemory()
		one, two := openShared(t, docs, nil), openShared(t, docs, nil)
		defer one.close()
		defer two.close()
		keyID := one.register(ours())
		token := sign(keyID, ours(), jwt.MapClaims{"sub": video, "exp": time.Now().Add(10 * time.Minute).Unix()})
		for range 2 {
			one.want("/film/hls.m3u8?jwt="+token, 200, "")
			two.want("/film/hls.m3u8?jwt="+token, 200, "")
		}
		if a := two.api("DELETE", "/v2/jwt_keys/"+keyID, ""); a.status != 200 {
			t.Fatalf("a deletion: got %v, want 200", a)
		}
		two.want("/film/hls.m3u8?jwt="+token, 401, "key_unknown")
		time.Sleep(3 * time.Second) // a gate reads the document every two
		one.want("/film/hls.m3u8?jwt="+token, 401, "key_unknown")
	})
}

// TestATokenIsVerifiedOnce: verifying takes more than a hundred allocations.
func TestATokenIsVerifiedOnce(t *testing.T) {
	g, id := openWith(t, films(), gate.Config{})
	handler := g.Handler()
	token := sign(id, ours(), jwt.MapClaims{"sub": video, "exp": time.Now().Add(time.Hour).Unix()})
	present := func() uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		a := fetch(handler, "/film/hls.m3u8?jwt="+token)
		runtime.ReadMemStats(&after)
		if a.status != 200 {
			t.Fatalf("got %v, want 200", a)
		}
		return after.Mallocs - before.Mallocs
	}
	first, again := present(), present()
	for range 5 { // the least: the gate reads its document meanwhile
		again = min(again, present())
	}
	if again+100 > first {
		t.Errorf("got %d allocations for a token seen before and %d for a new one, want at least 100 fewer", again, first)
	}
}
