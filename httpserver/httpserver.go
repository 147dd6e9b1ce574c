// Package httpserver runs an HTTP server and ends it in order.
//
// The decision a newcomer would get wrong: a server does not close its
// listener at once when it is told to stop. A client that is just writing to a
// connection would lose its request, so for a moment every response first asks
// for a new connection.
package httpserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

const (
	// grace is how long requests under way may take after the server was told
	// to stop.
	grace = 10 * time.Second
	// farewell is how long the server goes on before that, asking each client
	// to use a new connection.
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

// Serve serves until ctx ends. Then it calls stopping, asks clients to use new
// connections, finishes the requests under way, and returns when nothing of the
// server runs any more. The listener is closed in any case.
func Serve(ctx context.Context, ln net.Listener, handler http.Handler, log *slog.Logger, stopping func()) error {
	srv := newServer(closing(ctx, handler), log)
	stopped := make(chan error, 1)
	cancel := context.AfterFunc(ctx, func() {
		stopping()
		<-time.After(farewell)
		left, done := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer done()
		err := srv.Shutdown(left)
		if err != nil {
			err = errors.Join(fmt.Errorf("finish requests under way: %w", err), srv.Close())
		}
		stopped <- err
	})
	err := srv.Serve(ln)
	if !cancel() {
		// The server was told to stop. Serve returned at once; requests under
		// way take a moment.
		return <-stopped
	}
	return errors.Join(fmt.Errorf("serve on %s: %w", ln.Addr(), err), srv.Close())
}

func newServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// closing ends each connection after its response once ctx has ended.
func closing(ctx context.Context, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ctx.Err() != nil {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}
