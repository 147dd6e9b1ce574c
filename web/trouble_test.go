package web_test

import (
	"math"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// refuseFirst answers the first n requests with a status.
func refuseFirst(n int64, status int, then http.Handler) (http.Handler, *atomic.Int64) {
	var asked atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) > n {
			then.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.WriteHeader(status)
	}), &asked
}

// loseFirst lets the first n answers break off half-way.
func loseFirst(n int64, then http.Handler) (http.Handler, *atomic.Int64) {
	var asked atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) > n {
			then.ServeHTTP(w, r)
			return
		}
		whole := httptest.NewRecorder()
		then.ServeHTTP(whole, r)
		for name, values := range whole.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(whole.Code)
		w.Write(whole.Body.Bytes()[:whole.Body.Len()/2])
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}), &asked
}

const playsOn = `(v => v.buffered.length === 1 && v.buffered.end(0) > v.currentTime + 20)(document.getElementById("video"))`

func TestVideoGoesOnThroughTrouble(t *testing.T) {
	browser, s := chromium(t), newStage(t)
	unavailable, refused := refuseFirst(3, http.StatusServiceUnavailable, s.gate)
	broken, lost := loseFirst(3, s.gate)
	for _, c := range []struct {
		name    string
		trouble http.Handler
		asked   *atomic.Int64
	}{{"unavailable", unavailable, refused}, {"answers break off", broken, lost}} {
		s.disturb(nil)
		tab := play(t, browser, s.page.URL+players["own"])
		s.disturb(c.trouble)
		await(t, tab, 40*time.Second, `document.getElementById("events").innerText.includes("Recovered")`)
		await(t, tab, 30*time.Second, playsOn)
		checkSmooth(t, c.name, watched(t, tab))
		if n := c.asked.Load(); n < 4 {
			t.Errorf("%s: only %d requests were in trouble", c.name, n)
		}
	}
}

func TestGoneVideoStopsWithAMessageAfterWhatArrived(t *testing.T) {
	browser, s := chromium(t), newStage(t)
	tab := play(t, browser, s.page.URL+players["own"])
	gone, _ := refuseFirst(math.MaxInt64, http.StatusNotFound, nil)
	s.disturb(gone)
	await(t, tab, 30*time.Second, `!document.getElementById("problem").hidden`)
	if !eval[bool](t, tab, `(v => !v.paused && v.readyState > 2)(document.getElementById("video"))`) {
		t.Error("what had arrived does not play on")
	}
}

func TestRenditionFollowsTheConnection(t *testing.T) {
	browser, s := chromium(t), newStage(t)
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(4 * time.Second): // about as long as a segment plays
		case <-r.Context().Done():
		}
		s.gate.ServeHTTP(w, r)
	})
	tab := play(t, browser, s.page.URL+players["own"])
	await(t, tab, 10*time.Second, `document.getElementById("player").textContent.includes("640×360")`)
	s.disturb(slow)
	await(t, tab, 60*time.Second, `document.getElementById("player").textContent.includes("320×180")`)
	s.disturb(nil)
	await(t, tab, 60*time.Second, `document.getElementById("player").textContent.includes("640×360")`)
	await(t, tab, 30*time.Second, playsOn)
	checkSmooth(t, "own", watched(t, tab))
}
