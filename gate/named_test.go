package gate_test

import (
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"
)

// TestKeysAndDocumentsAreServedIfAPlaylistNamesThem, since their endings say
// nothing about what is in them.
func TestKeysAndDocumentsAreServedIfAPlaylistNamesThem(t *testing.T) {
	synctest.Test(t, keysAndDocuments) // the next reading of the playlists waits for a second
}

func keysAndDocuments(t *testing.T) {
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
	g, id := openOn(t, media)
	handler := g.Handler()
	token := "?jwt=" + sign(id, ours(), map[string]any{"sub": video, "exp": begin.Add(time.Hour).Unix()})
	for file, want := range map[string]int{"a/enc.key": 200, "Data.JSON": 200, "secrets.json": 404, "server.key": 404, "a/next.key": 404, "none.key": 404} {
		if a := fetch(handler, "/film/"+file+token); a.status != want {
			t.Errorf("%s is answered %d, want %d", file, a.status, want)
		}
		if status, want := ask(handler, "/film/"+file+token), min(want, 403); status != want {
			t.Errorf("/auth for %s answers %d, want %d", file, status, want)
		}
	}
	if a := fetch(handler, "/film/a/enc.key"+token); a.header.Get("Cache-Control") != "no-store" || a.header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("a key's headers are %v, want it neither stored nor shown", a.header)
	}
	if a := fetch(handler, "/film/a/enc.key"); a.status != 401 {
		t.Errorf("without a token a key is answered %v, want 401", a)
	}
	media["film/a/index.m3u8"] = file(keyed + "#EXT-X-KEY:METHOD=AES-128,URI=\"new.key\"\n#EXTINF:2,\n1.ts\n")
	media["film/a/new.key"] = file("new")
	if a := fetch(handler, "/film/a/new.key"+token); a.status != 200 {
		t.Errorf("a live stream's next key is answered %v, want 200", a)
	}
}
