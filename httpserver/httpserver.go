// Package httpserver runs an HTTP server, with TLS or without, and ends it in
// order.
//
// The decision a newcomer would get wrong: a server that is told to stop goes on
// as if nothing had happened, and only says at /readyz that it is not ready. What
// is in front of it needs time to notice. A listener that closes at once loses the
// requests that are on their way.
package httpserver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	// grace is how long requests under way may take after the listener closed.
	grace = 10 * time.Second
	// farewell is for how long each client is asked, at the least, to use a new
	// connection. A client that is just writing to an old one would lose its
	// request.
	farewell = 500 * time.Millisecond
)

// Listen takes an address. It comes before anything else is opened: a port that
// is in use is the commonest mistake, and this way it changes nothing.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	return ln, nil
}

// Server is what listens, and how it ends.
type Server struct {
	Handler http.Handler
	Log     *slog.Logger
	TLS     *tls.Config   // nil: HTTP without TLS
	Drain   time.Duration // from Stopping until no new connection is accepted
	// Stopping is called when the server is told to stop, and should make its
	// readiness fail. Nil: it has none.
	Stopping func()
}

// Serve serves until ctx ends, and then for as long as Drain says. In the second
// half of that time, half a second at the least, it asks clients to use new
// connections. Then it closes the listener, finishes the requests under way, and
// returns when nothing of the server runs any more. The listener is closed in any
// case.
func (s Server) Serve(ctx context.Context, ln net.Listener) error {
	var closing atomic.Bool
	srv := s.server(&closing)
	stopped := make(chan error, 1)
	cancel := context.AfterFunc(ctx, func() {
		if s.Stopping != nil {
			s.Stopping()
		}
		time.Sleep(s.Drain / 2)
		closing.Store(true)
		time.Sleep(max(s.Drain-s.Drain/2, farewell))
		stopped <- shutDown(context.WithoutCancel(ctx), srv)
	})
	var err error
	if s.TLS != nil {
		err = srv.ServeTLS(ln, "", "")
	} else {
		err = srv.Serve(ln)
	}
	if !cancel() {
		// The server was told to stop. Serve returned at once; requests under
		// way take a moment.
		return <-stopped
	}
	return errors.Join(fmt.Errorf("serve on %s: %w", ln.Addr(), err), srv.Close())
}

func shutDown(ctx context.Context, srv *http.Server) error {
	left, done := context.WithTimeout(ctx, grace)
	defer done()
	if err := srv.Shutdown(left); err != nil {
		return errors.Join(fmt.Errorf("finish requests under way: %w", err), srv.Close())
	}
	return nil
}

func (s Server) server(closing *atomic.Bool) *http.Server {
	return &http.Server{
		Handler:           lastOnTheirConnections(closing, s.Handler),
		TLSConfig:         s.TLS,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(s.Log.Handler(), slog.LevelWarn),
	}
}

// lastOnTheirConnections ends each connection after its response while closing is
// true. For HTTP/2 the standard library sends GOAWAY in place of the header.
func lastOnTheirConnections(closing *atomic.Bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if closing.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}
