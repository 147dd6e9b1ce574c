package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"

	"playtoken/metrics"
	"playtoken/settings"
)

// build is what metrics tell about this binary.
func (v versionView) build() metrics.Build {
	return metrics.Build{Version: v.Version, Revision: v.Revision}
}

// listenMetrics takes PLAYTOKEN_METRICS_LISTEN, if there is one; it returns
// nil if metrics are to be where everything else is.
func listenMetrics(ctx context.Context, c settings.Settings) (net.Listener, error) {
	if c.MetricsListen == "" {
		return nil, nil
	}
	return listen(ctx, c.MetricsListen)
}

// closeMetrics closes what listenMetrics took.
func closeMetrics(ln net.Listener) error {
	if ln == nil {
		return nil
	}
	return ln.Close()
}

// serveMetrics serves /metrics, and nothing else, until ctx ends; with no
// listener, there is nothing to do.
func serveMetrics(ctx context.Context, ln net.Listener, answer http.Handler, log *slog.Logger) error {
	if ln == nil {
		return nil
	}
	log.Info("metrics are listening", "address", ln.Addr().String())
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", answer)
	return serveUntil(ctx, newServer(mux, log), ln, func() {})
}
