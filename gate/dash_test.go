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

// TestTheAssetsOfAnInterstitialOpen without a cookie: the list is served below
// the ticket, and what it names relatively is as well.
func TestTheAssetsOfAnInterstitialOpen(t *testing.T) {
	media := films()
	media["film/360/index.m3u8"] = &fstest.MapFile{Data: []byte("#EXTM3U\n#EXT-X-TARGETDURATION:5\n" +
		"#EXT-X-DATERANGE:ID=\"a\",CLASS=\"com.apple.hls.interstitial\",X-ASSET-LIST=\"../ads/list.JSON?v=1\"\n#EXTINF:5,\n0.m4s\n#EXT-X-ENDLIST\n")}
	list := `{"ASSETS":[{"URI":"ad/index.m3u8","DURATION":5}]}`
	media["film/ads/list.JSON"] = &fstest.MapFile{Data: []byte(list)}
	media["film/ads/ad/index.m3u8"] = &fstest.MapFile{Data: []byte("#EXTM3U\n#EXTINF:5,\n0.ts\n#EXT-X-ENDLIST\n")}
	media["film/ads/ad/0.ts"] = &fstest.MapFile{Data: []byte("advert")}
	w := open(t, media, nil)
	from := "/film/360/index.m3u8?ticket=" + w.ticket(video)
	_, rest, _ := strings.Cut(w.want(w.get(from), 200, "").body, `X-ASSET-LIST="`)
	uri, _, _ := strings.Cut(rest, `"`)
	at := resolve(t, from, uri)
	if a := w.want(w.get(at+"&_HLS_primary_id=x"), 200, ""); a.body != list || !strings.HasSuffix(at, "/ads/list.JSON?v=1") {
		t.Fatalf("%s is answered %v, want the list as it is", at, a)
	}
	advert := resolve(t, at, "ad/index.m3u8")
	segments := links(t, w.want(w.get(advert+"?_HLS_primary_id=x"), 200, "").body, advert)
	if len(segments) != 1 || w.want(w.get(segments[0]), 200, "").body != "advert" {
		t.Errorf("the advert's playlist has %q, want one segment that opens", segments)
	}
	w.want(w.get("/film/ads/list.JSON"), 401, "token_missing")
}
