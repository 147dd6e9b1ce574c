package timeline_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"playtoken/web/browsertest"
	"playtoken/web/timeline"
)

// page shows the pictures under a policy that forbids everything inline.
func page(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprint(w, `<!doctype html><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark"><link rel="stylesheet" href="timeline.css">`)
	for _, name := range []string{"rotating", "troubled", "crowded"} {
		fmt.Fprintf(w, `<figure class="timeline-frame">%s</figure>`, scenes[name]().SVG())
	}
}

// cut lists the words that are wider than the part that holds them, and parts
// outside of the picture.
const cut = `[...document.querySelectorAll(".timeline-span text, .timeline-token text")].filter((text) => {
  if (getComputedStyle(text).display === "none") return false;
  const word = text.getBoundingClientRect(), part = text.parentElement.querySelector("rect").getBoundingClientRect();
  return word.right > part.right + 1 || part.right > document.body.getBoundingClientRect().right + 1;
}).map((text) => text.textContent)`

func TestPicturesFitEveryScreen(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", page)
	mux.HandleFunc("GET /timeline.css", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/css")
		_, _ = bytes.NewReader(timeline.CSS()).WriteTo(w)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	for _, browser := range browsertest.Browsers(t) {
		tab, widths := browser.Page(t), []int{1440, 768, 390}
		if browser.Name != "Chromium" {
			widths = widths[2:] // that its layout agrees, in the narrowest
		}
		for _, width := range widths {
			tab.Resize(t, width, 900)
			tab.Open(t, server.URL)
			if got := browsertest.Eval[[]string](t, tab, cut); len(got) != 0 {
				t.Errorf("%s, %d pixels: got the words %q cut, want none", browser.Name, width, got)
			}
			if over := browsertest.Eval[int](t, tab, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
				t.Errorf("%s, %d pixels: got a page %d pixels too wide, want none", browser.Name, width, over)
			}
			tab.Picture(t, fmt.Sprintf("timeline-%s-%d", browser.Name, width))
		}
		if browser.Name == "Chromium" {
			tab.Resize(t, 768, 900)
			tab.Dark(t)
			tab.Picture(t, "timeline-dark")
		}
	}
}
