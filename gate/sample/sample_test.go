package sample_test

import (
	"io/fs"
	"math"
	"path"
	"strconv"
	"strings"
	"testing"

	"playtoken/gate/sample"
)

// mostBytes keeps the binary and the repository small.
const mostBytes = 1_500_000

func TestTheClipIsSmallAndComplete(t *testing.T) {
	clip, err := sample.FS()
	if err != nil {
		t.Fatal(err)
	}
	master := read(t, clip, "hls.m3u8")
	renditions := uris(master)
	if len(renditions) != 2 || strings.Count(master, "#EXT-X-STREAM-INF:") != 2 {
		t.Fatalf("want two renditions in\n%s", master)
	}
	if n := strings.Count(master, `CODECS="avc1.4d401e,mp4a.40.2"`); n != 2 {
		t.Errorf("%d renditions name their codecs, want 2", n)
	}
	for _, rendition := range renditions {
		checkRendition(t, clip, rendition)
	}
	if n := totalSize(t, clip); n > mostBytes {
		t.Errorf("the clip has %d bytes, want at most %d", n, mostBytes)
	}
}

// checkRendition reads every file that a media playlist names and adds up its
// durations.
func checkRendition(t *testing.T, clip fs.FS, playlist string) {
	t.Helper()
	text, seconds := read(t, clip, playlist), 0.0
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "#EXTINF:"); ok {
			d, err := strconv.ParseFloat(strings.TrimRight(rest, ",\n"), 64)
			if err != nil {
				t.Fatal(err)
			}
			seconds += d
		}
	}
	if math.Abs(seconds-120) > 0.5 {
		t.Errorf("%s lasts %v s, want 120", playlist, seconds)
	}
	if !strings.Contains(text, `#EXT-X-MAP:URI="init.mp4"`) || !strings.Contains(text, "#EXT-X-ENDLIST") {
		t.Errorf("%s lacks its init segment or its end", playlist)
	}
	for _, file := range append(uris(text), "init.mp4") {
		if body := read(t, clip, path.Join(path.Dir(playlist), file)); len(body) < 500 {
			t.Errorf("%s: %s has only %d bytes", playlist, file, len(body))
		}
	}
}

func uris(playlist string) (found []string) {
	for line := range strings.Lines(playlist) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			found = append(found, line)
		}
	}
	return found
}

func read(t *testing.T, clip fs.FS, name string) string {
	t.Helper()
	body, err := fs.ReadFile(clip, path.Join(sample.VideoID, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func totalSize(t *testing.T, clip fs.FS) (total int64) {
	t.Helper()
	err := fs.WalkDir(clip, ".", func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return total
}
