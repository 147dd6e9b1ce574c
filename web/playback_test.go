package web_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// watch makes the page write down, ten times a second, how its video does.
const watch = `(() => {
  const video = document.getElementById("video");
  const seen = globalThis.seen = { samples: [], seeks: 0, errors: 0, ended: 0 };
  video.addEventListener("seeking", () => seen.seeks++);
  video.addEventListener("error", () => seen.errors++);
  video.addEventListener("ended", () => seen.ended++);
  seen.timer = setInterval(() => seen.samples.push({
    wall: performance.now() / 1000, media: video.currentTime, paused: video.paused,
    key: document.getElementById("key-id").textContent, problem: !document.getElementById("problem").hidden,
  }), 100);
})()`

type sighting struct {
	Samples []struct {
		Wall, Media float64 // seconds
		Paused      bool
		Key         string
		Problem     bool
	}
	Seeks, Errors, Ended int
}

// play opens the page and returns once the video moves and is watched.
func play(t *testing.T, browser context.Context, url string) context.Context {
	t.Helper()
	tab := newTab(t, browser, url)
	await(t, tab, 20*time.Second, `document.getElementById("video").currentTime > 0.5`)
	run(t, tab, chromedp.Evaluate[chromedp.Void](watch))
	return tab
}

// watched returns what the page wrote down.
func watched(t *testing.T, tab context.Context) sighting {
	t.Helper()
	return eval[sighting](t, tab, "globalThis.seen")
}

// stalls is how long, in seconds, a picture may stand still before a viewer
// minds.
const stalls = 2.0

// checkSmooth fails the test unless the video went on, from the first sample
// to the last, as if nothing had happened.
func checkSmooth(t *testing.T, name string, s sighting) {
	t.Helper()
	if s.Errors+s.Seeks+s.Ended > 0 {
		t.Errorf("%s: %d errors, %d seeks, %d ends", name, s.Errors, s.Seeks, s.Ended)
	}
	if len(s.Samples) < 20 {
		t.Fatalf("%s: only %d samples", name, len(s.Samples))
	}
	moved := s.Samples[0] // the newest sample that was further than all before
	for i, now := range s.Samples[1:] {
		before := s.Samples[i]
		media, wall := now.Media-before.Media, now.Wall-before.Wall
		switch {
		case now.Problem || now.Paused:
			t.Fatalf("%s: stopped at %.1f s", name, now.Media)
		case media < 0 || media > wall+0.5:
			t.Fatalf("%s: jumped from %.2f s to %.2f s within %.2f s", name, before.Media, now.Media, wall)
		case media > 0:
			moved = now
		case now.Wall-moved.Wall > stalls:
			t.Fatalf("%s: stood still for more than %.1f s at %.1f s", name, stalls, now.Media)
		}
	}
	last := s.Samples[len(s.Samples)-1]
	if media, wall := last.Media-s.Samples[0].Media, last.Wall-s.Samples[0].Wall; media < wall-stalls {
		t.Errorf("%s: played %.1f s in %.1f s", name, media, wall)
	}
}

// goOn returns once some more seconds of the video have played.
func goOn(t *testing.T, tab context.Context, seconds float64) {
	t.Helper()
	now := eval[float64](t, tab, `document.getElementById("video").currentTime`)
	await(t, tab, 20*time.Second, fmt.Sprintf(`document.getElementById("video").currentTime > %f`, now+seconds))
}

// checkRotations fails the test unless the video went on smoothly while the
// token's key changed so many times, never back to one seen before.
func checkRotations(t *testing.T, name string, s sighting, want int) {
	t.Helper()
	checkSmooth(t, name, s)
	var ids []string
	for _, one := range s.Samples {
		if len(ids) == 0 || ids[len(ids)-1] != one.Key {
			ids = append(ids, one.Key)
		}
	}
	once := slices.Compact(slices.Sorted(slices.Values(ids)))
	if len(ids) != want+1 || len(once) != len(ids) {
		t.Errorf("%s: keys seen: %q, want %d changes", name, ids, want)
	}
}
