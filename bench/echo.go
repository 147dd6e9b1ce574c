package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// echo responds to a request for a token with the members of the request, padded
// to the length of a response with a token. Its cost is that of a service in Go
// that does nothing else.
func echo(ctx context.Context, j job) error {
	type response struct {
		VideoID   string `json:"video_id"`
		ExpiresIn int64  `json:"expires_in"`
		Padding   string `json:"padding"`
	}
	const rest = len(`{"video_id":"video0123456789012345","expires_in":600,"padding":""}`)
	padding := strings.Repeat("x", max(0, int(j.Size)-rest))
	return serveUntil(ctx, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		echoed := response{Padding: padding}
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&echoed); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		json.NewEncoder(w).Encode(echoed)
	}))
}

// serveUntil serves, with the timeouts of the service, until ctx ends.
func serveUntil(ctx context.Context, handler http.Handler) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	srv := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    16 << 10,
	}
	defer context.AfterFunc(ctx, func() { srv.Close() })()
	fmt.Fprintf(os.Stderr, "{\"address\":%q}\n", ln.Addr())
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
