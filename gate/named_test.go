package gate_test

import (
	"testing"
	"testing/fstest"
)

// TestKeysAndDocumentsAreServedIfAPlaylistNamesThem, since their endings say
// nothing about what is in them.
func TestKeysAndDocumentsAreServedIfAPlaylistNamesThem(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	keyed := "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-KEY:METHOD=AES-128,URI=\"enc.key\"\n#EXTINF:2,\n0.ts\n"
	media := fstest.MapFS{
		"film/hls.m3u8":       file("#EXTM3U\n#EXT-X-SESSION-DATA:DATA-ID=\"a\",URI=\"Data.JSON\"\n#EXT-X-STREAM-INF:BANDWIDTH=1\na/index.m3u8\n"),
		"film/a/index.m3u8":   file(keyed),
		"film/a/enc.key":      file("key"),
		"film/a/next.key":     file("next"),
		"film/Data.JSON":      file("{}"),
		"film/secrets.json":   file("private"),
		"film/server.key":     file("private"),
		"film/.dot/x.m3u8":    file("#EXTM3U\n../server.key\n"),
		"film/broken.m3u8":    file("#EXTM3U\nserver.key\n#EXT-X-MAP:URI=x\n"),
		"other/hls.m3u8":      file("#EXTM3U\n../film/server.key\n"),
		"film/b/foreign.m3u8": file("#EXTM3U\nhttps://a.example/server.key\n"),
	}
	w := open(t, media, nil)
	ticket := "?ticket=" + w.ticket(video)
	for file, want := range map[string]int{"a/enc.key": 200, "Data.JSON": 200, "secrets.json": 404, "server.key": 404, "a/next.key": 404, "none.key": 404} {
		if a := w.get("/film/" + file + ticket); a.status != want {
			t.Errorf("%s is answered %d, want %d", file, a.status, want)
		}
	}
	if a := w.get("/film/a/enc.key" + ticket); a.header.Get("Cache-Control") != "no-store" || a.header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("a key's headers are %v, want it neither stored nor shown", a.header)
	}
	w.want(w.get("/film/a/enc.key"), 401, "token_missing")
	media["film/a/index.m3u8"] = file(keyed + "#EXT-X-KEY:METHOD=AES-128,URI=\"next.key\"\n#EXTINF:2,\n1.ts\n")
	w.want(w.get("/film/a/next.key"+ticket), 200, "") // a live stream's next key
}
