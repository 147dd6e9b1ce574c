package gate_test

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"playtoken/gate/sample"
	"playtoken/web/browsertest"
)

// TestTheSamplePlaysInABrowser opens both pages as a viewer would.
func TestTheSamplePlaysInABrowser(t *testing.T) {
	tab, w := browsertest.Chromium(t).Page(t), open(t, clip(t), nil)
	for _, page := range []string{"/counter", "/embed/counter"} {
		w.show(tab, w.server.URL+page, sample.VideoID)
		w.wantPlayed(tab, "640x360 from blob:")
		if cookie := browsertest.Eval[string](t, tab, `document.cookie`); cookie != "" {
			t.Errorf("%s: scripts see the cookie %q", page, cookie)
		}
		if n := browsertest.Eval[int](t, tab, violations); n != 0 {
			t.Errorf("%s: the page tried %d things that its policy forbids", page, n)
		}
		w.advance(time.Minute) // the session of the next page is its own
	}
	w.wantNoRefusal()
}

// A page may keep scripts in a frame from everything that has an origin.
func TestTheSamplePlaysInASandbox(t *testing.T) {
	tab, w := browsertest.Chromium(t).Page(t), open(t, clip(t), nil)
	inner, err := url.Parse(w.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	sandbox := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(inner) },
		ModifyResponse: func(r *http.Response) error {
			r.Header.Add("Content-Security-Policy", "sandbox allow-scripts")
			return nil
		},
		Transport: w.server.Client().Transport,
	})
	t.Cleanup(sandbox.Close)
	w.show(tab, sandbox.URL+"/embed/counter", sample.VideoID)
	if origin := browsertest.Eval[string](t, tab, `self.origin`); origin != "null" {
		t.Fatalf("the page has the origin %s", origin)
	}
	w.wantPlayed(tab, "640x360 from blob:")
	w.wantNoRefusal()
}

// slow marks a test that watches in real time: it runs beside others, and not
// with -short.
func slow(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("plays video in real time")
	}
	t.Parallel()
}

// serveAs starts the gate's server anew, with something before the gate.
func (w *world) serveAs(handler http.Handler) {
	w.server.Close()
	w.server = httptest.NewServer(handler)
}

// withoutLibrary serves a gate as a build without hls.js would.
func (w *world) withoutLibrary() (url string) {
	w.Helper()
	server := httptest.NewServer(lacking("/embed/hls.js", w.gate.Handler()))
	w.Cleanup(server.Close)
	return server.URL
}

func TestWhatOurLoaderLeavesAloneTheBrowserPlays(t *testing.T) {
	slow(t)
	w := open(t, plainList(t), nil)
	site := w.withoutLibrary()
	for _, c := range []struct {
		browser *browsertest.Browser
		says    string
	}{
		{browser: browsertest.Chromium(t)},
		{browser: browsertest.Firefox(t), says: "because the site was built without hls.js"}, // it has no HLS of its own
	} {
		tab := c.browser.Page(t)
		w.show(tab, site+"/plain", "plain")
		if c.says == "" {
			w.wantPlayed(tab, "640x360 from http:")
			continue
		}
		tab.Await(t, 20*time.Second, `!document.getElementById("message").hidden`)
		if text := browsertest.Eval[string](t, tab, `document.getElementById("message").textContent`); !strings.Contains(text, c.says) {
			t.Errorf("%s: the page says %q, want %q in it", c.browser.Name, text, c.says)
		}
	}
	w.wantNoRefusal()
}

// plainList is a video whose manifest is a list of segments itself.
func plainList(t *testing.T) fs.FS {
	t.Helper()
	files, err := fs.Sub(clip(t), "counter/360")
	if err != nil {
		t.Fatal(err)
	}
	plain := fstest.MapFS{}
	for name, file := range copied(t, files) {
		plain["plain/"+strings.Replace(name, "index.m3u8", "hls.m3u8", 1)] = file
	}
	return plain
}

// copied is a folder that a test may change.
func copied(t *testing.T, files fs.FS) fstest.MapFS {
	t.Helper()
	all := fstest.MapFS{}
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, name)
		all[name] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestThePageSaysWhenTheSessionIsOver(t *testing.T) {
	tab, w := browsertest.Chromium(t).Page(t), open(t, clip(t), nil)
	for _, c := range []struct {
		end  func()
		says string
	}{
		{func() { w.advance(5 * time.Hour) }, "This link has expired. "},
		{func() { w.want(w.api("DELETE", "/v2/jwt_keys/"+w.keyID+"?end_sessions=true", ""), 200, "") }, "This viewing session was ended. "},
	} {
		w.show(tab, w.server.URL+"/counter", sample.VideoID)
		browsertest.Eval[bool](t, tab, canPlay)
		c.end()
		if text := browsertest.Eval[string](t, tab, goOn); !strings.HasPrefix(text, c.says) {
			t.Errorf("the page says %q, want %q", text, c.says)
		}
	}
}

func clip(t *testing.T) fs.FS {
	t.Helper()
	files, err := sample.FS()
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// show opens a page with a token that is over in ten seconds.
func (w *world) show(tab *browsertest.Page, page, video string) {
	w.Helper()
	tab.Open(w.T, page+"?jwt="+w.token(video, 10*time.Second))
}

func (w *world) wantPlayed(tab *browsertest.Page, want string) {
	w.Helper()
	if got := browsertest.Eval[string](w.T, tab, watch); got != want {
		w.Errorf("played %q, want %q", got, want)
	}
}

func (w *world) wantNoRefusal() {
	w.Helper()
	if log := w.log.String(); strings.Contains(log, `"code":`) {
		w.Errorf("something was refused:\n%s", log)
	}
}

// canPlay returns when there is something to see, or why there never will be.
const canPlay = `(async () => {
	const video = document.getElementById("video");
	const message = document.getElementById("message");
	if (video.readyState < 3) await new Promise((resolve, reject) => {
		video.addEventListener("canplay", resolve, { once: true });
		new MutationObserver(() => reject(new Error(message.textContent))).observe(message, { childList: true });
	});
	return true;
})()`

// watch plays to the third second, jumps to the ninetieth, plays on and says
// how large the picture is by then and who fetched it: our own loader gives
// the element a blob; or why it cannot be seen.
const watch = `(async () => {
	const video = document.getElementById("video");
	const message = document.getElementById("message");
	const until = (seconds) => new Promise((resolve, reject) => {
		video.addEventListener("timeupdate", () => video.currentTime >= seconds && resolve());
		new MutationObserver(() => reject(new Error(message.textContent))).observe(message, { childList: true });
	});
	await ` + canPlay + `;
	video.muted = true;
	video.playbackRate = 4;
	await video.play();
	await until(3);
	video.currentTime = 90;
	await until(92);
	return video.videoWidth + "x" + video.videoHeight + " from " + new URL(video.currentSrc).protocol;
})()`

// goOn asks for a part that has not arrived and returns what the page says.
const goOn = `(async () => {
	const message = document.getElementById("message");
	document.getElementById("video").currentTime = 90;
	if (message.hidden) await new Promise((resolve) => new MutationObserver(() => message.hidden || resolve()).observe(message, { attributes: true }));
	return message.textContent;
})()`

// violations counts what the page's own policy has forbidden it so far.
const violations = `new Promise((resolve) => {
	let seen = 0;
	new ReportingObserver((reports) => { seen += reports.length }, { types: ["csp-violation"], buffered: true }).observe();
	setTimeout(() => resolve(seen), 500);
})`
