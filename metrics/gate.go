package metrics

import (
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Gate has the metrics of the gate. It is safe for concurrent use.
type Gate struct {
	registry                                            *prometheus.Registry
	admissions, keyCalls, unrecorded, responses, volume *prometheus.CounterVec
	durations                                           *prometheus.HistogramVec
	watching                                            *watching

	mu       sync.Mutex
	alone    bool                 // the limits are not shared, although they should be
	view     func() time.Duration // nil: the gate is not open yet
	keys     func() int           // the same
	login    func() Login         // nil: the store needs no login
	recordTo string               // where the audit record goes; empty: not known yet
}

// NewGate returns a Gate with all counts at zero.
func NewGate(build Build) (*Gate, error) {
	g := &Gate{
		admissions: gateAdmissions.counter(), keyCalls: gateKeyCalls.counter(), unrecorded: auditFailures.counter(),
		responses: gateRequests.counter(), volume: gateBytes.counter(), durations: gateDuration.histogram(0.0005),
		watching: newWatching(),
	}
	g.unrecorded.WithLabelValues() // a series at zero
	var err error
	g.registry, err = newRegistry(build, gateCollector{g})
	return g, err
}

// Open makes what an open gate knows part of the metrics: how old its view of
// its store is, and how many keys are registered.
func (g *Gate) Open(view func() time.Duration, keys func() int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.view, g.keys = view, keys
}

// Login has every scrape call read for the state of the login to the store.
func (g *Gate) Login(read func() Login) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.login = read
}

// RecordTo records where the audit record goes: "file" or "stderr".
func (g *Gate) RecordTo(destination string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.recordTo = destination
}

// Handler serves scrapes. Errors of a scrape go to the log.
func (g *Gate) Handler(log *slog.Logger) http.Handler { return expose(g.registry, log) }

// Admission counts a decision of the gate; the values of result are those of
// playtoken/gate.Config.
func (g *Gate) Admission(result string) { g.admissions.WithLabelValues(result).Inc() }

// Watched counts a session as one that is being watched.
func (g *Gate) Watched(session string) { g.watching.saw(session, time.Now()) }

// Served counts a response; the values of kind are those of
// playtoken/gate.Config.
func (g *Gate) Served(kind string, status int, bytes int64, took time.Duration) {
	g.responses.WithLabelValues(kind, strconv.Itoa(status)).Inc()
	g.volume.WithLabelValues(kind).Add(float64(bytes))
	g.durations.WithLabelValues(kind).Observe(took.Seconds())
}

// OwnerCall counts a call of the gate's key API; the values of action and result
// are those of playtoken/gate.Config.
func (g *Gate) OwnerCall(action, result string) { g.keyCalls.WithLabelValues(action, result).Inc() }

// Unrecorded counts an audit entry that could not be written.
func (g *Gate) Unrecorded() { g.unrecorded.WithLabelValues().Inc() }

// LimitsAlone records whether this gate counts streams and failures on its own
// although gates should share the counts.
func (g *Gate) LimitsAlone(alone bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.alone = alone
}

// gateCollector is the Gate as its registry needs it.
type gateCollector struct{ g *Gate }

func (c gateCollector) Describe(to chan<- *prometheus.Desc) {
	for _, n := range ofGate {
		to <- n.desc()
	}
}

func (c gateCollector) Collect(to chan<- prometheus.Metric) {
	for _, counted := range []prometheus.Collector{
		c.g.admissions, c.g.keyCalls, c.g.unrecorded, c.g.responses, c.g.volume, c.g.durations,
	} {
		counted.Collect(to)
	}
	c.g.read(to, time.Now())
}

// read sends the metrics whose values are read at each scrape.
func (g *Gate) read(to sink, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	to.flag(limitsAlone, g.alone)
	to.gauge(gateSessions, g.watching.count(now))
	if g.view != nil {
		to.gauge(gateViewAge, g.view().Seconds())
		to.gauge(gateKeys, float64(g.keys()))
	}
	if g.login != nil {
		g.login().collect(to, now)
	}
	if g.recordTo != "" {
		to.gauge(auditInfo, 1, g.recordTo)
	}
}
