package handlers

import (
	"net/http"
	"regexp"
	"time"
)

var variable = regexp.MustCompile(`\{(\w+):[^/]+\}`)

// template is a route's path without the patterns of its variables.
func template(path string) string { return variable.ReplaceAllString(path, "{$1}") }

// observe reports the response to each request of a route to Config.Responded.
func (s *server) observe(route string, next http.Handler) http.Handler {
	if s.Responded == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		recorder := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(recorder, r)
		s.Responded(route, r.Method, recorder.status, time.Since(began))
	})
}

// statusRecorder remembers the status.
type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (s *statusRecorder) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

// Unwrap serves http.ResponseController.
func (s *statusRecorder) Unwrap() http.ResponseWriter { return s.ResponseWriter }
