package gate_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"playtoken/gate"
	"playtoken/gate/sample"
	"playtoken/web/browsertest"
)

var examplePage = regexp.MustCompile("(?s)```js\n(.*?)```")

// host is a site with a page that shows the gate's frame. Its script is that of
// docs/embed.md, and one line that writes down what the frame says.
type host struct {
	world  *world
	server *httptest.Server
	url    string        // of the page: another site than the gate's
	life   time.Duration // of the tokens that its back end mints
	minted atomic.Int64
	frame  string // the frame's address, less the gate's own
}

func newHost(w *world, frame string) *host {
	w.Helper()
	h := &host{world: w, life: 10 * time.Second, frame: frame}
	h.server = httptest.NewServer(h)
	w.Cleanup(h.server.Close)
	h.url = strings.Replace(h.server.URL, "127.0.0.1", "localhost", 1)
	return h
}

func (h *host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/token":
		h.minted.Add(1)
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]string{"token": h.world.token(sample.VideoID, h.life)})
	case "/script.js":
		text, _ := os.ReadFile("../docs/embed.md")
		script := string(examplePage.FindSubmatch(text)[1])
		script = strings.Replace(script, "https://videos.example.com", h.world.server.URL, 1)
		w.Header().Set("Content-Type", "text/javascript")
		fmt.Fprint(w, script+`
window.said = [];
window.addEventListener("message", (event) => said.push({ origin: event.origin, ...event.data }));`)
	case "/":
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><html lang="en"><title>host</title><iframe id="film" title="Film" width="640" height="360" allow="autoplay; fullscreen"></iframe>
			<script src="/script.js"></script><script>frame.src = %q;</script></html>`, h.world.server.URL+h.frame)
	}
}

const (
	// playing is how far the frame's video has come.
	playing = `(said.findLast((m) => m.type === "time")?.time ?? 0)`
	// saidTypes are the kinds of messages so far.
	saidTypes = `[...new Set(said.map((m) => m.type))]`
)

// watchFrame opens the page and returns once its video moves.
func (h *host) watchFrame(b *browsertest.Browser) *browsertest.Page {
	h.world.Helper()
	tab := b.Page(h.world.T)
	tab.Open(h.world.T, h.url)
	tab.Await(h.world.T, time.Minute, playing+` > 1`)
	return tab
}

// A viewer watches in a frame of another site; the session is ended; that
// site's back end mints, and the video goes on.
func TestAFrameGoesOnWithAFreshTokenOfThePageAround(t *testing.T) {
	slow(t)
	for _, b := range browsertest.Browsers(t) {
		for _, library := range []bool{true, false} {
			if library && !hasLibrary(t) {
				continue
			}
			t.Run(fmt.Sprintf("%s, hls.js %v", b.Name, library), func(t *testing.T) {
				w := open(t, clip(t), nil)
				if !library {
					w.serveAs(lacking("/embed/hls.js", w.gate.Handler()))
				}
				h := newHost(w, "/embed/counter?autoplay=1&muted=1&jwt="+w.token(sample.VideoID, 10*time.Second))
				h.goesOn(b)
			})
		}
	}
}

func (h *host) goesOn(b *browsertest.Browser) {
	t, w := h.world.T, h.world
	t.Helper()
	tab := h.watchFrame(b)
	ready := browsertest.Eval[map[string]any](t, tab, `said.find((m) => m.type === "ready")`)
	if ready["protocol"] != "playtoken" || ready["version"] != 1.0 || ready["video_id"] != sample.VideoID || ready["duration"].(float64) < 119 || ready["origin"] != w.server.URL {
		t.Errorf("ready = %v, want what docs/embed.md says", ready)
	}
	w.advance(5 * time.Hour) // the session is over, and what is not buffered yet is refused
	tab.Await(t, 2*time.Minute, `said.some((m) => m.type === "needs-token")`)
	at := browsertest.Eval[float64](t, tab, playing)
	tab.Await(t, time.Minute, fmt.Sprintf(`%s > %f`, playing, at+3))
	if n := h.minted.Load(); n != 1 {
		t.Errorf("the page minted %d tokens, want 1", n)
	}
	if errors := browsertest.Eval[[]map[string]any](t, tab, `said.filter((m) => m.type === "error")`); len(errors) > 0 {
		t.Errorf("errors = %v, want none", errors)
	}
}

func lacking(path string, handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == path {
			http.NotFound(w, r)
			return
		}
		handler.ServeHTTP(w, r)
	})
}

func TestAFrameWithARefusedTokenBeginsWithAFreshOne(t *testing.T) {
	slow(t)
	w := open(t, clip(t), nil)
	h := newHost(w, "/embed/counter?autoplay=1&muted=1&jwt="+w.token(sample.VideoID, -time.Hour))
	tab := h.watchFrame(browsertest.Chromium(t))
	if types := browsertest.Eval[[]string](t, tab, saidTypes); types[0] != "needs-token" {
		t.Errorf("the frame said %v, want needs-token first", types)
	}
	if n := h.minted.Load(); n != 1 {
		t.Errorf("the page minted %d tokens, want 1", n)
	}
}

// A token that is refused, too, is not asked for a second time.
func TestAFrameGivesUpWhenTheFreshTokenIsRefused(t *testing.T) {
	slow(t)
	w := open(t, clip(t), nil)
	h := newHost(w, "/embed/counter?jwt="+w.token(sample.VideoID, -time.Hour))
	h.life = -time.Hour
	tab := browsertest.Chromium(t).Page(t)
	tab.Open(t, h.url)
	tab.Await(t, time.Minute, `said.some((m) => m.type === "error")`)
	got := browsertest.Eval[map[string]any](t, tab, `said.find((m) => m.type === "error")`)
	if got["code"] != "token_expired" || got["message"] != "This link has expired" || h.minted.Load() != 1 {
		t.Errorf("after %d tokens: got %v, want one token and the refusal", h.minted.Load(), got)
	}
}

func TestAFrameTalksOnlyWithPagesThatTheGateNames(t *testing.T) {
	slow(t)
	w := open(t, clip(t), func(c *gate.Config) { c.Origins = []string{"https://videos.example"} })
	h := newHost(w, "/embed/counter?jwt="+w.token(sample.VideoID, time.Hour))
	tab := browsertest.Chromium(t).Page(t)
	tab.Open(t, h.url)
	// The frame is not shown at all; a refusal is, but says nothing.
	h.frame = "/embed/counter?jwt=x"
	tab.Open(t, h.url)
	if types := browsertest.Eval[[]string](t, tab, `new Promise((resolve) => setTimeout(() => resolve(`+saidTypes+`), 1500))`); len(types) > 0 {
		t.Errorf("a page of another origin was told %v, want nothing", types)
	}
	if n := h.minted.Load(); n != 0 {
		t.Errorf("it was asked for %d tokens, want none", n)
	}
}
