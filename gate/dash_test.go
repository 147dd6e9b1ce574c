package gate_test

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// TestADASHPlayerKeepsItsTicket: every relative address that it reads in the
// manifest leads below the ticket, and so does the manifest's own.
func TestADASHPlayerKeepsItsTicket(t *testing.T) {
	media := fstest.MapFS{"film/dash/m.mpd": {Data: []byte(`<MPD><BaseURL>a/</BaseURL></MPD>`)},
		"film/dash/a/1.m4s": {Data: []byte("one")}, "film/2.M4S": {Data: []byte("two")}, "film/broken.mpd": {Data: []byte("<MPD>\n<a>\n</MPD>")}}
	w := open(t, media, nil)
	opened := "/film/dash/m.mpd?jwt=" + w.token(video, time.Second)
	a := w.want(w.get(opened), 200, "")
	base := ticketBase.FindStringSubmatch(a.body)
	if base == nil || a.header.Get("Content-Type") != "application/dash+xml" || !strings.Contains(a.header.Get("Content-Security-Policy"), "sandbox") {
		t.Fatalf("got %v %v, want a manifest with the ticket in its base", a, a.header)
	}
	w.advance(time.Hour)
	at := resolve(t, opened, base[1])
	w.want(w.get(at+"1.m4s"), 200, "")
	w.want(w.get(resolve(t, at, "../../2.M4S")), 200, "")
	w.want(w.get(resolve(t, at, "../../../2.M4S")), 401, "token_missing")
	again := resolve(t, at, "../m.mpd")
	if a := w.want(w.get(again), 200, ""); strings.Contains(a.body, "~") {
		t.Errorf("below the ticket the manifest is %s, want it as it is on the disk", a.body)
	}
	ticket := strings.Split(at, "/")[2]
	w.want(w.get("/film/"+flip(ticket)+"/2.M4S"), 401, "signature_invalid")
	w.want(w.get("/film/~/2.M4S"), 401, "token_missing")
	w.want(w.get("/film/"+ticket+"/"+ticket+"/2.M4S"), 200, "")
	w.want(w.get("/film/"+ticket+"/dash/"+ticket+"/2.M4S"), 404, "not_found")
	w.want(w.get("/other/"+ticket+"/2.M4S"), 403, "video_not_allowed")
	w.want(w.get("/film/"+ticket+"/broken.mpd"), 422, "video_unavailable")
	w.server.Close() // now everything is logged
	if text := w.log.String(); strings.Contains(text, ticket[6:]) || !strings.Contains(text, "film/broken.mpd: line 3: ") {
		t.Errorf("the log is\n%s\nwant no ticket and the fault in broken.mpd", text)
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
