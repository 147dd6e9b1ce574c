package gate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"playtoken/gate"
)

func TestCheckNamesWhatWillNotBeServed(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	media := fstest.MapFS{
		"good/hls.m3u8":        file("#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"enc.key\"\n0.ts\nhttps://cdn.example/1.ts\nskd://x\n#EXT-X-ENDLIST\n"),
		"good/0.ts":            file(""),
		"good/enc.key":         file(""),
		"good/.git/x":          file(""),
		"live/hls.m3u8":        file("#EXTM3U\n#EXT-X-TARGETDURATION:1\ngone.ts\n"),
		"dash/m.mpd":           file("<MPD/>"),
		"bad id/hls.m3u8":      file(""),
		"embed/hls.m3u8":       file(""),
		"noindex/master.m3u8":  file("#EXTM3U\n"),
		"broken/hls.m3u8":      file("#EXTM3U\n#EXT-X-MAP:URI=x\n"),
		"broken/m.mpd":         file("<MPD>\n"),
		"broken/big.m3u8":      file("#EXTM3U\n" + strings.Repeat("#", 9<<20)),
		"refers/hls.m3u8":      file("#EXTM3U\nnone.ts\n../good/0.ts\na.exe\n.x/0.ts\nnothing\n#EXT-X-ENDLIST\n"),
		"refers/a.exe":         file(""),
		"refers/nothing":       file(""),
		"refers/.x/0.ts":       file(""),
		"refers/server.key":    file(""),
		"refers/notes.txt":     file(""),
		"refers/more.TXT":      file(""),
		"refers/sub/again.txt": file(""),
		"many/hls.m3u8":        file("#EXTM3U\n" + strings.Repeat("none.ts\n", 100) + "#EXT-X-ENDLIST\n"),
		"ads/hls.m3u8": file("#EXTM3U\n#EXT-X-CONTENT-STEERING:SERVER-URI=\"https://steer.example/s\"\n#EXT-X-CONTENT-STEERING:SERVER-URI=\"good.json\"\n" +
			"#EXT-X-DATERANGE:ID=\"a\",X-ASSET-LIST=\"good.json\"\n#EXT-X-DATERANGE:ID=\"b\",X-ASSET-LIST=\"bad.json\"\n"),
		"ads/good.json":         file(`{"ASSETS":[{"URI":"ad/0.ts?x=1","DURATION":1},{"URI":"none.ts"},{"URI":"/ads/ad/0.ts"},{"URI":"https://ads.example/a.m3u8"}]}`),
		"ads/bad.json":          file("["),
		"ads/ad/0.ts":           file(""),
		"files beside videos.x": file(""),
	}
	var got []string
	many := 0
	err := gate.Check(t.Context(), gate.Config{Media: media}, func(f gate.Finding) {
		if f.Remedy == "" {
			t.Errorf("%s:%d %s: got no remedy, want one", f.File, f.Line, f.What)
		}
		if strings.HasPrefix(f.File, "many/") {
			many++
			return
		}
		got = append(got, fmt.Sprintf("%s:%d %t %s", f.File, f.Line, f.Serious, f.What))
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"bad id:0 true the folder is not served", "embed:0 true the folder is not served", "noindex:0 true there is no hls.m3u8",
		"broken/hls.m3u8:2 true URI is not in double quotes", "broken/m.mpd:2 true not a DASH manifest", "broken/big.m3u8:0 true it is not served: broken/big.m3u8: the playlist is larger",
		"ads/hls.m3u8:2 false https://steer.example/s: this steering server", "ads/good.json:0 true none.ts: there is no file none.ts",
		"ads/good.json:0 true /ads/ad/0.ts begins at the root", "ads/bad.json:0 true it is not a list of assets",
		"refers/hls.m3u8:2 true none.ts: there is no file none.ts", "refers/hls.m3u8:3 true ../good/0.ts leads out", "refers/hls.m3u8:4 true a.exe: files that end in .exe",
		"refers/hls.m3u8:5 true .x/0.ts: names that begin with a dot", "refers/hls.m3u8:6 true nothing: files that end in no ending",
		"refers/a.exe:0 false it is not served", "refers/nothing:0 false it is not served", "refers/server.key:0 false it is not served", "refers/more.TXT:0 false it is not served, nor are other files that end so (3 in all)"} {
		i := slices.IndexFunc(got, func(line string) bool { return strings.HasPrefix(line, want) })
		if i < 0 {
			t.Errorf("no finding %q", want)
			continue
		}
		got = slices.Delete(got, i, i+1)
	}
	if len(got) > 0 || many != 21 {
		t.Errorf("got more findings, %q, and %d about many, want none and 21", got, many)
	}
}

func TestCheckEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	found := 0
	err := gate.Check(ctx, gate.Config{Media: fstest.MapFS{"a b/x": {}, "c d/x": {}}}, func(gate.Finding) {
		found++
		cancel()
	})
	if !errors.Is(err, context.Canceled) || found != 1 {
		t.Errorf("got %d findings, %v, want 1, %v", found, err, context.Canceled)
	}
}
