package gate_test

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"playtoken/gate"
)

const (
	growing = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:%\n#EXTINF:2,\n%.ts\n"
	whole   = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n0.ts\n#EXT-X-ENDLIST\n"
)

// live is a video whose first playlist is a media playlist.
func live(text string) fstest.MapFS {
	return fstest.MapFS{"live/hls.m3u8": {Data: []byte(strings.ReplaceAll(text, "%", "7"))}, "live/7.ts": {Data: []byte("seven")}, "live/0.ts": {Data: []byte("zero")}}
}

// TestALivePlayerOutlivesItsToken: the player is given a playlist that it never
// has to load again, and reloads the one below it with its ticket.
func TestALivePlayerOutlivesItsToken(t *testing.T) {
	w := open(t, live(growing), nil)
	opened := "/live/hls.m3u8?v=2&jwt=" + w.token("live", 3*time.Second)
	first := w.want(w.get(opened), 200, "")
	uris := links(t, first.body, "/live/hls.m3u8")
	if len(uris) != 1 || !strings.HasPrefix(uris[0], "/live/hls.m3u8?v=2&ticket=") || !strings.Contains(first.body, "#EXT-X-STREAM-INF:BANDWIDTH=") {
		t.Fatalf("the first playlist is\n%s\nwant one variant with the ticket", first.body)
	}
	for range 5 {
		w.advance(2 * time.Second)
		list := w.want(w.get(uris[0]), 200, "")
		segments := links(t, list.body, uris[0])
		if len(segments) != 1 || w.want(w.get(segments[0]), 200, "").body != "seven" {
			t.Errorf("the variant is\n%s\nwant the growing playlist", list.body)
		}
		w.want(w.get(uris[0]+"&_HLS_msn=8&_HLS_part=1"), 200, "") // LL-HLS waits for what comes next
	}
	w.want(w.get(opened), 401, "token_expired")
	cookie := strings.Split(first.header.Get("Set-Cookie"), ";")[0]
	if a := w.want(w.get(opened, "Cookie", cookie), 200, ""); a.body != first.body {
		t.Errorf("with a cookie the first playlist is\n%s\nwant\n%s", a.body, first.body)
	}
}

// TestATokenWithEveryRequestChangesNothing: a player that sends its token in a
// header with every request gets the growing playlist below the first one.
func TestATokenWithEveryRequestChangesNothing(t *testing.T) {
	w := open(t, live(growing), nil)
	token := "Bearer " + w.token("live", time.Minute)
	first := w.want(w.get("/live/hls.m3u8", "Authorization", token), 200, "")
	uri := links(t, first.body, "/live/hls.m3u8")[0]
	if list := w.want(w.get(uri, "Authorization", token), 200, ""); !strings.Contains(list.body, "#EXTINF") {
		t.Errorf("the variant with a token in the header is\n%s\nwant the growing playlist", list.body)
	}
}

func TestWhichFirstPlaylistsStayAsTheyAre(t *testing.T) {
	for name, c := range map[string]struct{ text, query, want string }{
		"a recording":                   {whole, "jwt=", "0.ts?ticket="},
		"a ticket in the URL":           {growing, "ticket=", "7.ts?ticket="},
		"a player that has it already":  {growing, "_HLS_msn=8&jwt=", "7.ts?ticket="},
		"a growing one":                 {growing, "jwt=", "hls.m3u8?ticket="},
		"a growing one of the type VOD": {"#EXTM3U\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXTINF:2,\n7.ts\n", "jwt=", "hls.m3u8?ticket="},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t, live(c.text), nil)
			credential := w.token("live", time.Minute)
			if strings.HasSuffix(c.query, "ticket=") {
				credential = w.ticket("live")
			}
			if a := w.want(w.get("/live/hls.m3u8?"+c.query+credential), 200, ""); !strings.Contains(a.body, "\n"+c.want) {
				t.Errorf("got\n%s\nwant a line that begins with %s", a.body, c.want)
			}
		})
	}
}

func TestTheFirstPlaylistHasTheNameThatIsConfigured(t *testing.T) {
	media := live(growing)
	media["live/Main List.M3U8"] = media["live/hls.m3u8"]
	w := open(t, media, func(c *gate.Config) { c.Index = "Main List.M3U8" })
	a := w.want(w.get("/live/Main%20List.M3U8?jwt="+w.token("live", time.Minute)), 200, "")
	if !strings.Contains(a.body, "\nMain%20List.M3U8?ticket=") {
		t.Errorf("got\n%s\nwant one variant", a.body)
	}
	w.want(w.get("/live?jwt="+w.token("live", time.Minute)), 200, "")
	delete(media, "live/hls.m3u8") // services ask for the usual name
	a = w.want(w.get("/live/hls.m3u8?jwt="+w.token("live", time.Minute)), 200, "")
	if !strings.Contains(a.body, "\nMain%20List.M3U8?ticket=") {
		t.Errorf("by the usual name: got\n%s\nwant one variant", a.body)
	}
	if a := w.do("OPTIONS", "/live", "", "Origin", "https://a.example", "Access-Control-Request-Method", "GET"); a.status != 204 || a.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("preflight of a video's page: got %s, want 204 that allows", a)
	}
	delete(media, "live/Main List.M3U8")
	w.want(w.get("/live?jwt="+w.token("live", time.Minute)), 404, "not_found")
}
