package gate_test

import (
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
