package web_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"playtoken/web/browsertest"
)

// outside lists what is cut off at the right, or wider than the part of the page
// that holds it.
const outside = `[...document.querySelectorAll("main *:not(svg *), header *, footer *")]
	.filter((e) => e.getBoundingClientRect().right > innerWidth + 0.5 || e.tagName !== "VIDEO" && e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0 && getComputedStyle(e).display !== "inline")
	.map((e) => e.tagName + "#" + e.id + "." + e.className)`

func TestPageFitsEveryScreenLightAndDark(t *testing.T) {
	browser, s := chromium(t), newStage(t)
	tab := play(t, browser, s.page.URL+players["own"])
	tab.Await(t, 10*time.Second, `document.getElementById("keys").children.length === 4 && document.querySelector("#timeline .timeline-token.playing") !== null`)
	for _, dark := range []bool{false, true} {
		if dark {
			tab.Dark(t)
		}
		for _, width := range []int{1440, 768, 390} {
			tab.Resize(t, width, 900)
			label := fmt.Sprintf("demo-%d-dark-%v", width, dark)
			if over := browsertest.Eval[int](t, tab, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
				t.Errorf("%s: the page is %d pixels wider than the screen, want 0", label, over)
			}
			if cut := browsertest.Eval[[]string](t, tab, outside); len(cut) > 0 {
				t.Errorf("%s: got %q cut off, want nothing", label, cut)
			}
			tab.Picture(t, label)
			tab.CheckAccess(t, label)
		}
	}
}

// The picture is brought up to date in place: what flickers is drawn anew.
func TestThePictureMovesWithoutBeingDrawnAnew(t *testing.T) {
	browser, s := chromium(t), newStage(t)
	tab := play(t, browser, s.page.URL+players["own"])
	tab.Await(t, 10*time.Second, `document.querySelector("#timeline .timeline-now") !== null`)
	browsertest.Eval[any](t, tab, `(globalThis.first = document.querySelector("#timeline svg"), globalThis.now = first.querySelector(".timeline-now"), globalThis.place = now.getAttribute("x"), null)`)
	tab.Await(t, 10*time.Second, `now.getAttribute("x") !== place`)
	if !browsertest.Eval[bool](t, tab, `now.isConnected && document.querySelectorAll("#timeline > *").length === 1 && document.querySelectorAll("#timeline .timeline-now").length === 1`) {
		t.Error("got another element for the same moment, want the one that was there to move")
	}
}

func TestCodeIsWhatJustHappened(t *testing.T) {
	browser, s := chromium(t), newStage(t)
	tab := play(t, browser, s.page.URL+players["own"])
	const code = `document.getElementById("code").textContent`
	if got := browsertest.Eval[string](t, tab, code); !strings.Contains(got, s.page.URL+"/v1/playback-tokens") || strings.Contains(got, apiKey) {
		t.Errorf("got the code %q, want the call for a token without a key", got)
	}
	browsertest.Eval[any](t, tab, `document.querySelector("[data-language=javascript]").click()`)
	tab.Await(t, 5*time.Second, code+`.includes("createClient")`)
	browsertest.Eval[any](t, tab, `document.getElementById("sound").click()`)
	tab.Await(t, 5*time.Second, `!document.getElementById("video").muted && document.getElementById("sound").ariaPressed === "true"`)
}
