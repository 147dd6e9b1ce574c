package gate_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"playtoken/gate/sample"
	"playtoken/web/browsertest"
)

// form is what people who do not see the page rely on.
const form = `JSON.stringify({ h1: document.querySelectorAll("h1").length, main: document.querySelectorAll("main").length,
	lang: document.documentElement.lang, title: document.title !== "", video: document.querySelector("video")?.ariaLabel ?? null,
	wide: document.documentElement.scrollWidth > innerWidth,
	tall: document.querySelector(".frame") !== null && document.documentElement.scrollHeight > innerHeight })`

func TestThePagesAreAccessible(t *testing.T) {
	slow(t)
	if !browsertest.HasAxe() {
		t.Skip(`NOT TESTED: whether the pages are accessible, because axe-core was not fetched; "make web" does that`)
	}
	w := open(t, titledClip(t), nil)
	browser := browsertest.Chromium(t)
	good := w.token(sample.VideoID, time.Hour)
	pages := map[string]string{
		"landing":       "/counter?jwt=" + good,
		"embed":         "/embed/counter?jwt=" + good,
		"bare":          "/embed/counter?controls=0&jwt=" + good,
		"refusal":       "/another?jwt=" + w.token("another", -time.Hour), // no cookie opens it
		"embed-refusal": "/embed/another",
	}
	for _, dark := range []bool{false, true} {
		tab := browser.Page(t)
		if dark {
			tab.Dark(t)
		}
		for name, address := range pages {
			for _, width := range []int{390, 1280} {
				tab.Resize(t, width, 800)
				tab.Open(t, w.server.URL+address)
				w.settle(tab)
				label := fmt.Sprintf("%s-%d-dark-%v", name, width, dark)
				tab.Picture(t, "gate-"+label)
				tab.CheckAccess(t, label)
				checkForm(t, label, browsertest.Eval[string](t, tab, form))
			}
		}
	}
}

// settle waits until a page shows what it will, and opens its menu.
func (w *world) settle(tab *browsertest.Page) {
	w.Helper()
	tab.Await(w.T, 30*time.Second, `!document.getElementById("video") || document.getElementById("video").readyState > 1`)
	if hasLibrary(w.T) {
		tab.Await(w.T, 30*time.Second, `!document.getElementById("tracks") || !document.getElementById("tracks").hidden`)
		browsertest.Eval[any](w.T, tab, `document.getElementById("menu")?.click()`)
	}
}

func checkForm(t *testing.T, label, got string) {
	t.Helper()
	video := `"The Great Counter"`
	if strings.Contains(label, "refusal") {
		video = "null"
	}
	if want := `{"h1":1,"main":1,"lang":"en","title":true,"video":` + video + `,"wide":false,"tall":false}`; got != want {
		t.Errorf("%s: got %s, want %s", label, got, want)
	}
}

// titledClip is the sample with a title.
func titledClip(t *testing.T) fstest.MapFS {
	t.Helper()
	files := copied(t, clip(t))
	files["counter/title.txt"] = &fstest.MapFile{Data: []byte("The Great Counter\n")}
	return files
}
