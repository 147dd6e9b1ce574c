package gate_test

import (
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"playtoken/web/browsertest"
)

// player is what plays in a page, and how it is told to.
type player struct {
	name, browser string
	file          string // in the folder of npm packages; empty: the browser itself
	play          string // the body of a function of video, source and fail
	hls, dash     bool
	cannot        map[string]string // videos that it does not play from a plain file server either, and why
}

func (p player) column() string { return p.name + ", " + p.browser }

const (
	playHLS = `const hls = new Hls({ enableWorker: false }); hls.on(Hls.Events.ERROR, (_, e) => e.fatal && fail(e.details)); hls.loadSource(source); hls.attachMedia(video);`
	hlsFile = "hls.js/dist/hls.min.js"
	// packages is where make players installs what package-lock.json there pins.
	packages = "testplayers/node_modules/"
)

var noAC3 = map[string]string{"ac3": "no decoder"}

var players = []player{
	{name: "hls.js", browser: "Chromium", file: hlsFile, hls: true, play: playHLS, cannot: noAC3},
	{name: "Shaka", browser: "Chromium", file: "shaka-player/dist/shaka-player.compiled.js", hls: true, dash: true,
		play: `shaka.polyfill.installAll(); const p = new shaka.Player(); await p.attach(video);
			p.addEventListener("error", (e) => fail("error " + e.detail?.code + " " + e.detail?.data)); await p.load(source);`,
		cannot: map[string]string{"ac3": "no decoder", "low-latency": "a TypeError of its own"}},
	{name: "video.js", browser: "Chromium", file: "video.js/dist/video.min.js", hls: true, dash: true,
		play: `const p = videojs(video, { html5: { vhs: { overrideNative: true } } }); p.on("error", () => fail(p.error().message));
			p.src({ src: source, type: source.includes(".mpd") ? "application/dash+xml" : "application/x-mpegURL" });`,
		cannot: map[string]string{"dash-webm": "wants pictures", "aac": "wants pictures", "mp3": "wants pictures", "ac3": "no decoder"}},
	{name: "dash.js", browser: "Chromium", file: "dashjs/dist/modern/umd/dash.all.min.js", dash: true,
		play: `const p = dashjs.MediaPlayer().create(); p.on("error", (e) => fail(JSON.stringify(e.error))); p.initialize(video, source, true);`},
	{name: "itself", browser: "Chromium", hls: true, play: `video.addEventListener("error", () => fail(video.error.message)); video.src = source;`,
		cannot: map[string]string{"ranges-ts": "byte ranges", "ranges-fmp4": "byte ranges", "low-latency": "stalls at parts", "mp3": "no demuxer", "ac3": "no decoder"}},
	{name: "hls.js", browser: "Firefox", file: hlsFile, hls: true, play: playHLS, cannot: noAC3},
	{name: "dash.js", browser: "Firefox", file: "dashjs/dist/modern/umd/dash.all.min.js", dash: true,
		play: `const p = dashjs.MediaPlayer().create(); p.on("error", (e) => fail(JSON.stringify(e.error))); p.initialize(video, source, true);`},
}

// playCorpus plays each video with each player, from pages of another site.
// While it plays hours pass, the token ends, and the keys are rotated twice.
func playCorpus(t *testing.T, media fs.FS) {
	results := newTable()
	t.Run("by", func(t *testing.T) {
		t.Run("ffmpeg", func(t *testing.T) {
			t.Parallel()
			for _, r := range recipes() {
				results.set(r.name, "ffmpeg", openFilm(t, media, r).ffmpegPlays(t))
			}
		})
		if _, err := os.Stat(packages); err != nil {
			fmt.Fprintln(t.Output(), "NOT TESTED: players in browsers, because they are not installed (make players)")
			return
		}
		pages := httptest.NewServer(http.HandlerFunc(playerPage))
		t.Cleanup(pages.Close)
		for _, browser := range browsertest.Browsers(t) {
			t.Run(browser.Name, func(t *testing.T) {
				t.Parallel()
				page := browser.Page(t)
				for _, p := range players {
					if p.browser == browser.Name {
						t.Run(p.name, func(t *testing.T) { watchAll(t, page, pages.URL+"/?"+p.file, p, media, results) })
					}
				}
			})
		}
	})
	results.print(t)
}

// watchAll plays the videos that the player can play, some at a time.
func watchAll(t *testing.T, page *browsertest.Page, address string, p player, media fs.FS, results *table) {
	const together = 6
	column := p.column()
	todo := []recipe{}
	for _, r := range recipes() {
		isDASH := strings.HasSuffix(r.firstFile(), ".mpd")
		switch {
		case isDASH && !p.dash || !isDASH && !p.hls:
			results.set(r.name, column, "-")
		case p.cannot[r.name] != "":
			results.set(r.name, column, p.cannot[r.name])
		default:
			todo = append(todo, r)
		}
	}
	for some := range slices.Chunk(todo, together) {
		page.Open(t, address)
		films, calls := []*film{}, []string{}
		for _, r := range some {
			f := openFilm(t, media, r)
			films = append(films, f)
			calls = append(calls, fmt.Sprintf("watch(%q, %t, async (video, source, fail) => { %s })", f.address(), r.live != nil, p.play))
		}
		outcomes := browsertest.Eval[[]string](t, page, "Promise.all(["+strings.Join(calls, ",")+"])")
		for i, outcome := range outcomes {
			if refused := films[i].troubles(); len(refused) > 0 {
				outcome = fmt.Sprintf("%s, refused %q", outcome, refused)
			}
			if results.set(some[i].name, column, outcome); outcome != "ok" {
				t.Errorf("%s: got %s, want ok", some[i].name, outcome)
			}
		}
	}
}

// playerPage has the player's script and a function that plays a video.
func playerPage(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/" {
		http.ServeFile(w, r, packages+strings.TrimPrefix(r.URL.Path, "/"))
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	script := ""
	if file := r.URL.RawQuery; file != "" {
		script = `<script src="/` + file + `"></script>`
	}
	fmt.Fprintf(w, `<!doctype html><title>player</title>%s<script>%s</script>`, script, watchVideo)
}

// watchVideo says "ok" once a video has played for two seconds, and a live one
// for four, or what stops it.
const watchVideo = `
function watch(source, live, play) {
	return new Promise((resolve) => {
		const video = document.createElement("video");
		video.muted = true;
		video.autoplay = true;
		video.width = 128;
		document.body.append(video);
		const end = (outcome) => { resolve(outcome); };
		const fail = (why) => end("failed: " + why);
		setTimeout(() => fail("nothing within 60 s, at " + video.currentTime), 60000);
		let began;
		video.addEventListener("timeupdate", () => {
			if (began === undefined && video.currentTime > 0) began = live ? video.currentTime : 0;
			if (video.currentTime - began >= (live ? 4 : 2)) end("ok");
		});
		video.addEventListener("canplay", () => { video.playbackRate = live ? 1 : 4; video.play().catch((e) => fail(e.message)); });
		play(video, source, fail).catch((e) => fail(e.message || "code " + e.code));
	});
}`

// film is a gate of its own for one player of one video. As soon as the player
// has the first playlist, and again when it has the next file, an hour passes
// and the keys are rotated.
type film struct {
	*world
	recipe recipe
	server *httptest.Server
	live   *liveFolder // nil: it does not grow
	first  string

	mu      sync.Mutex
	served  int
	refused []string
}

func openFilm(t *testing.T, media fs.FS, r recipe) *film {
	t.Helper()
	f := &film{recipe: r}
	if r.live != nil {
		var err error
		if f.live, err = r.live.open(media, r.name+"/hls.m3u8"); err != nil {
			t.Fatal(err)
		}
		media = f.live
	}
	f.world = open(t, media, nil)
	f.first = "/" + r.name + "/" + r.firstFile() + "?jwt=" + f.token(r.name, time.Minute)
	f.server = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.server.Close)
	return f
}

func (f *film) address() string { return f.server.URL + f.first }

func (f *film) serve(w http.ResponseWriter, r *http.Request) {
	if f.recipe.first == "" { // ffmpeg needs cookies for DASH in one file: see serveManifest
		r.Header.Del("Cookie")
	}
	if f.live != nil {
		f.live.grow(r)
	}
	recorded := &statusOf{ResponseWriter: w, status: 200}
	f.gate.Handler().ServeHTTP(recorded, r)
	f.mu.Lock()
	defer f.mu.Unlock()
	if recorded.status >= 400 {
		f.refused = append(f.refused, fmt.Sprintf("%d %s", recorded.status, r.URL.Path))
	}
	if f.served++; r.Method == http.MethodGet && f.served <= 2 {
		f.rotate()
		f.advance(time.Hour)
	}
}

// rotate registers a new key and deletes the old one, as the service does.
func (f *film) rotate() {
	old, key := f.keyID, stranger()
	if f.served == 2 {
		key = ours()
	}
	f.keyID = f.register(fmt.Sprintf("key %d", f.served), key)
	f.want(f.api("DELETE", "/v2/jwt_keys/"+old, ""), 200, "")
}

func (f *film) troubles() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.refused
}

// ffmpegPlays says "ok" if ffmpeg plays the video.
func (f *film) ffmpegPlays(t *testing.T) string {
	t.Helper()
	seconds, frames := "1.5", 10
	if f.live != nil {
		seconds, frames = "60", 90
	}
	got, complaints := playWithFFmpeg(t, f.address(), seconds)
	if refused := f.troubles(); got < frames || len(refused) > 0 || f.served < 2 {
		t.Errorf("ffmpeg plays %s: got %d frames from %d responses, refused %q, want %d or more from more than one\n%s",
			f.recipe.name, got, f.served, refused, frames, complaints)
		return "failed"
	}
	return "ok"
}

// table is who plays what.
type table struct {
	mu      sync.Mutex
	columns []string
	cells   map[string]string // by row and column
}

func newTable() *table { return &table{cells: map[string]string{}} }

func (t *table) set(row, column, outcome string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !slices.Contains(t.columns, column) {
		t.columns = append(t.columns, column)
	}
	t.cells[row+"\x00"+column] = outcome
}

// print writes the table as docs/proof.md has it.
func (t *table) print(test *testing.T) {
	slices.SortFunc(t.columns, func(a, b string) int { return columnOrder(a) - columnOrder(b) })
	w := tabwriter.NewWriter(test.Output(), 0, 0, 1, ' ', 0)
	fmt.Fprintf(w, "| video\t| %s\t|\n", strings.Join(t.columns, "\t| "))
	for _, r := range recipes() {
		fmt.Fprintf(w, "| %s", r.name)
		for _, column := range t.columns {
			fmt.Fprintf(w, "\t| %s", t.cells[r.name+"\x00"+column])
		}
		fmt.Fprintln(w, "\t|")
	}
	w.Flush()
}

func columnOrder(column string) int {
	return slices.IndexFunc(players, func(p player) bool { return p.column() == column })
}
