package main

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
	// grace is how long requests under way may take once we are told to stop.
	grace = 10 * time.Second
	// farewell is how long we go on before that, asking every caller to come
	// back over a new connection: closing a connection that its caller is just
	// writing to would lose the request.
	farewell = 500 * time.Millisecond
)

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

// serveUntil serves until ctx ends, calls stopping, says farewell, finishes
// the requests under way, and returns when nothing of it runs any more. The
// listener is closed in any case.
func serveUntil(ctx context.Context, srv *http.Server, ln net.Listener, stopping func()) error {
	srv.Handler = closing(ctx, srv.Handler)
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
		// We were told to stop. Serve returned at once; requests under way
		// take a moment.
		return <-stopped
	}
	return errors.Join(fmt.Errorf("serve on %s: %w", ln.Addr(), err), srv.Close())
}

// closing ends each connection after its answer once ctx has ended.
func closing(ctx context.Context, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ctx.Err() != nil {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// listen takes the address before anything else is opened: a port that is
// taken is the commonest mistake, and this way it changes nothing.
func listen(ctx context.Context, address string) (net.Listener, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	return ln, nil
}
