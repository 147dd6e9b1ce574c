package handlers

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"regexp"
	"sync"
	"time"

	"playtoken/logs"
)

var variable = regexp.MustCompile(`\{(\w+):[^/]+\}`)

// template is a route's path without the patterns of its variables.
func template(path string) string { return variable.ReplaceAllString(path, "{$1}") }

// Response is what may be told of a request and its response.
type Response struct {
	Route, Method string // Route is the template of the path; empty if no route matched
	Status        int
	Code          string // of the problem, or of the first one in a list; empty: there was none
	Management    bool   // the request manages something; it does not mint or look after the process
	Project       string // that it is about; empty if unknown
	Caller        string // as the audit record has it, and "viewer" for every viewer; empty if unknown
	RequestID     string // in the response
	TraceID       string // of the caller's trace; may be empty
	Took          time.Duration
}

// outcome is a response that remembers what is told of it.
type outcome struct {
	http.ResponseWriter
	Response
	id    string // of the request in the audit record; never chosen by a client
	began time.Time

	mu    sync.Mutex // for what requests of a list do at the same time
	worst failure
	err   error // of worst
}

func (s *server) newOutcome(w http.ResponseWriter, r *http.Request) *outcome {
	o := &outcome{ResponseWriter: w, id: rand.Text(), began: time.Now()}
	o.Response = Response{Method: r.Method, Status: http.StatusOK, RequestID: o.id, TraceID: s.traceID(r)}
	if s.Proxied != nil && s.Proxied(r) {
		if given := logs.RequestID(r.Header); given != "" {
			o.RequestID = given
		}
	}
	return o
}

func (s *server) traceID(r *http.Request) string {
	if s.TraceID != nil {
		return s.TraceID(r)
	}
	return logs.TraceID(r.Header)
}

// outcomeOf is the outcome of a request that came through the entrance.
func outcomeOf(w http.ResponseWriter) *outcome { return w.(*outcome) }

// proxied is what a trusted proxy calls the request; empty if it has no other name
// than ours.
func (o *outcome) proxied() string {
	if o.RequestID == o.id {
		return ""
	}
	return o.RequestID
}

func (o *outcome) WriteHeader(status int) {
	o.Status = status
	o.ResponseWriter.WriteHeader(status)
}

// Unwrap serves http.ResponseController.
func (o *outcome) Unwrap() http.ResponseWriter { return o.ResponseWriter }

// asked notes who asked for what.
func (o *outcome) asked(c call) {
	o.Caller = c.caller.ID
	if c.caller.Viewer != nil {
		o.Caller = "viewer"
	}
	if projectForm.MatchString(c.project) { // anything else is what a caller wrote
		o.Project = c.project
	}
}

// failed notes an error. Of several, that with the highest status is kept.
func (o *outcome) failed(f failure, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil || f.status > o.worst.status {
		o.worst, o.err, o.Code = f, err, f.code
	}
}

// routed notes the route of a request.
func routed(route string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		outcomeOf(w).Route = route
		next.ServeHTTP(w, r)
	})
}

// tell tells of a response: what counts them, and the log.
func (s *server) tell(o *outcome, r *http.Request) {
	o.Took = time.Since(o.began)
	if s.Responded != nil {
		s.Responded(r.Context(), o.Response)
	}
	probe := isProbe(o.Route, r)
	news := probe && s.probes.News(o.Code, o.began)
	switch {
	case o.worst.status == http.StatusInternalServerError:
		s.log(r.Context(), slog.LevelError, o)
	case o.worst.status > http.StatusInternalServerError && probe && !news: // the log was told
	case o.worst.status > http.StatusInternalServerError: // an outage of the store or the platform
		s.log(r.Context(), slog.LevelWarn, o)
	case news, s.Logged != nil && s.Logged(o.Status, o.Management):
		s.log(r.Context(), slog.LevelInfo, o)
	}
}

// isProbe reports whether a load balancer asks for readiness, and not an operator
// for that of one project.
func isProbe(route string, r *http.Request) bool {
	return route == readinessPath && !r.URL.Query().Has("project")
}

// log writes the one line about a request. It has no query, no address, and of the
// path only the template. The text of an error is there only if the caller did not
// cause it, and so cannot have written it.
func (s *server) log(ctx context.Context, level slog.Level, o *outcome) {
	message := "request"
	line := make([]slog.Attr, 0, 12)
	line = append(line, slog.String("request_id", o.RequestID), slog.String("method", o.Method), slog.String("route", o.Route),
		slog.Int("status", o.Status), slog.Duration("took", o.Took))
	if o.proxied() != "" {
		line = append(line, slog.String("audit_request_id", o.id))
	}
	for _, known := range []slog.Attr{
		slog.String("project", o.Project), slog.String("caller", o.Caller), slog.String("trace_id", o.TraceID), slog.String("code", o.Code),
	} {
		if known.Value.String() != "" {
			line = append(line, known)
		}
	}
	if level > slog.LevelInfo {
		message = "request failed"
		line = append(line, slog.Any("error", o.err))
	}
	s.Log.LogAttrs(ctx, level, message, line...)
}
