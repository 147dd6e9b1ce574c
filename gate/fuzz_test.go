package gate_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"playtoken/gate"
	"playtoken/secret"
)

func openForFuzz(f testing.TB) (*gate.Gate, string) {
	f.Helper()
	g, err := gate.Open(gate.Config{Media: films(), Data: filepath.Join(f.TempDir(), "gate.db"), APIKey: secret.New(apiKey),
		Forward: "nginx", Now: func() time.Time { return begin }})
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

func ask(handler http.Handler, original string) int {
	r := httptest.NewRequest("GET", "/auth", nil)
	r.Header["X-Original-Uri"] = []string{original}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w.Code
}

// FuzzRewrite: every URI that a player finds in a rewritten playlist stays in
// the video's folder and has the ticket exactly once.
func FuzzRewrite(f *testing.F) {
	for name, file := range films() {
		if strings.HasSuffix(name, ".m3u8") {
			f.Add(string(file.Data), "360")
		}
	}
	f.Add("#EXTM3U\n#EXT-X-MAP:URI=\"a\",B=\"c,URI=\",D=E\n../a/../b?c=d\n", "a/b")
	f.Fuzz(func(t *testing.T, playlist, folder string) {
		if !strings.Contains("360 a/b . en", folder) || folder == "" {
			folder = "360"
		}
		out, err := gate.Rewrite(playlist, folder, "TICKET")
		if err != nil {
			return
		}
		base, _ := url.Parse("https://gate.example/film/" + folder + "/index.m3u8")
		for line := range strings.Lines(out) {
			if line = strings.TrimRight(line, "\r\n"); line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			u, err := base.Parse(line)
			if err != nil || u.Host != base.Host || u.Scheme != "https" || !strings.HasPrefix(u.Path, "/film/") ||
				strings.Contains(u.Path, "..") && !strings.Contains(line, "..") || len(u.Query()["ticket"]) != 1 {
				t.Errorf("%q became %q, which is %v, %v", playlist, line, u, err)
			}
		}
		again, err := gate.Rewrite(strings.ReplaceAll(out, "ticket=TICKET", "x=y"), folder, "TICKET")
		if err != nil || strings.Count(again, "ticket=TICKET") != strings.Count(out, "ticket=TICKET") {
			t.Errorf("%q is not a playlist any more: %v", out, err)
		}
	})
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
