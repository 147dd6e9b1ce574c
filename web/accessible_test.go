package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"playtoken/gate/sample"
	"playtoken/web/browsertest"
)

// around is a page of a site for light and dark, whose script is slow to come:
// what moves on it then is written down.
const around = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>A film</title>
<style>:root { color-scheme: light dark; font: 1rem/1.5 sans-serif }</style>
<script>globalThis.shifted = 0; new PerformanceObserver((list) => { for (const { value } of list.getEntries()) shifted += value })
.observe({ type: "layout-shift", buffered: true });
addEventListener("readystatechange", () => requestAnimationFrame(() => requestAnimationFrame(() => fetch("/painted"))), { once: true, capture: true })</script>
<main><h1>A film</h1>%s<p id="below">What stands below it.</p></main>`

const playing = `document.querySelector("playtoken-video")`

func TestTheElementIsAccessible(t *testing.T) {
	if !browsertest.HasAxe() {
		t.Skip(`NOT TESTED: whether the element is accessible, because axe-core was not fetched; "make web" does that`)
	}
	browser, site := chromium(t), &elementSite{stage: newStage(t), painted: make(chan struct{}, 1)}
	server := httptest.NewServer(site.handler(recipes(t, "html")[0]))
	t.Cleanup(server.Close)
	for _, dark := range []bool{false, true} {
		for _, width := range []int{390, 1280} {
			t.Run(fmt.Sprintf("%d-dark-%v", width, dark), func(t *testing.T) {
				tab := browser.Page(t)
				if dark {
					tab.Dark(t)
				}
				tab.Resize(t, width, 800)
				tab.Open(t, server.URL)
				site.checkElement(t, tab)
			})
		}
	}
}

// elementSite is a site with the element on its page.
type elementSite struct {
	stage   *stage
	refuse  atomic.Bool   // its back end refuses the viewer
	painted chan struct{} // a page without the element's script was seen
}

// checkElement goes through the element's life with the keyboard alone.
func (s *elementSite) checkElement(t *testing.T, tab *browsertest.Page) {
	t.Helper()
	check := func(when string) {
		t.Helper()
		tab.CheckAccess(t, when)
		if wide := browsertest.Eval[bool](t, tab, `document.documentElement.scrollWidth > innerWidth`); wide {
			t.Errorf("%s: got a page that is wider than its window, want none", when)
		}
		if shifted := browsertest.Eval[float64](t, tab, `shifted`); shifted != 0 {
			t.Errorf("%s: got a layout shift of %v, want none", when, shifted)
		}
	}
	tab.Await(t, patience, playing+`.readyState > 1`)
	check("ready")
	tab.Press(t, "Tab", " ") // the controls are the first thing to reach
	tab.Await(t, patience, playing+`.currentTime > 0.3 && document.activeElement === `+playing)
	check("playing")
	// The viewer is refused, and watches to the end of what has arrived.
	s.refuse.Store(true)
	browsertest.Eval[any](t, tab, playing+`.currentTime = 115, `+playing+`.load()`)
	const message = playing + `.shadowRoot.querySelector("[part=message]")`
	tab.Await(t, patience, `!`+message+`.hidden`)
	check("over")
	tab.Picture(t, t.Name()) // which resizes the page
	s.refuse.Store(false)
	browsertest.Eval[any](t, tab, `document.activeElement.blur()`)
	tab.Await(t, patience, `(`+playing+`.focus(), document.activeElement === `+playing+`)`)
	for range 20 { // through the controls of the video below the message
		if browsertest.Eval[bool](t, tab, playing+`.shadowRoot.activeElement?.part.contains("retry") ?? false`) {
			break
		}
		tab.Press(t, "Tab")
	}
	tab.Press(t, "Enter")
	tab.Await(t, patience, message+`.hidden && !`+playing+`.paused && `+playing+`.readyState > 2`)
}

// handler serves the page, a back end, and hls.js.
func (s *elementSite) handler(recipe string) http.Handler {
	mux := http.NewServeMux()
	here := strings.NewReplacer("https://tokens.example.com", "", "my-video", sample.VideoID)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, around, here.Replace(recipe)) })
	mux.HandleFunc("GET /painted", func(http.ResponseWriter, *http.Request) { s.painted <- struct{}{} })
	modules := http.StripPrefix("/sdk/0.1/", http.FileServer(http.Dir("sdk/src")))
	mux.Handle("GET /sdk/0.1/", modules)
	mux.HandleFunc("GET /sdk/0.1/element.js", func(w http.ResponseWriter, r *http.Request) {
		<-s.painted
		modules.ServeHTTP(w, r)
	})
	mux.HandleFunc("GET /hls.mjs", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, "node_modules/hls.js/dist/hls.mjs")
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		if s.refuse.Load() {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		s.stage.mint(w, r)
	})
	return mux
}
