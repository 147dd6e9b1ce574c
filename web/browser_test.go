package web_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"playtoken/gate/sample"
)

// players are the page's addresses by who plays.
var players = map[string]string{"own": "/demo/", "native": "/demo/?player=native"}

func TestVideoGoesOnThroughThreeRotations(t *testing.T) {
	browser, s := chromium(t), newStage(t)
	tabs := map[string]context.Context{}
	for name, path := range players {
		tabs[name] = play(t, browser, s.page.URL+path)
	}
	for n := range 3 {
		s.rotate()
		for _, tab := range tabs {
			await(t, tab, 20*time.Second, fmt.Sprintf(`document.getElementById("rotations").textContent == %d`, n+1))
		}
	}
	for name, tab := range tabs {
		goOn(t, tab, 2)
		checkRotations(t, name, watched(t, tab), 3)
		picture(t, tab, "rotations-"+name)
	}
}

func TestVideoGoesOnWhenItsSessionIsEnded(t *testing.T) {
	browser, s := chromium(t), newStage(t)
	tab := play(t, browser, s.page.URL+players["own"])
	// The clip is two minutes and the buffer thirty seconds: there is more to
	// fetch, and the ticket for it ends now.
	s.endSessions(s.rotate())
	await(t, tab, 30*time.Second, `document.getElementById("events").innerText.includes("session_ended: opening the manifest")`)
	await(t, tab, 30*time.Second, `(v => v.buffered.end(0) > v.currentTime + 20)(document.getElementById("video"))`)
	checkSmooth(t, "own", watched(t, tab))
}

func TestSeekingGoesWhereItIsTold(t *testing.T) {
	browser, s := chromium(t), newStage(t)
	tab := play(t, browser, s.page.URL+players["own"])
	for _, target := range []int{100, 3, 60, 62} {
		eval[float64](t, tab, fmt.Sprintf(`document.getElementById("video").currentTime = %d`, target))
		await(t, tab, 15*time.Second, fmt.Sprintf(`(v => !v.seeking && v.currentTime > %d + 0.5 && v.currentTime < %d + 5)(document.getElementById("video"))`, target, target))
	}
	eval[float64](t, tab, `document.getElementById("video").currentTime = 118`)
	await(t, tab, 15*time.Second, `document.getElementById("video").ended`)
	eval[bool](t, tab, `document.getElementById("video").play() && true`) // again from the start
	await(t, tab, 15*time.Second, `(v => !v.ended && v.currentTime > 0.5 && v.currentTime < 10)(document.getElementById("video"))`)
	if s := watched(t, tab); s.Errors > 0 {
		t.Errorf("%d errors", s.Errors)
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
		{"another-video", "player=mse", time.Minute, "another", "video_not_allowed", "does not allow watching this video"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t)
			s.set(c.life, c.sub)
			tab := newTab(t, browser, s.page.URL+"/demo/?"+c.query)
			await(t, tab, 30*time.Second, `!document.getElementById("problem").hidden`)
			if code := eval[string](t, tab, `document.getElementById("problem").dataset.code`); code != c.code {
				t.Errorf("code %q, want %q", code, c.code)
			}
			if text := eval[string](t, tab, `document.getElementById("problem").innerText`); !strings.Contains(text, c.text) {
				t.Errorf("message %q", text)
			}
			if !eval[bool](t, tab, `(v => v.readyState === 0 && v.currentTime === 0 && v.buffered.length === 0)(document.getElementById("video"))`) {
				t.Error("some of the video arrived")
			}
			picture(t, tab, "refused-"+c.name)
		})
	}
}

func TestPageObeysItsOwnPolicy(t *testing.T) {
	browser, s := chromium(t), newStage(t)
	tab := play(t, browser, s.page.URL+players["own"])
	for _, url := range eval[[]string](t, tab, `performance.getEntriesByType("resource").map(e => e.name)`) {
		if !strings.HasPrefix(url, s.page.URL) && !strings.HasPrefix(url, s.media.URL) && !strings.HasPrefix(url, "blob:") {
			t.Errorf("the page fetched %s", url)
		}
		if strings.Contains(url, apiKey) || strings.Contains(url, gateKey) {
			t.Error("a key is in a URL")
		}
	}
}
