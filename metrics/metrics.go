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
