package gate_test

import (
	"encoding/json"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"playtoken/gate"
	"playtoken/gate/playlist"
	"playtoken/limits"
	"playtoken/secret"
)

func openForFuzz(f testing.TB) (*gate.Gate, string) { return openOn(f, films()) }

func openOn(f testing.TB, media fs.FS) (*gate.Gate, string) {
	f.Helper()
	return openWith(f, media, gate.Config{Forward: "nginx", Now: func() time.Time { return begin }})
}

func openWith(f testing.TB, media fs.FS, config gate.Config) (*gate.Gate, string) {
	f.Helper()
	config.Media, config.Data, config.APIKey = media, filepath.Join(f.TempDir(), "gate.db"), secret.New(apiKey)
	g, err := gate.Open(config)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { g.Close() })
	body, _ := json.Marshal(map[string]string{"name": "x", "public_key": publicPEM(ours())})
	r := httptest.NewRequest("POST", "/v2/jwt_keys", strings.NewReader(string(body)))
	r.Header.Set("Authorization", "Bearer "+apiKey)
	w := httptest.NewRecorder()
	g.Handler().ServeHTTP(w, r)
	var out struct{ Result struct{ ID string } }
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || out.Result.ID == "" {
		f.Fatalf("register: %d %s", w.Code, w.Body)
	}
	return g, out.Result.ID
}

func fetch(handler http.Handler, target string) answer {
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("GET", target, nil))
	return answer{status: w.Code, header: w.Header(), body: w.Body.String()}
}

func ask(handler http.Handler, original string) int {
	r := httptest.NewRequest("GET", "/auth", nil)
	r.Header["X-Original-Uri"] = []string{original}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w.Code
}

// FuzzPlaylist: every URI of the video's own that a rewritten playlist names
// opens with the ticket that it carries, and the file is the one that the
// playlist named.
func FuzzPlaylist(f *testing.F) {
	for _, line := range []string{"a.ts", "my film.ts", "../Größe#1.ts?v=2", "100%.ts", "/film/x/[y].ts", "%41%2e.ts", "#EXT-X-MAP:URI=\"a b.mp4\"", "a;b?c.ts", "a%3Fb%3b.m4s"} {
		f.Add(line)
	}
	media := films()
	g, id := openOn(f, media)
	handler := g.Handler()
	token := sign(id, ours(), map[string]any{"sub": video, "exp": begin.Add(time.Hour).Unix()})
	f.Fuzz(func(t *testing.T, line string) {
		text := "#EXTM3U\n" + line + "\n"
		media["film/360/index.m3u8"] = &fstest.MapFile{Data: []byte(text)}
		list, err := playlist.Parse(text, playlist.Location{Host: "example.com", Root: "/film", File: "360/index.m3u8"})
		a := fetch(handler, "/film/360/index.m3u8?jwt="+token)
		if err != nil {
			if a.status != 422 {
				t.Errorf("%q is answered %d, want 422", text, a.status)
			}
			return
		}
		for ref := range list.References() {
			checkOpens(t, handler, media, a.body, ref)
		}
	})
}

// checkOpens makes the file that a URI names and asks for it as a player does.
func checkOpens(t *testing.T, handler http.Handler, media fstest.MapFS, body string, ref playlist.Reference) {
	t.Helper()
	_, file := path.Split(ref.File)
	if name := "film/" + ref.File; ref.File == "" || !fs.ValidPath(name) || strings.Contains("/"+name, "/.") || media[name] != nil || path.Ext(file) != ".ts" {
		return
	}
	for name := range media { // a folder cannot have the name of a file
		if strings.HasPrefix("film/"+ref.File, name+"/") || strings.HasPrefix(name, "film/"+ref.File+"/") {
			return
		}
	}
	media["film/"+ref.File] = &fstest.MapFile{Data: []byte(ref.File)}
	defer delete(media, "film/"+ref.File)
	for _, uri := range links(t, body, "/film/360/index.m3u8") {
		if a := fetch(handler, uri); strings.Contains(uri, "ticket=") && a.status == 200 && a.body == ref.File {
			return
		}
	}
	t.Errorf("%q: no URI of the playlist opens %q:\n%q", ref.URI, ref.File, body)
}

// BenchmarkGate is a viewer's first request: verify the token, read the
// playlist, make the ticket. Nothing of it waits for a disk.
func BenchmarkGate(b *testing.B) {
	g, id := openForFuzz(b)
	handler := g.Handler()
	token := sign(id, ours(), map[string]any{"sub": video, "exp": begin.Add(time.Hour).Unix()})
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest("GET", "/film/hls.m3u8?jwt="+token, nil))
		if w.Code != 200 {
			b.Fatal(w.Code)
		}
	}
}

// BenchmarkSegment is what a player asks for every few seconds: open the
// ticket, ask whether its session was ended and which streams play, and serve
// the file.
func BenchmarkSegment(b *testing.B) {
	for name, config := range map[string]gate.Config{
		"plain": {}, "limited": {Streams: limits.NewLocalStreams(2)},
	} {
		b.Run(name, func(b *testing.B) {
			g, id := openWith(b, films(), config)
			handler := g.Handler()
			now := time.Now()
			token := sign(id, ours(), map[string]any{"sub": video, "exp": now.Add(time.Hour).Unix(), "viewer": viewerA})
			_, rest, _ := strings.Cut(fetch(handler, "/film/hls.m3u8?jwt="+token).body, "360/index.m3u8?ticket=")
			ticket, _, _ := strings.Cut(rest, "\n")
			b.ReportAllocs()
			for b.Loop() {
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, httptest.NewRequest("GET", "/film/360/0.m4s?ticket="+ticket, nil))
				if w.Code != 200 {
					b.Fatal(w.Code)
				}
			}
		})
	}
}
