package gate_test

import (
	"bytes"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"playtoken/gate"
)

// TestEveryKindOfVideoIsServed crawls each video of the corpus as its players
// do, and plays it with all players.
func TestEveryKindOfVideoIsServed(t *testing.T) {
	media := makeCorpus(t)
	if t.Failed() {
		return
	}
	folder, err := gate.OpenFolder(media)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	w := open(t, folder, nil)
	for _, r := range recipes() {
		t.Run(r.name, func(t *testing.T) {
			if first := r.firstFile(); strings.HasSuffix(first, ".mpd") {
				w.crawlFolder(t, media, r)
			} else {
				w.crawl(t, media, r)
			}
		})
	}
	t.Run("played", func(t *testing.T) { playCorpus(t, folder) })
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
		if !seen[file] && !slices.ContainsFunc(unread, func(name string) bool { return strings.HasPrefix(file, name) }) {
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

// playWithFFmpeg returns how many frames the first stream had.
func playWithFFmpeg(t *testing.T, address, seconds string) (frames int, complaints string) {
	t.Helper()
	args := []string{"-v", "error", "-nostdin"}
	if !strings.Contains(address, ".mpd") {
		args = append(args, "-allowed_extensions", "ALL", "-allowed_segment_extensions", "ALL", "-live_start_index", "0")
	}
	args = append(args, "-i", address, "-t", seconds, "-map", "0:v?", "-map", "0:a?", "-f", "framecrc", "-")
	var out, errors bytes.Buffer
	cmd := exec.Command("ffmpeg", args...)
	cmd.Stdout, cmd.Stderr = &out, &errors
	if err := cmd.Run(); err != nil {
		t.Errorf("ffmpeg: got %v, want no error", err)
	}
	return strings.Count(out.String(), "\n0,"), errors.String()
}

type statusOf struct {
	http.ResponseWriter
	status int
}

func (s *statusOf) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}
