package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Certificate makes the time until expires part of the metrics. It is called at
// most once.
func (s *Service) Certificate(expires func() time.Time) error {
	return certificate(s.registry, expires)
}

// Certificate makes the time until expires part of the metrics. It is called at
// most once.
func (g *Gate) Certificate(expires func() time.Time) error { return certificate(g.registry, expires) }

func certificate(registry *prometheus.Registry, expires func() time.Time) error {
	return registry.Register(prometheus.NewGaugeFunc(
		prometheus.GaugeOpts{Name: certificateExpires.text, Help: certificateExpires.help},
		func() float64 { return time.Until(expires()).Seconds() }))
}
