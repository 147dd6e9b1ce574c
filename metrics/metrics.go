// Package metrics counts what the service and the gate do, and shows it to
// Prometheus.
//
// The decision a newcomer would get wrong: what is measured does not know it.
// Stores, signers and platforms are wrapped where they are put together, with
// wrappers that have the same interface, and the rest comes through a few
// functions that are told what happened. No label value is ever taken from a
// request, so neither a token nor the number of series is in a caller's hands.
package metrics

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Build is what the binary was built from.
type Build struct{ Version, Revision string }

// maxScrapes is how many scrapes are answered at a time; more get 503.
const maxScrapes = 4

// exposition is a registry of its own and how it is read.
type exposition struct{ registry *prometheus.Registry }

func newExposition(build Build, own prometheus.Collector) (exposition, error) {
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: buildInfo.text, Help: buildInfo.help}, buildInfo.labels)
	info.WithLabelValues(build.Version, build.Revision).Set(1)
	e := exposition{prometheus.NewRegistry()}
	var problems []error
	for _, c := range []prometheus.Collector{
		info, own, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		problems = append(problems, e.registry.Register(c))
	}
	if err := errors.Join(problems...); err != nil {
		return exposition{}, fmt.Errorf("register metrics: %w", err)
	}
	return e, nil
}

// Handler answers scrapes.
func (e exposition) Handler(log *slog.Logger) http.Handler {
	return promhttp.HandlerFor(e.registry, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: maxScrapes,
	})
}

// Gate is what the gate counts.
type Gate struct {
	exposition
	admissions *prometheus.CounterVec
}

// NewGate returns a Gate that has counted nothing.
func NewGate(build Build) (*Gate, error) {
	g := &Gate{admissions: gateAdmissions.counter()}
	var err error
	g.exposition, err = newExposition(build, g.admissions)
	return g, err
}

// Admission takes note of a decision: see [playtoken/gate.Config].
func (g *Gate) Admission(result string) { g.admissions.WithLabelValues(result).Inc() }
