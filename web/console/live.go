package console

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	livePath = Path + "live"
	// partHeader asks for the content of a page alone, which the page itself does
	// when it looks again: it keeps no session alive.
	partHeader = "Playtoken-Part"

	maxStreams  = 64              // of one replica
	lookEvery   = 2 * time.Second // at the page of a stream
	quietFor    = 20 * time.Second
	writeWithin = 10 * time.Second
)

// live sends the content of a page whenever it has changed, as server-sent events,
// until the session is over, the browser leaves or the process is told to stop.
func (c *Console) live(v *visit) {
	select {
	case c.streams <- struct{}{}:
		defer func() { <-c.streams }()
	default:
		http.Error(v.response, "This replica has as many live pages as it serves; reload the page by hand.", http.StatusServiceUnavailable)
		return
	}
	ctx, cancel := context.WithCancel(v.request.Context())
	defer cancel()
	go func() {
		select {
		case <-c.stopping:
			cancel()
		case <-ctx.Done():
		}
	}()
	v.response.Header().Set("Content-Type", "text/event-stream")
	v.response.Header().Set("X-Accel-Buffering", "no") // nginx would keep events back
	s := stream{console: c, visit: v, page: ownPage(v.request.URL.Query().Get("page"))}
	s.run(ctx)
}

// stream is the events of one page.
type stream struct {
	console *Console
	visit   *visit
	page    string
	shown   []byte    // what the browser has
	sent    time.Time // the latest event
}

func (s *stream) run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for s.look(ctx) {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// look sends the page if it has changed. It returns false when the stream is over.
func (s *stream) look(ctx context.Context) bool {
	status, content := s.content(ctx)
	switch {
	case ctx.Err() != nil:
		return false
	case status == http.StatusUnauthorized:
		s.send("event: over\ndata: the session is over\n\n")
		return false
	case status != http.StatusOK:
		return s.send("event: away\ndata: the page cannot be made now\n\n")
	case !bytes.Equal(content, s.shown):
		s.shown = content
		return s.send("event: page\ndata: " + strings.ReplaceAll(string(content), "\n", "\ndata: ") + "\n\n")
	case time.Since(s.sent) > quietFor:
		return s.send(": still here\n\n")
	}
	return true
}

// content is what the page shows now, to the same session.
func (s *stream) content(ctx context.Context) (int, []byte) {
	at, err := url.ParseRequestURI(s.page)
	if err != nil || at.Path == livePath {
		return http.StatusNotFound, nil
	}
	r := s.visit.request.Clone(ctx)
	r.Method, r.URL, r.RequestURI = http.MethodGet, at, s.page
	r.Header.Set(partHeader, "content")
	response := &kept{header: http.Header{}, status: http.StatusOK}
	s.console.handler.ServeHTTP(response, r)
	return response.status, response.body.Bytes()
}

// send writes an event, which is not bound by the server's time for a response.
func (s *stream) send(event string) bool {
	s.sent = time.Now()
	control := http.NewResponseController(s.visit.response)
	// Only a connection without deadlines, as in tests, returns an error.
	_ = control.SetWriteDeadline(time.Now().Add(writeWithin))
	if _, err := fmt.Fprint(s.visit.response, event); err != nil {
		return false
	}
	return control.Flush() == nil
}
