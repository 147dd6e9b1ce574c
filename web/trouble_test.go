package web_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"playtoken/web/browsertest"
)

// trouble spoils the first n requests. Passed is closed when a later one has
// come through: by then, playback has recovered.
type trouble struct {
	n      int64
	spoil  http.HandlerFunc
	then   http.Handler
	passed chan struct{}

	asked atomic.Int64
}

func (t *trouble) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	asked := t.asked.Add(1)
	if asked <= t.n {
		t.spoil(w, r)
		return
	}
	t.then.ServeHTTP(w, r)
	if asked == t.n+1 {
		close(t.passed)
	}
}

func refuse(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.WriteHeader(status)
	}
}

// breakOff lets an answer end half-way.
func breakOff(answer http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		whole := httptest.NewRecorder()
		answer.ServeHTTP(whole, r)
		for name, values := range whole.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(whole.Code)
		w.Write(whole.Body.Bytes()[:whole.Body.Len()/2])
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

const playsOn = `(v => v.buffered.length === 1 && v.buffered.end(0) > v.currentTime + 20)(document.getElementById("video"))`

func TestVideoGoesOnThroughTrouble(t *testing.T) {
	browser, s := chromium(t), newStage(t)
	for name, spoil := range map[string]http.HandlerFunc{
		"unavailable": refuse(http.StatusServiceUnavailable), "answers break off": breakOff(s.gate),
	} {
		s.disturb(nil)
		tab := play(t, browser, s.page.URL+players["own"])
		troubled := &trouble{n: 3, spoil: spoil, then: s.gate, passed: make(chan struct{})}
		s.disturb(troubled)
		select {
		case <-troubled.passed:
		case <-time.After(time.Minute):
			t.Fatalf("%s: gave up after %d requests", name, troubled.asked.Load())
		}
		tab.Await(t, 30*time.Second, playsOn)
		checkSmooth(t, name, watched(t, tab))
	}
}

func TestGoneVideoStopsWithAMessageAfterWhatArrived(t *testing.T) {
	browser, s := chromium(t), newStage(t)
	tab := play(t, browser, s.page.URL+players["own"])
	s.disturb(refuse(http.StatusNotFound))
	tab.Await(t, 30*time.Second, `!document.getElementById("problem").hidden`)
	if !browsertest.Eval[bool](t, tab, `(v => !v.paused && v.readyState > 2)(document.getElementById("video"))`) {
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
	tab.Await(t, 10*time.Second, `document.getElementById("player").textContent.includes("640×360")`)
	s.disturb(slow)
	tab.Await(t, 60*time.Second, `document.getElementById("player").textContent.includes("320×180")`)
	s.disturb(nil)
	tab.Await(t, 60*time.Second, `document.getElementById("player").textContent.includes("640×360")`)
	tab.Await(t, 30*time.Second, playsOn)
	checkSmooth(t, "own", watched(t, tab))
}
