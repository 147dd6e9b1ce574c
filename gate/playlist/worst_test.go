package playlist_test

import (
	"io"
	"runtime"
	"strings"
	"testing"

	"playtoken/gate/playlist"
)

// TestTheWorstPlaylistsTakeBoundedMemory: what is allocated grows with the text
// and no faster, and hardly at all for playlists.
func TestTheWorstPlaylistsTakeBoundedMemory(t *testing.T) {
	const size = 1 << 18
	repeat := func(text string) func(int) string {
		return func(size int) string { return head + strings.Repeat(text, size/len(text)) }
	}
	manifest := func(begin, text, end string) func(int) string {
		return func(size int) string { return "<MPD>" + begin + strings.Repeat(text, size/len(text)) + end + "</MPD>" }
	}
	for _, c := range []struct {
		name string
		make func(size int) string
		most int64 // bytes allocated for each byte of text; a little more than without the race detector
	}{
		{"short lines", repeat("a\n"), 20},
		{"empty lines", repeat("\n"), 4},
		{"other names", repeat("../360/ä ö\n"), 60},
		{"attributes", repeat("#EXT-X-MAP:A=B,URI=\"a\",C=\"d,e\"\n"), 4},
		{"one long tag", func(size int) string { return head + "#EXT-X-MAP:" + strings.Repeat("A=B,", size/4) + "URI=\"a\"\n" }, 4},
		{"one long remark", func(size int) string { return head + "#" + strings.Repeat("x", size) }, 4},
		{"variables", func(size int) string {
			return head + "#EXT-X-DEFINE:NAME=\"v\",VALUE=\"" + strings.Repeat("x", 100) + "\"\n" + strings.Repeat("{$v}\n", size/5)
		}, 100},
		{"elements", manifest("", "<a/>", ""), 100},
		{"bases", manifest("", "<BaseURL>/films/film/</BaseURL>", ""), 300},
		{"a base in pieces", manifest("<BaseURL>", "a<!-- -->", "</BaseURL>"), 200},
		{"templates", manifest("", `<S media="/films/film/1"/>`, ""), 300},
	} {
		t.Run(c.name, func(t *testing.T) {
			once, twice := allocated(t, c.make(size)), allocated(t, c.make(2*size))
			if once > c.most*size || twice > 5*once/2+size {
				t.Errorf("got %d bytes allocated for each byte, and %d of twice the text, want at most %d and no more",
					once/size, twice/(2*size), c.most)
			}
		})
	}
}

// allocated is what one viewer's request for a text costs, in bytes.
func allocated(t *testing.T, text string) int64 {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var out interface{ Reader(string) io.ReadSeeker }
	var err error
	if strings.HasPrefix(text, "<") {
		out, err = playlist.ParseManifest(text, here(), false)
	} else {
		out, err = playlist.Parse(text, here())
	}
	if err == nil {
		_, err = io.Copy(io.Discard, out.Reader("TICKET"))
	}
	if err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}
