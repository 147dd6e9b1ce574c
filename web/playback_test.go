package web_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"playtoken/web/browsertest"
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
	Samples              []moment
	Seeks, Errors, Ended int
}

type moment struct {
	Wall, Media float64 // seconds
	Paused      bool
	Key         string
	Problem     bool
}

// play opens the page and returns once the video moves and is watched.
func play(t *testing.T, browser *browsertest.Browser, url string) *browsertest.Page {
	t.Helper()
	tab := newTab(t, browser, url)
	tab.Await(t, 20*time.Second, `document.getElementById("video").currentTime > 0.5`)
	browsertest.Eval[any](t, tab, watch)
	return tab
}

// watched returns what the page wrote down.
func watched(t *testing.T, tab *browsertest.Page) sighting {
	t.Helper()
	return browsertest.Eval[sighting](t, tab, "globalThis.seen")
}

const (
	stalls = 2.0 // seconds that a picture may stand still before a viewer minds
	slow   = 0.9 // of real time, less a second: a headless browser's sound clock lags on a busy machine
)

// smooth returns why a viewer would complain: nil if the video went on, from
// the first sample to the last, as if nothing had happened.
func (s sighting) smooth() error {
	if s.Errors+s.Seeks+s.Ended > 0 {
		return fmt.Errorf("%d errors, %d seeks, %d ends", s.Errors, s.Seeks, s.Ended)
	}
	if len(s.Samples) < 20 {
		return fmt.Errorf("only %d samples", len(s.Samples))
	}
	first, last := s.Samples[0], s.Samples[len(s.Samples)-1]
	moved := first // the newest sample that was further than the one before
	for i, now := range s.Samples[1:] {
		before := s.Samples[i]
		media, wall := now.Media-before.Media, now.Wall-before.Wall
		switch {
		case now.Problem || now.Paused:
			return fmt.Errorf("stopped at %.1f s", now.Media)
		case media < 0 || media > wall+0.5:
			return fmt.Errorf("jumped from %.2f s to %.2f s within %.2f s", before.Media, now.Media, wall)
		case media > 0:
			moved = now
		case now.Wall-moved.Wall > stalls:
			return fmt.Errorf("stood still for more than %.1f s at %.1f s", stalls, now.Media)
		}
	}
	if media, wall := last.Media-first.Media, last.Wall-first.Wall; media < wall*slow-1 {
		return fmt.Errorf("played %.1f s in %.1f s", media, wall)
	}
	return nil
}

// keys returns the key ids shown, without repeats in a row.
func (s sighting) keys() (ids []string) {
	for _, one := range s.Samples {
		if len(ids) == 0 || ids[len(ids)-1] != one.Key {
			ids = append(ids, one.Key)
		}
	}
	return ids
}

// checkSmooth fails the test unless the video went on smoothly.
func checkSmooth(t *testing.T, name string, s sighting) {
	t.Helper()
	if err := s.smooth(); err != nil {
		t.Errorf("%s: got the playback: %v; want a smooth one", name, err)
	}
}

// checkRotations fails the test unless the video went on smoothly while the
// token's key changed so many times, never back to one seen before.
func checkRotations(t *testing.T, name string, s sighting, want int) {
	t.Helper()
	checkSmooth(t, name, s)
	ids := s.keys()
	once := slices.Compact(slices.Sorted(slices.Values(ids)))
	if len(ids) != want+1 || len(once) != len(ids) {
		t.Errorf("%s: keys seen: %q, want %d changes", name, ids, want)
	}
}

// goOn returns once some more seconds of the video have played.
func goOn(t *testing.T, tab *browsertest.Page, seconds float64) {
	t.Helper()
	now := browsertest.Eval[float64](t, tab, `document.getElementById("video").currentTime`)
	tab.Await(t, 20*time.Second, fmt.Sprintf(`document.getElementById("video").currentTime > %f`, now+seconds))
}

// What the other tests rely on: that a bad sighting is seen to be bad.
func TestSmoothnessIsMeasured(t *testing.T) {
	good := func() sighting {
		s := sighting{}
		for i := range 100 {
			s.Samples = append(s.Samples, momentAt(i))
		}
		return s
	}
	for name, c := range map[string]struct {
		spoil  func(*sighting)
		smooth bool
	}{
		"as it should be": {func(*sighting) {}, true},
		"a short stall": {func(s *sighting) {
			for i := 50; i < 60; i++ {
				s.Samples[i].Media = s.Samples[50].Media
			}
			s.shift(60, -0.9)
		}, true},
		"a jump ahead": {func(s *sighting) { s.shift(50, 1) }, false},
		"a jump back":  {func(s *sighting) { s.shift(50, -1) }, false},
		"a stall": {func(s *sighting) {
			for i := 50; i < 75; i++ {
				s.Samples[i].Media = s.Samples[50].Media
			}
			s.shift(75, -2.4)
		}, false},
		"slow motion": {func(s *sighting) {
			for i := range s.Samples {
				s.Samples[i].Media *= 0.7
			}
		}, false},
		"a pause":           {func(s *sighting) { s.Samples[99].Paused = true }, false},
		"a message":         {func(s *sighting) { s.Samples[99].Problem = true }, false},
		"an error":          {func(s *sighting) { s.Errors = 1 }, false},
		"a seek":            {func(s *sighting) { s.Seeks = 1 }, false},
		"a loop":            {func(s *sighting) { s.Ended = 1 }, false},
		"nothing to see":    {func(s *sighting) { s.Samples = nil }, false},
		"hardly any sample": {func(s *sighting) { s.Samples = s.Samples[:5] }, false},
	} {
		s := good()
		c.spoil(&s)
		if err := s.smooth(); (err == nil) != c.smooth {
			t.Errorf("%s: smooth() = %v, want smooth: %t", name, err, c.smooth)
		}
	}
}

func momentAt(i int) moment { return moment{Wall: 5 + float64(i)/10, Media: float64(i) / 10} }

// shift moves the video, from a sample on, by some seconds.
func (s *sighting) shift(from int, seconds float64) {
	for i := from; i < len(s.Samples); i++ {
		s.Samples[i].Media += seconds
	}
}
