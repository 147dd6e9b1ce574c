package gate_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"playtoken/gate"
)

// TestTheLogOmitsWhatItIsToldButNoFailure: a playlist with an error and a gate
// that fails are for the operator to mend.
func TestTheLogOmitsWhatItIsToldButNoFailure(t *testing.T) {
	media := films()
	media["film/bad.m3u8"] = films()["film/notes.txt"]
	for _, c := range []struct {
		name        string
		logged      func(status int, management bool) bool
		ok, refusal int // lines
	}{
		{"every request", nil, 1, 1},
		{"errors", func(status int, _ bool) bool { return status >= 400 }, 0, 1},
		{"none", func(int, bool) bool { return false }, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := open(t, media, func(config *gate.Config) { config.Logged = c.logged })
			token := "?jwt=" + w.token(video, time.Minute)
			w.want(w.get("/film/360/0.m4s"+token), 200, "")
			w.want(w.get("/film/360/init.mp4"), 401, "token_missing")
			w.want(w.get("/film/bad.m3u8"+token), 422, "video_unavailable")
			w.server.Close() // now everything is logged
			for path, want := range map[string]int{"/film/360/0.m4s": c.ok, "/film/360/init.mp4": c.refusal, "/film/bad.m3u8": 1} {
				if got := strings.Count(w.log.String(), `"path":"`+path+`"`); got != want {
					t.Errorf("got %d lines about %s, want %d:\n%s", got, path, want, w.log.String())
				}
			}
		})
	}
}

// TestTheLogHasOneLineOfManyProbes: load balancers ask each second.
func TestTheLogHasOneLineOfManyProbes(t *testing.T) {
	w := open(t, films(), func(config *gate.Config) { config.Logged = func(status int, _ bool) bool { return status >= 400 } })
	w.want(w.get("/readyz"), 200, "")
	w.gate.Stopping()
	for range 10 {
		w.want(w.get("/readyz"), 503, "unavailable")
	}
	w.server.Close() // now everything is logged
	if got := strings.Count(w.log.String(), `"path":"/readyz"`); got != 1 {
		t.Errorf("got %d lines of eleven probes, want one:\n%s", got, w.log.String())
	}
}

// TestOnlyATrustedProxyNamesARequest: a client's id for it would be in the log beside
// those of others.
func TestOnlyATrustedProxyNamesARequest(t *testing.T) {
	w := open(t, films(), func(config *gate.Config) {
		config.Proxied = func(r *http.Request) bool { return r.Header.Get("X-Forwarded-For") != "" }
	})
	for id, want := range map[string]struct {
		proxy string
		taken bool
	}{
		"edge-1":    {"192.0.2.7", true},
		"client-1":  {"", false},
		"two words": {"192.0.2.7", false},
	} {
		headers := []string{"X-Request-Id", id}
		if want.proxy != "" {
			headers = append(headers, "X-Forwarded-For", want.proxy)
		}
		shown := w.want(w.get("/film/hls.m3u8", headers...), 401, "token_missing").header.Get("X-Request-Id")
		if (shown == id) != want.taken {
			t.Errorf("%q from the proxy %q: got the id %q, want it taken: %t", id, want.proxy, shown, want.taken)
		}
	}
}
