package standin

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"
)

// Wire stands between clients and a platform's stand-in. It records when
// requests arrive, and makes calls of any route go wrong. It is safe for
// concurrent use.
type Wire struct {
	Platform http.Handler
	Refuse   Refusal

	mu       sync.Mutex
	script   []Fault
	header   http.Header
	arrivals []time.Time
}

var _ http.Handler = (*Wire)(nil)

// Script sets the faults of the next requests, one for each.
func (w *Wire) Script(faults ...Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.script = append(w.script, faults...)
}

// SetHeader sets header fields that replace those of the platform in every
// response from now on.
func (w *Wire) SetHeader(header http.Header) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.header = header
}

// Requests returns the times at which requests arrived.
func (w *Wire) Requests() []time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]time.Time{}, w.arrivals...)
}

func (w *Wire) next() (Fault, http.Header) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.arrivals = append(w.arrivals, time.Now())
	if len(w.script) == 0 {
		return Fault{}, w.header
	}
	fault := w.script[0]
	w.script = w.script[1:]
	return fault, w.header
}

// ServeHTTP implements http.Handler.
func (w *Wire) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	fault, header := w.next()
	if fault == (Fault{}) && header == nil {
		w.Platform.ServeHTTP(rw, r)
		return
	}
	recorded := httptest.NewRecorder()
	if fault.Effect == Never && r.Method != http.MethodGet {
		// A server notices that a client has gone only once it has read the body.
		io.Copy(io.Discard, r.Body)
		recorded.WriteString(`{"nothing":"done"}`)
	} else {
		w.Platform.ServeHTTP(recorded, r)
	}
	for _, h := range []http.Header{recorded.Header(), header} {
		for name, values := range h {
			rw.Header()[name] = values
		}
	}
	fault.Send(rw, r, Reply{Status: recorded.Code, Body: recorded.Body.String(), Refuse: w.Refuse})
}
