package httpserver

import (
	"context"
	"net"
	"net/http"
)

// Metrics is a listener for /metrics alone. The zero value listens nowhere:
// metrics are served with everything else.
type Metrics struct{ listener net.Listener }

// ListenMetrics takes an address for /metrics, unless the address is empty.
func ListenMetrics(ctx context.Context, address string) (Metrics, error) {
	if address == "" {
		return Metrics{}, nil
	}
	ln, err := Listen(ctx, address)
	return Metrics{listener: ln}, err
}

// Close closes the listener.
func (m Metrics) Close() error {
	if m.listener == nil {
		return nil
	}
	return m.listener.Close()
}

// Serve serves GET /metrics, and nothing else, until ctx ends and s is drained.
func (m Metrics) Serve(ctx context.Context, s Server) error {
	if m.listener == nil {
		return nil
	}
	s.Log.Info("metrics are listening", "address", m.listener.Addr().String())
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", s.Handler)
	s.Handler = mux
	return s.Serve(ctx, m.listener)
}
