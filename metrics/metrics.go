// Package metrics counts what the service and the gate do, and exposes the
// counts to Prometheus.
//
// The decision a newcomer would get wrong: the code that is measured does not
// import this package. Stores, signers and platforms are wrapped, where a
// process puts its parts together, in values with the same interface; the rest
// is reported through a few methods that record events. No label value is
// taken from a request, so a caller can neither place a token in a label nor
// add series.
package metrics

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Build identifies the source of the running program.
type Build struct{ Version, Revision string }

// maxScrapes is how many scrapes are served at the same time. Further ones get
// status 503.
const maxScrapes = 4

// newRegistry returns a registry of own, the build, the Go runtime and the
// process.
func newRegistry(build Build, own prometheus.Collector) (*prometheus.Registry, error) {
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: buildInfo.text, Help: buildInfo.help}, buildInfo.labels)
	info.WithLabelValues(build.Version, build.Revision).Set(1)
	registry := prometheus.NewRegistry()
	var problems []error
	for _, c := range []prometheus.Collector{
		info, own, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		problems = append(problems, registry.Register(c))
	}
	if err := errors.Join(problems...); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return registry, nil
}

func expose(registry *prometheus.Registry, log *slog.Logger) http.Handler {
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: maxScrapes,
	})
}

// Gate has the metrics of the gate. It is safe for concurrent use.
type Gate struct {
	registry   *prometheus.Registry
	admissions *prometheus.CounterVec
	keyCalls   *prometheus.CounterVec
	unrecorded *prometheus.CounterVec
	alone      prometheus.Gauge
	view       atomic.Pointer[func() time.Duration] // nil: the gate is not open yet
}

// NewGate returns a Gate with all counts at zero.
func NewGate(build Build) (*Gate, error) {
	g := &Gate{admissions: gateAdmissions.counter(), keyCalls: gateKeyCalls.counter(), unrecorded: auditFailures.counter(),
		alone: prometheus.NewGauge(prometheus.GaugeOpts{Name: limitsAlone.text, Help: limitsAlone.help})}
	age := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: gateViewAge.text, Help: gateViewAge.help}, g.viewAge)
	var err error
	g.registry, err = newRegistry(build, g.admissions)
	for _, more := range []prometheus.Collector{age, g.keyCalls, g.unrecorded, g.alone} {
		if err == nil {
			err = g.registry.Register(more)
		}
	}
	if err != nil {
		return nil, err
	}
	return g, nil
}

// View makes age, which says how old the gate's view of its store is, part of
// the metrics.
func (g *Gate) View(age func() time.Duration) { g.view.Store(&age) }

func (g *Gate) viewAge() float64 {
	age := g.view.Load()
	if age == nil {
		return 0
	}
	return (*age)().Seconds()
}

// Handler serves scrapes. Errors of a scrape go to the log.
func (g *Gate) Handler(log *slog.Logger) http.Handler { return expose(g.registry, log) }

// Admission counts a decision of the gate; the values of result are those of
// playtoken/gate.Config.
func (g *Gate) Admission(result string) { g.admissions.WithLabelValues(result).Inc() }

// OwnerCall counts a call of the gate's key API; the values of action and result
// are those of playtoken/gate.Config.
func (g *Gate) OwnerCall(action, result string) { g.keyCalls.WithLabelValues(action, result).Inc() }

// Unrecorded counts an audit entry that could not be written.
func (g *Gate) Unrecorded() { g.unrecorded.WithLabelValues().Inc() }

// LimitsAlone records whether this gate counts streams and failures on its own
// although gates should share the counts.
func (g *Gate) LimitsAlone(alone bool) {
	if alone {
		g.alone.Set(1)
		return
	}
	g.alone.Set(0)
}
