package gate_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"playtoken/web/browsertest"
)

// library is a player in a page, and how it is told to play.
type library struct {
	name, file string // in the folder of npm packages
	play       string // a script with video and source
	hls, dash  bool
	cannot     string // videos that it does not play from a plain file server either
}

var libraries = []library{
	{name: "hls.js", file: "hls.js/dist/hls.min.js", hls: true,
		play:   `const hls = new Hls({ enableWorker: false }); hls.on(Hls.Events.ERROR, (_, e) => e.fatal && fail(e.details)); hls.loadSource(source); hls.attachMedia(video);`,
		cannot: "ac3"}, // Chromium has no decoder
	{name: "shaka", file: "shaka-player/dist/shaka-player.compiled.js", hls: true, dash: true,
		play: `shaka.polyfill.installAll(); const p = new shaka.Player(); await p.attach(video);
			p.addEventListener("error", (e) => fail("shaka " + e.detail.code + " " + e.detail.data)); await p.load(source);`,
		cannot: "ac3"},
	{name: "dash.js", file: "dashjs/dist/modern/umd/dash.all.min.js", dash: true,
		play: `const p = dashjs.MediaPlayer().create(); p.on("error", (e) => fail(JSON.stringify(e.error))); p.initialize(video, source, true);`},
	{name: "video.js", file: "video.js/dist/video.min.js", hls: true, dash: true,
		play: `const p = videojs(video, { html5: { vhs: { overrideNative: true } } }); p.on("error", () => fail(p.error().message));
			p.src({ src: source, type: source.includes(".mpd") ? "application/dash+xml" : "application/x-mpegURL" });`,
		cannot: "live-window event low-latency dash-webm aac mp3 ac3"}, // it waits for a live list to move, and for pictures
	{name: "Chromium", hls: true, play: `video.addEventListener("error", () => fail(video.error.message)); video.src = source;`,
		cannot: "ranges-ts ranges-fmp4 live-window event low-latency mp3 ac3"},
}

// TestEveryKindOfVideoPlays: a page of another site plays each video with each
// library, and an hour passes once the first playlist has been served.
func TestEveryKindOfVideoPlays(t *testing.T) {
	packages := os.Getenv("PLAYTOKEN_TEST_PLAYERS")
	if packages == "" {
		t.Skip("NOT TESTED: players in a browser; set PLAYTOKEN_TEST_PLAYERS to a node_modules folder with hls.js, shaka-player, dashjs and video.js")
	}
	media := makeCorpus(t)
	root, err := os.OpenRoot(media)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	w := open(t, root.FS(), nil)
	tab := browsertest.Chromium(t).Page(t)
	stage := &stage{world: w, packages: packages}
	pages := httptest.NewServer(http.HandlerFunc(stage.page))
	defer pages.Close()
	films := httptest.NewServer(stage.film(w.gate.Handler()))
	defer films.Close()
	for _, l := range libraries {
		row := []string{}
		for _, r := range corpus {
			if isDASH := strings.HasSuffix(r.firstFile(), ".mpd"); isDASH && l.dash || !isDASH && l.hls {
				row = append(row, r.name+" "+stage.watch(tab, pages.URL, films.URL, l, r))
			}
		}
		fmt.Fprintf(t.Output(), "%s: %s\n", l.name, strings.Join(row, ", "))
		for _, result := range row {
			name, outcome, _ := strings.Cut(result, " ")
			if outcome != "ok" && !slices.Contains(strings.Fields(l.cannot), name) {
				t.Errorf("%s plays %s: got %s, want ok", l.name, name, outcome)
			}
		}
	}
}

// stage is what the pages and the films of the test share.
type stage struct {
	*world
	packages string
	playing  atomic.Pointer[library]
	folder   atomic.Value // of the video that is played; the page before may still ask for its own
	asked    atomic.Int64
}

// film serves the gate, and lets an hour pass after the first request for a
// video.
func (s *stage) film(gate http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		gate.ServeHTTP(w, r)
		if r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, s.folder.Load().(string)) && s.asked.Add(1) == 1 {
			s.advance(time.Hour)
		}
	})
}

func (s *stage) page(w http.ResponseWriter, r *http.Request) {
	l := s.playing.Load()
	if r.URL.Path != "/" {
		http.ServeFile(w, r, filepath.Join(s.packages, filepath.FromSlash(l.file)))
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	script := ""
	if l.file != "" {
		script = `<script src="/` + l.file + `"></script>`
	}
	fmt.Fprintf(w, `<!doctype html><title>player</title><video id="video" muted playsinline width="128" height="72"></video>%s`, script)
}

// watch returns "ok" if the video plays for two seconds, or what stops it.
func (s *stage) watch(tab *browsertest.Page, page, films string, l library, r recipe) string {
	s.playing.Store(&l)
	s.folder.Store("/" + r.name + "/")
	s.asked.Store(0)
	source := films + "/" + r.name + "/" + r.firstFile() + "?jwt=" + s.token(r.name, time.Minute)
	if err := tab.Navigate(page); err != nil {
		return err.Error()
	}
	script := fmt.Sprintf(`new Promise((resolve) => {
		const video = document.getElementById("video"), source = %q;
		const fail = (why) => resolve("failed: " + why);
		setTimeout(() => fail("nothing within 15 s, at " + video.currentTime), 15000);
		video.addEventListener("timeupdate", () => video.currentTime >= 2 && resolve("ok"));
		video.addEventListener("canplay", () => { video.playbackRate = 4; video.play().catch((e) => fail(e.message)); });
		(async () => { %s })().catch((e) => fail(e.message || "code " + e.code));
	})`, source, l.play)
	value, err := browsertest.Evaluate[string](tab, script)
	if err != nil {
		return err.Error()
	}
	return value
}
