package web_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"playtoken/gate/sample"
	"playtoken/web/browsertest"
)

// players are the page's addresses by who plays.
var players = map[string]string{"own": "/demo/", "native": "/demo/?player=native"}

func TestVideoGoesOnWhenItsSessionIsEnded(t *testing.T) {
	browser, s := chromium(t), newStage(t)
	tab := play(t, browser, s.page.URL+players["own"])
	// The clip is two minutes and the buffer thirty seconds: there is more to
	// fetch, and the ticket for it ends now.
	s.endSessions(s.rotate())
	tab.Await(t, 30*time.Second, `document.getElementById("events").innerText.includes("session_ended: opening the manifest")`)
	tab.Await(t, 30*time.Second, `(v => v.buffered.end(0) > v.currentTime + 20)(document.getElementById("video"))`)
	checkSmooth(t, "own", watched(t, tab))
}

// The element has to start over then, which shows; but it must be at the same
// place and by itself.
func TestNativeVideoComesBackWhenItsSessionIsEnded(t *testing.T) {
	browser, s := chromium(t), newStage(t)
	tab := play(t, browser, s.page.URL+players["native"])
	s.endSessions(s.rotate())
	tab.Await(t, 60*time.Second, `document.getElementById("events").innerText.includes("opening the manifest with a fresh token")`)
	stopped := browsertest.Eval[float64](t, tab, `seen.samples.findLast(s => s.media > 0).media`)
	tab.Await(t, 20*time.Second, fmt.Sprintf(`(v => !v.paused && v.currentTime > %f && v.currentTime < %f)(document.getElementById("video"))`, stopped+2, stopped+6))
}

func TestSeekingGoesWhereItIsTold(t *testing.T) {
	browser, s := chromium(t), newStage(t)
	tab := play(t, browser, s.page.URL+players["own"])
	for _, target := range []int{100, 3, 60, 62} {
		browsertest.Eval[float64](t, tab, fmt.Sprintf(`document.getElementById("video").currentTime = %d`, target))
		tab.Await(t, 15*time.Second, fmt.Sprintf(`(v => !v.seeking && v.currentTime > %d + 0.5 && v.currentTime < %d + 5)(document.getElementById("video"))`, target, target))
	}
	browsertest.Eval[float64](t, tab, `document.getElementById("video").currentTime = 118`)
	tab.Await(t, 15*time.Second, `document.getElementById("video").ended`)
	browsertest.Eval[bool](t, tab, `document.getElementById("video").play() && true`) // again from the start
	tab.Await(t, 15*time.Second, `(v => !v.ended && v.currentTime > 0.5 && v.currentTime < 10)(document.getElementById("video"))`)
	if s := watched(t, tab); s.Errors > 0 {
		t.Errorf("got %d errors of the player, want 0", s.Errors)
	}
}

func TestRefusalsAreClearAndShowNothing(t *testing.T) {
	browser := chromium(t)
	for _, c := range []struct {
		name, query string
		life        time.Duration
		sub         string
		code, text  string
	}{
		{"no-token", "token=none&player=mse", time.Minute, sample.VideoID, "token_missing", "no permission"},
		{"no-token-native", "token=none&player=native", time.Minute, sample.VideoID, "token_missing", "no permission"},
		{"expired", "player=mse", -time.Minute, sample.VideoID, "token_expired", "This link has expired"},
		{"expired-native", "player=native", -time.Minute, sample.VideoID, "token_expired", "This link has expired"},
		{"expired-by-waiting", "token=expired", 8 * time.Second, sample.VideoID, "token_expired", "This link has expired"},
		{"another-video", "player=mse", time.Minute, "another", "video_not_allowed", "This link is for another video"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t)
			s.set(c.life, c.sub)
			tab := newTab(t, browser, s.page.URL+"/demo/?"+c.query)
			tab.Await(t, 30*time.Second, `!document.getElementById("problem").hidden`)
			if code := browsertest.Eval[string](t, tab, `document.getElementById("problem").dataset.code`); code != c.code {
				t.Errorf("code %q, want %q", code, c.code)
			}
			if text := browsertest.Eval[string](t, tab, `document.getElementById("problem").innerText`); !strings.Contains(text, c.text) {
				t.Errorf("got the message %q, want %q in it", text, c.text)
			}
			if !browsertest.Eval[bool](t, tab, `(v => v.readyState === 0 && v.currentTime === 0 && v.buffered.length === 0)(document.getElementById("video"))`) {
				t.Error("some of the video arrived")
			}
			tab.Picture(t, "refused-"+c.name)
		})
	}
}

// violations counts what the page's own policy has forbidden it so far.
const violations = `new Promise((resolve) => {
  let seen = 0;
  new ReportingObserver((reports) => { seen += reports.length }, { types: ["csp-violation"], buffered: true }).observe();
  setTimeout(() => resolve(seen), 500);
})`

func TestPageObeysItsOwnPolicy(t *testing.T) {
	browser, s := chromium(t), newStage(t)
	tab := play(t, browser, s.page.URL+players["own"])
	if n := browsertest.Eval[int](t, tab, violations); n != 0 {
		t.Errorf("got %d violations of the page's own policy, want 0", n)
	}
	browsertest.Eval[bool](t, tab, `document.body.setAttribute("style", "color: red") || true`)
	if n := browsertest.Eval[int](t, tab, violations); n != 1 {
		t.Errorf("an inline style: got %d violations, want it counted", n)
	}
	for _, url := range browsertest.Eval[[]string](t, tab, `performance.getEntriesByType("resource").map(e => e.name)`) {
		if !strings.HasPrefix(url, s.page.URL) && !strings.HasPrefix(url, s.media.URL) && !strings.HasPrefix(url, "blob:") {
			t.Errorf("the page fetched %s, want only what is its own", url)
		}
		if strings.Contains(url, apiKey) || strings.Contains(url, gateKey) {
			t.Error("a key is in a URL")
		}
	}
}
