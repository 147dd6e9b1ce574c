package logs

import (
	"sync"
	"time"
)

// repeat is how often the log repeats that a process is not ready.
const repeat = 10 * time.Minute

// Probes says which responses to probes of readiness are logged. Load balancers ask
// each second and orchestrators ask too, so only what differs from the response
// before is news, and now and then that it has not changed. Its zero value stands
// for a process that is ready.
type Probes struct {
	mu   sync.Mutex
	code string    // of the newest response's problem; empty: ready
	told time.Time // when the log was told of it
}

// News reports whether the log is told of a response. Its problem has a code; a
// response without a problem has an empty one.
func (p *Probes) News(code string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if code == p.code && (code == "" || now.Sub(p.told) < repeat) {
		return false
	}
	p.code, p.told = code, now
	return true
}
