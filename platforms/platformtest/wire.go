package platformtest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"
)

// wire is between the clients and the stand-in. It keeps count, and lets
// things go wrong that have nothing to do with keys.
type wire struct {
	inner  http.Handler
	refuse func(status int, text string) string

	mu     sync.Mutex
	script []Fault
	header http.Header // every answer's, whatever the stand-in says
	seen   []time.Time // of requests
}

// fail says what goes wrong with the next requests, one by one.
func (w *wire) fail(faults ...Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.script = append(w.script, faults...)
}

// tell puts a header into every answer from now on.
func (w *wire) tell(header http.Header) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.header = header
}

// requests is when requests came.
func (w *wire) requests() []time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]time.Time{}, w.seen...)
}

func (w *wire) next() (Fault, http.Header) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, time.Now())
	if len(w.script) == 0 {
		return Fault{}, w.header
	}
	fault := w.script[0]
	w.script = w.script[1:]
	return fault, w.header
}

func (w *wire) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	fault, header := w.next()
	if fault == (Fault{}) && header == nil {
		w.inner.ServeHTTP(rw, r)
		return
	}
	honest := httptest.NewRecorder()
	if fault.Effect == Never && r.Method != http.MethodGet {
		// A server that has not read all does not notice when the caller goes.
		io.Copy(io.Discard, r.Body)
		honest.WriteString(`{"nothing":"done"}`)
	} else {
		w.inner.ServeHTTP(honest, r)
	}
	for _, h := range []http.Header{honest.Header(), header} {
		for name, values := range h {
			rw.Header()[name] = values
		}
	}
	fault.Send(rw, r, Reply{Status: honest.Code, Body: honest.Body.String(), Refuse: w.refuse})
}
