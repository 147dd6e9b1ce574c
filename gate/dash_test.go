package gate_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// TestADASHPlayerKeepsItsTicket: the player is sent to the manifest below the
// ticket, and every relative address that it reads there leads there too.
func TestADASHPlayerKeepsItsTicket(t *testing.T) {
	manifest := `<MPD><BaseURL>a/</BaseURL><BaseURL>https://cdn.example/</BaseURL></MPD>`
	media := fstest.MapFS{"film/dash/m.mpd": {Data: []byte(manifest)}, "film/dash/a/1.m4s": {Data: []byte("one")}, "film/2.M4S": {Data: []byte("two")}}
	w := open(t, media, nil)
	w.server.Client().CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	opened := "/film/dash/m.mpd?v=2&jwt=" + w.token(video, time.Second)
	a := w.get(opened)
	location := resolve(t, opened, a.header.Get("Location"))
	if a.status != 302 || !strings.HasPrefix(location, "/film/~film.") || !strings.HasSuffix(location, "/dash/m.mpd?v=2") || a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("got %v to %s, want a redirect to the ticket's path", a, location)
	}
	w.advance(time.Hour)
	got := w.want(w.get(location), 200, "")
	if got.body != manifest || got.header.Get("Content-Type") != "application/dash+xml" || !strings.Contains(got.header.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("got %v %v, want the manifest as it is", got, got.header)
	}
	w.want(w.get(resolve(t, location, "a/1.m4s")), 200, "")
	w.want(w.get(resolve(t, location, "../2.M4S")), 200, "")
	w.want(w.get(resolve(t, location, "../../2.M4S")), 401, "token_missing")
	w.want(w.get(strings.Replace(location, "/~film.", "/~other.", 1)), 401, "signature_invalid")
	w.want(w.get("/film/~/dash/m.mpd"), 401, "token_missing")
	w.want(w.get("/other"+strings.TrimPrefix(location, "/film")), 403, "video_not_allowed")
	w.server.Close() // now everything is logged
	if ticket := strings.Split(location, "/")[2][6:]; strings.Contains(w.log.String(), ticket) {
		t.Errorf("the log has the ticket:\n%s", w.log.String())
	}
}

// TestAPlaylistBelowATicket: HLS plays from there as well.
func TestAPlaylistBelowATicket(t *testing.T) {
	w := open(t, films(), nil)
	from := "/film/~" + w.ticket(video) + "/360/index.m3u8"
	list := w.want(w.get(from), 200, "")
	for _, uri := range links(t, list.body, from) {
		w.want(w.get(uri), 200, "")
	}
}
