package gate_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"playtoken/gate"
)

// ambiguous paths mean different files to different readers.
var ambiguous = []string{
	"//film/360/0.m4s", "/film//360/0.m4s", "/./film/360/0.m4s", "/film/./360/0.m4s", "/film/../film/360/0.m4s",
	"/film/360/../360/0.m4s", "/../film/360/0.m4s", "/other/../film/360/0.m4s", "/film/../other/0.m4s",
	"/film/%2e%2e/other/0.m4s", "/film/%2E%2e/other/0.m4s", "/film/.%2e/other/0.m4s", "/film/%2e/360/0.m4s",
	"/film/..%2fother/0.m4s", "/film%2f360/0.m4s", "/film%2F360%2F0.m4s", "/film/%2fetc/passwd", "/film/360%5c0.m4s",
	`/film/360\0.m4s`, `/film/..\other/0.m4s`, "/film/%5c..%5cother", "/film/%252e%252e/other/0.m4s", "/film/%25%32%66x",
	"/film/360/0.m4s%00", "/film/360/0.m4s%00.txt", "/film/360/0.m4s%0a", "/film/360/0.m4s%0d%0aX: y", "/film/%01",
	"/film/360/0.m4s;x", "/film;x/360/0.m4s", "/film/..;/other/0.m4s",
	"/film/%7f", "/film/%zz", "/film/%4", "/film/360/..", "/film/360/.", "/film/..",
}

// named paths are files whose names have characters with a meaning. The gate
// serves such files itself, and lets no proxy do so.
var named = []string{"/film/360/0.m4s%3fx", "/film/360/0.m4s%23x", "/film/360/100%25.m4s", "/film/a%3bb.m4s"}

// raw sends a target exactly as it is written, which net/http's client will
// not do, and returns the status of the answer.
func raw(t *testing.T, network, address, target string) int {
	t.Helper()
	c, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: gate\r\nConnection: close\r\n\r\n", target)
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	return response.StatusCode
}

func TestAmbiguousPathsAreRefusedBeforeAnythingElse(t *testing.T) {
	w := open(t, films(), nil)
	address := w.server.Listener.Addr().String()
	query := "?jwt=" + sign(w.keyID, ours(), jwt.MapClaims{"exp": w.now().Add(time.Minute).Unix()})
	if got := raw(t, "tcp", address, "/film/360/0.m4s"+query); got != 200 {
		t.Fatalf("the plain path is answered %d", got)
	}
	if got := raw(t, "tcp", address, "/film/%33%36%30/%30.m4s"+query); got != 200 {
		t.Errorf("letters that are written as escapes are answered %d", got)
	}
	for _, target := range ambiguous {
		// Some are no HTTP at all: 400 from net/http.
		if got := raw(t, "tcp", address, target+query); got != 403 && got != 400 {
			t.Errorf("%s is answered %d, want 403", target, got)
		}
		if got := raw(t, "tcp", address, target); got != 403 && got != 400 {
			t.Errorf("%s without a token is answered %d, want 403", target, got)
		}
	}
	for _, target := range named {
		if got := raw(t, "tcp", address, target+query); got != 404 {
			t.Errorf("%s is answered %d, want 404", target, got)
		}
	}
	for target, want := range map[string]int{"*": 403, "http://gate/film/360/0.m4s" + query: 200, "/%66ilm/360/0.m4s" + query: 404} {
		if got := raw(t, "tcp", address, target); got != want {
			t.Errorf("%s is answered %d, want %d", target, got, want)
		}
	}
}

// TestLinksDoNotLeadOutOfTheFolder, nor do pipes stop the gate.
func TestLinksDoNotLeadOutOfTheFolder(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Mkdir(filepath.Join(dir, "film"), 0o755))
	must(os.WriteFile(filepath.Join(dir, "film", "hls.m3u8"), []byte("#EXTM3U\na.m4s\n"), 0o644))
	must(os.WriteFile(filepath.Join(dir, "film", "a.m4s"), []byte("inside"), 0o644))
	must(os.WriteFile(filepath.Join(outside, "b.m4s"), []byte("outside"), 0o644))
	must(os.Symlink("a.m4s", filepath.Join(dir, "film", "inner.m4s")))
	must(os.Symlink(filepath.Join(outside, "b.m4s"), filepath.Join(dir, "film", "absolute.m4s")))
	must(os.Symlink("../../"+filepath.Base(outside)+"/b.m4s", filepath.Join(dir, "film", "relative.m4s")))
	must(os.Symlink(outside, filepath.Join(dir, "film", "folder")))
	must(os.Symlink(outside, filepath.Join(dir, "linked")))
	must(syscall.Mkfifo(filepath.Join(dir, "film", "pipe.m4s"), 0o644))
	folder, err := gate.OpenFolder(dir)
	must(err)
	defer folder.Close()

	w := open(t, folder, nil)
	ticket := w.ticket(video)
	for file, want := range map[string]int{"a.m4s": 200, "inner.m4s": 200, "absolute.m4s": 404, "relative.m4s": 404,
		"folder/b.m4s": 404, "pipe.m4s": 404} {
		if a := w.get("/film/" + file + "?ticket=" + ticket); a.status != want {
			t.Errorf("%s: got %v, want %d", file, a, want)
		}
	}
	w.want(w.get("/linked/b.m4s?jwt="+w.token("linked", time.Minute)), 404, "not_found")
}

// TestABrokenPlaylistIsTheOperatorsToMend: the viewer learns that there is no
// video, the log says which line of which file is wrong.
func TestABrokenPlaylistIsTheOperatorsToMend(t *testing.T) {
	media := films()
	w := open(t, media, nil)
	url := "/film/360/index.m3u8?ticket=" + w.ticket(video)
	media["film/360/index.m3u8"].Data = []byte("#EXTM3U\n#EXT-X-MAP:URI=init.mp4\n")
	a := w.want(w.get(url), 422, "video_unavailable")
	if strings.Contains(a.body, "URI") || !strings.Contains(a.body, "not available") {
		t.Errorf("the viewer reads %s, want only that the video is not available", a.body)
	}
	w.server.Close() // now everything is logged
	if line := `film/360/index.m3u8: line 2: URI is not in double quotes`; !strings.Contains(w.log.String(), line) {
		t.Errorf("the log is\n%s\nwant %q in it", w.log.String(), line)
	}
}
