package gate_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"playtoken/gate"
	"playtoken/web"
)

// sdkPath is where a gate serves a file of the package playtoken.
func sdkPath(t *testing.T, file string) string {
	t.Helper()
	sdk, err := web.NewSDK()
	if err != nil {
		t.Fatal(err)
	}
	return "/sdk/" + sdk.Version() + "/" + file
}

func TestTheGateServesTheSDK(t *testing.T) {
	w := open(t, films(), func(c *gate.Config) { c.Origins = []string{"https://site.example"} })
	got := w.want(w.get(sdkPath(t, "index.js")), 200, "")
	for name, want := range map[string]string{
		"Content-Type": "text/javascript; charset=utf-8", "Access-Control-Allow-Origin": "*", "Cache-Control": "public, max-age=31536000, immutable",
	} {
		if got.header.Get(name) != want {
			t.Errorf("got %s %q, want %q", name, got.header.Get(name), want)
		}
	}
	again := w.get(sdkPath(t, "index.js"), "If-None-Match", got.header.Get("ETag"))
	if again.status != 304 {
		t.Errorf("the same again: got %v, want 304", again)
	}
	w.want(w.do("HEAD", sdkPath(t, "index.js"), ""), 200, "")
	old := w.want(w.get("/sdk/0.0.9/index.js"), 404, "not_found")
	if !strings.Contains(old.body, strings.Split(sdkPath(t, ""), "/")[2]) {
		t.Errorf("another version: got %v, want the version that there is", old)
	}
	w.want(w.get(sdkPath(t, "server.js")), 404, "not_found")
	w.want(w.get("/sdk/hls.m3u8"), 401, "token_missing") // as of any video that there is not
	if strings.Contains(w.log.String(), "the folder sdk") {
		t.Errorf("got the log %s, want nothing about a folder sdk, which there is not", &w.log)
	}
}

// TestAVideoNamedSDKKeepsItsPlace also where its paths look like those of a file
// of the package.
func TestAVideoNamedSDKKeepsItsPlace(t *testing.T) {
	media := films()
	media["sdk/hls.m3u8"] = &fstest.MapFile{Data: []byte("#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\na/0.ts\n#EXT-X-ENDLIST\n")}
	media["sdk/a/0.ts"] = &fstest.MapFile{Data: []byte("ts")}
	w := open(t, media, nil)
	token := w.token("sdk", time.Minute)
	list := w.want(w.get("/sdk/hls.m3u8?jwt="+token), 200, "")
	segments := links(t, list.body, w.server.URL+"/sdk/hls.m3u8")
	if len(segments) != 1 {
		t.Fatalf("got the segments %q, want one", segments)
	}
	if got := w.get(strings.TrimPrefix(segments[0], w.server.URL)); got.status != 200 || got.body != "ts" {
		t.Errorf("the segment of the video sdk: got %v, want it", got)
	}
	w.want(w.get("/sdk?jwt="+token), 200, "")
	w.want(w.get(sdkPath(t, "index.js")), 401, "token_missing")
	if log := w.log.String(); strings.Count(log, "the folder sdk in the media folder") != 1 {
		t.Errorf("got the log %s, want the folder named, once", log)
	}
	var found []string
	if err := gate.Check(t.Context(), gate.Config{Media: media}, func(f gate.Finding) {
		if f.File == "sdk" && !f.Serious && f.Remedy != "" {
			found = append(found, f.What)
		}
	}); err != nil || len(found) != 1 {
		t.Errorf("gate check: got %q about the folder, %v, want one finding", found, err)
	}
	delete(media, "sdk/hls.m3u8")
	delete(media, "sdk/a/0.ts")
	if names := slices.Sorted(maps.Keys(media)); slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, "sdk/") }) {
		t.Fatalf("the folder is still there: %q", names)
	}
	w.want(w.get(sdkPath(t, "index.js")), 200, "")
}
