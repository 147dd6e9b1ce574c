package metrics_test

import (
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/metrics"
)

func newGate(t *testing.T) *metrics.Gate {
	t.Helper()
	g, err := metrics.NewGate(metrics.Build{})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestSessionsAreCountedWhileTheyAreWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const name = "playtoken_gate_live_sessions"
		g := newGate(t)
		scrape(t, g).shows(t, 0, name)
		for range 3 {
			g.Watched("one")
			g.Watched("two")
		}
		scrape(t, g).shows(t, 2, name)
		time.Sleep(time.Minute)
		g.Watched("one")
		scrape(t, g).shows(t, 2, name) // the other may be between two segments
		time.Sleep(time.Minute)
		scrape(t, g).shows(t, 1, name)
		time.Sleep(time.Hour)
		scrape(t, g).shows(t, 0, name)
	})
}

func TestManySessionsAreCountedNearlyExactly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, n := range []int{100_000, 1_000_000} {
			g := newGate(t)
			for i := range n {
				g.Watched(fmt.Sprint("session ", i))
			}
			got, _ := scrape(t, g).value("playtoken_gate_live_sessions")
			if math.Abs(got/float64(n)-1) > 0.01 {
				t.Errorf("got %v sessions, want %d, or one in a hundred beside", got, n)
			}
		}
	})
}

func TestResponsesOfTheGateAreCounted(t *testing.T) {
	g := newGate(t)
	g.Served("media", 206, 1000, time.Millisecond)
	g.Served("media", 200, 500, time.Millisecond)
	e := scrape(t, g)
	e.shows(t, 1, "playtoken_gate_requests_total", "media", "206")
	e.shows(t, 1500, "playtoken_gate_response_bytes_total", "media")
	e.shows(t, 2, "playtoken_gate_request_duration_seconds", "media")
	if got := testing.AllocsPerRun(100, func() { g.Watched("session") }); got != 0 {
		t.Errorf("counting a session allocates %v times, want 0", got)
	}
}
