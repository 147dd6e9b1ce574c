package web_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"playtoken/gate/sample"
)

// packages is where make players installs the players.
const packages = "../gate/testplayers/node_modules/"

// theatre is a page on which players watch the demo's video, and the demo: the
// real service and gate, with lives of seconds.
type theatre struct {
	t     *testing.T
	demo  demoViews
	page  *httptest.Server
	seats map[string]*seat
	dark  atomic.Bool // the ungated video cannot be reached
}

// seat is how one player sees the world: a media server and a back end that a
// test disturbs, and that count.
type seat struct {
	media   *httptest.Server
	offline atomic.Bool  // neither media nor back end answer
	refuses atomic.Int32 // status of the back end; 0: it works
	once    atomic.Bool  // it refuses one request only

	dead, requests, tokens atomic.Int64
}

// lives are short: of a token, of a session at the gate, and of a key.
var lives = []string{
	"PLAYTOKEN_TOKEN_TTL=6s", "PLAYTOKEN_TOKEN_MAX_TTL=6s", "PLAYTOKEN_GATE_SESSION_TTL=4s",
	"PLAYTOKEN_ROTATE_EVERY=8s", "PLAYTOKEN_PROPAGATION_DELAY=1s", "PLAYTOKEN_SETTLE=1s", "PLAYTOKEN_OBSERVE_EVERY=5s",
}

// openTheatre takes settings that the test needs otherwise.
func openTheatre(t *testing.T, settings ...string) *theatre {
	t.Helper()
	th := &theatre{t: t, demo: startDemo(t, slices.Concat(lives, settings)...), seats: map[string]*seat{}}
	files, err := sample.FS()
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, theatrePage) })
	mux.Handle("GET /sdk/", http.StripPrefix("/sdk/", http.FileServer(http.Dir("sdk/src"))))
	mux.Handle("GET /npm/", http.StripPrefix("/npm/", http.FileServer(http.Dir(packages))))
	mux.Handle("GET /test/", http.StripPrefix("/test/", http.FileServer(http.Dir("jstest"))))
	mux.Handle("GET /free/", http.StripPrefix("/free/", th.free(http.FileServerFS(files))))
	mux.Handle("GET /bundle/", http.StripPrefix("/bundle/", http.FileServer(http.Dir(bundle(t)))))
	mux.HandleFunc("POST /token/{seat}", th.token)
	th.page = httptest.NewServer(mux)
	t.Cleanup(th.page.Close)
	return th
}

const theatrePage = `<!doctype html><title>players</title>
<style>body > div { float: left; width: 170px; height: 150px; overflow: hidden }</style>
<script src="/npm/hls.js/dist/hls.min.js"></script>
<script src="/npm/shaka-player/dist/shaka-player.compiled.js"></script>
<script src="/npm/dashjs/dist/modern/umd/dash.all.min.js"></script>
<script src="/npm/video.js/dist/video.min.js"></script>
<script src="/npm/@mux/mux-video/dist/mux-video.js"></script>
<script src="/bundle/players.js"></script>
<script>videojs.Vhs.GOAL_BUFFER_LENGTH = videojs.Vhs.MAX_GOAL_BUFFER_LENGTH = 5</script>
<script type="module" src="/test/players.js"></script>`

// bundle makes a script of the players that have no modules for browsers, and
// returns its folder.
func bundle(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	modules, err := filepath.Abs(packages)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), filepath.Join(modules, ".bin/esbuild"), "jstest/bundled-players.js", "--bundle",
		"--alias:react="+modules+"/react", "--alias:react-dom="+modules+"/react-dom", "--outfile="+filepath.Join(dir, "players.js"))
	command.Env = append(os.Environ(), "NODE_PATH="+modules)
	if text, err := command.CombinedOutput(); err != nil {
		t.Fatalf("bundle React: %v\n%s", err, text)
	}
	return dir
}

// free serves the video without a gate, for comparison.
func (th *theatre) free(files http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if th.dark.Load() {
			panic(http.ErrAbortHandler)
		}
		if kind := map[string]string{".m3u8": "application/vnd.apple.mpegurl", ".m4s": "video/mp4", ".mpd": "application/dash+xml"}[path.Ext(r.URL.Path)]; kind != "" {
			w.Header().Set("Content-Type", kind)
		}
		files.ServeHTTP(w, r)
	})
}

// seat adds one.
func (th *theatre) seat(name string) *seat {
	th.t.Helper()
	gate, err := url.Parse(th.demo.Gate)
	if err != nil {
		th.t.Fatal(err)
	}
	s := &seat{}
	s.media = httptest.NewServer(s.serveMedia(&httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(gate) },
		ModifyResponse: s.count,
	}))
	th.t.Cleanup(s.media.Close)
	th.seats[name] = s
	return s
}

func (s *seat) serveMedia(gate http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.offline.Load() {
			panic(http.ErrAbortHandler)
		}
		gate.ServeHTTP(w, r)
	})
}

func (s *seat) count(r *http.Response) error {
	s.requests.Add(1)
	if r.StatusCode == http.StatusUnauthorized || r.StatusCode == http.StatusForbidden {
		s.dead.Add(1)
	}
	return nil
}

// token is the page's back end: it mints with the API key, and names the seat's
// media server in the gate's place.
func (th *theatre) token(w http.ResponseWriter, r *http.Request) {
	s := th.seats[r.PathValue("seat")]
	if s.offline.Load() {
		panic(http.ErrAbortHandler)
	}
	if status := int(s.refuses.Load()); status != 0 {
		if s.once.Load() {
			s.refuses.Store(0)
		}
		w.WriteHeader(status)
		return
	}
	body, err := th.call(http.MethodPost, "/v1/playback-tokens", th.demo.APIKey, `{"video_id":"`+sample.VideoID+`"}`)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	s.tokens.Add(1)
	w.Header().Set("Content-Type", mime.TypeByExtension(".json"))
	w.Write(bytes.ReplaceAll(body, []byte(th.demo.Gate), []byte(s.media.URL)))
}

// call asks the service.
func (th *theatre) call(method, path, key, body string) ([]byte, error) {
	r, err := http.NewRequestWithContext(th.t.Context(), method, th.demo.Service+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: status %d: %s", method, path, response.StatusCode, text)
	}
	return text, err
}

// activeKey is the generation that signs, or 0.
func (th *theatre) activeKey() int {
	th.t.Helper()
	text, err := th.call(http.MethodGet, "/v1/projects/default/signing-keys", th.demo.AdminKey, "")
	if err != nil {
		th.t.Fatal(err)
	}
	var keys struct {
		Items []struct {
			Generation int
			State      string
		}
	}
	if err := json.Unmarshal(text, &keys); err != nil {
		th.t.Fatal(err)
	}
	for _, key := range keys.Items {
		if key.State == "active" {
			return key.Generation
		}
	}
	return 0
}
