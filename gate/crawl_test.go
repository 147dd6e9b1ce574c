package gate_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestEveryKindOfVideoIsServed crawls each video of the corpus as its players
// do, and plays it with ffmpeg past the life of its token.
func TestEveryKindOfVideoIsServed(t *testing.T) {
	media := makeCorpus(t)
	if t.Failed() {
		return
	}
	root, err := os.OpenRoot(media)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	w := open(t, root.FS(), nil)
	for _, r := range corpus {
		t.Run(r.name, func(t *testing.T) {
			if first := r.firstFile(); strings.HasSuffix(first, ".mpd") {
				w.crawlFolder(t, media, r)
			} else {
				w.crawl(t, media, r)
			}
			w.play(t, r)
		})
	}
	t.Run("growing", func(t *testing.T) { w.playGrowing(t, media) })
}

// playGrowing lets ffmpeg play a live stream from its first segment to its end.
// With each load of its playlist there is one segment more, and a minute has
// passed; the token lives ten seconds.
func (w *world) playGrowing(t *testing.T, media string) {
	t.Helper()
	if err := os.CopyFS(filepath.Join(media, "growing"), os.DirFS(filepath.Join(media, "ts"))); err != nil {
		t.Fatal(err)
	}
	var loads atomic.Int64
	grow := func() {
		text := "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:0\n"
		n := int(min(loads.Add(1), 4))
		for i := range n {
			text += fmt.Sprintf("#EXTINF:1,\nhls%d.ts\n", i)
		}
		if n == 4 {
			text += "#EXT-X-ENDLIST\n"
		}
		if err := os.WriteFile(filepath.Join(media, "growing", "hls.m3u8"), []byte(text), 0o600); err != nil {
			t.Error(err)
		}
	}
	handler := w.gate.Handler()
	before := func(r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".m3u8") {
			grow()
		}
	}
	after := func(r *http.Request) { w.advance(time.Minute) }
	frames, refused, complaints := w.ffmpeg(t, handler, before, after, "/growing/hls.m3u8?jwt="+w.token("growing", 10*time.Second), "hls", "60")
	if frames != 40 || len(refused) > 0 || loads.Load() < 4 {
		t.Errorf("ffmpeg played %d of 40 frames in %d loads, refused %q, want all\n%s", frames, loads.Load(), refused, complaints)
	}
}

func (r recipe) firstFile() string {
	if r.first != "" {
		return r.first
	}
	return "hls.m3u8"
}

var uriAttribute = regexp.MustCompile(`URI="([^"]*)"`)

// urisOf reads a playlist in the simplest way there is.
func urisOf(body string) (uris []string) {
	for line := range strings.Lines(body) {
		line = strings.TrimRight(line, "\r\n")
		if line != "" && line[0] != '#' {
			uris = append(uris, line)
		}
		for _, m := range uriAttribute.FindAllStringSubmatch(line, -1) {
			uris = append(uris, m[1])
		}
	}
	return uris
}

// crawl follows every URI from the first playlist on: each opens with its
// ticket and with nothing else, and leads to the file as it is on the disk.
func (w *world) crawl(t *testing.T, media string, r recipe) {
	t.Helper()
	first := "/" + r.name + "/hls.m3u8?jwt=" + w.token(r.name, time.Minute)
	seen, todo := map[string]bool{}, []string{first}
	for ; len(todo) > 0; todo = todo[1:] {
		at := todo[0]
		a := w.get(at)
		if a.status != 200 {
			t.Errorf("%s is answered %v, want 200", at, a)
			continue
		}
		u, err := url.Parse(at)
		if err != nil {
			t.Fatal(err)
		}
		file := strings.TrimPrefix(u.Path, "/"+r.name+"/")
		if seen[file] = true; !strings.HasSuffix(file, ".m3u8") {
			w.compare(t, filepath.Join(media, r.name, file), a)
			continue
		}
		for _, uri := range urisOf(a.body) {
			next := resolve(t, at, uri)
			if again := slices.Contains(todo, next) || next == at; !again {
				w.refusedWithout(t, next)
				todo = append(todo, next)
			}
		}
	}
	checkAllSeen(t, filepath.Join(media, r.name), seen, r.unread)
}

func (w *world) compare(t *testing.T, name string, a answer) {
	t.Helper()
	if text, err := os.ReadFile(name); err != nil || string(text) != a.body {
		t.Errorf("%s: got %d bytes, want the %d on the disk, %v", name, len(a.body), len(text), err)
	}
}

// refusedWithout asks for a file without the ticket that its URI carries.
func (w *world) refusedWithout(t *testing.T, uri string) {
	t.Helper()
	before, _, found := strings.Cut(uri, "ticket=")
	if !found {
		t.Errorf("%s has no ticket", uri)
	}
	if a := w.get(before); a.status != 401 {
		t.Errorf("%s is answered %v, want 401", before, a)
	}
}

func checkAllSeen(t *testing.T, dir string, seen map[string]bool, unread []string) {
	t.Helper()
	for _, file := range filesOf(t, dir) {
		if !seen[file] && !slices.Contains(unread, file) {
			t.Errorf("no playlist leads to %s: got %v", file, seen)
		}
	}
}

func filesOf(t *testing.T, dir string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			files = append(files, strings.TrimPrefix(name, dir+"/"))
		}
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("got %d files in %s, %v, want some", len(files), dir, err)
	}
	return files
}

var ticketBase = regexp.MustCompile(`<BaseURL>([^<]*~[^<]*)</BaseURL>`)

// crawlFolder asks for every file of a DASH video below the manifest's base.
func (w *world) crawlFolder(t *testing.T, media string, r recipe) {
	t.Helper()
	at := "/" + r.name + "/" + r.first
	a := w.get(at + "?jwt=" + w.token(r.name, time.Minute))
	base := ticketBase.FindStringSubmatch(a.body)
	if a.status != 200 || base == nil {
		t.Fatalf("the manifest is answered %v, want a base with the ticket", a)
	}
	top := strings.TrimSuffix(resolve(t, at, base[1])+filepath.Base(r.first), r.first)
	for _, file := range filesOf(t, filepath.Join(media, r.name)) {
		w.compare(t, filepath.Join(media, r.name, file), w.get(top+file))
		if a := w.get("/" + r.name + "/" + file); a.status != 401 {
			t.Errorf("%s without a ticket is answered %v, want 401", file, a)
		}
	}
}

// play lets ffmpeg play a video. As soon as it has the first playlist an hour
// passes, so that everything else is served to the session.
func (w *world) play(t *testing.T, r recipe) {
	t.Helper()
	asked := 0
	after := func(*http.Request) {
		if asked++; asked == 1 {
			w.advance(time.Hour)
		}
	}
	format := strings.TrimPrefix(filepath.Ext(r.firstFile()), ".")
	address := "/" + r.name + "/" + r.firstFile() + "?jwt=" + w.token(r.name, time.Minute)
	frames, refused, complaints := w.ffmpeg(t, w.gate.Handler(), func(*http.Request) {}, after, address, format, "1.5")
	if frames < 10 || len(refused) > 0 {
		t.Errorf("ffmpeg played %d frames, refused %q, want 10 or more\n%s", frames, refused, complaints)
	}
	if asked < 2 {
		t.Errorf("ffmpeg made %d requests, want it to load what the first playlist names", asked)
	}
}

// ffmpeg plays from an address of the gate, and returns how many frames the
// first stream had, and what was refused. One request is served at a
// time.
func (w *world) ffmpeg(t *testing.T, handler http.Handler, before, after func(*http.Request), address, format, seconds string) (frames int, refused []string, complaints string) {
	t.Helper()
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, request *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		recorded := &statusOf{ResponseWriter: rw, status: 200}
		before(request)
		handler.ServeHTTP(recorded, request)
		after(request)
		if recorded.status >= 400 {
			refused = append(refused, fmt.Sprintf("%d %s", recorded.status, request.URL.Path))
		}
	}))
	defer server.Close()
	args := []string{"-v", "error", "-nostdin"}
	if format != "mpd" {
		args = append(args, "-allowed_extensions", "ALL", "-allowed_segment_extensions", "ALL", "-live_start_index", "0")
	}
	args = append(args, "-i", server.URL+address, "-t", seconds, "-map", "0:v?", "-map", "0:a?", "-f", "framecrc", "-")
	var out, errors bytes.Buffer
	cmd := exec.Command("ffmpeg", args...)
	cmd.Stdout, cmd.Stderr = &out, &errors
	if err := cmd.Run(); err != nil {
		t.Errorf("ffmpeg: got %v, want no error", err)
	}
	mu.Lock()
	defer mu.Unlock()
	return strings.Count(out.String(), "\n0,"), refused, errors.String()
}

type statusOf struct {
	http.ResponseWriter
	status int
}

func (s *statusOf) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}
