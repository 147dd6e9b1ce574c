package handlers

import (
	"net/http"
	"regexp"
	"time"
)

var form = regexp.MustCompile(`\{(\w+):[^/]+\}`)

// template is a route's path as people write it: without the forms of its
// variable parts.
func template(path string) string { return form.ReplaceAllString(path, "{$1}") }

// observed tells Config.Responded how each request to a route was answered.
func (s *server) observed(route string, next http.Handler) http.Handler {
	if s.Responded == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		answer := &answered{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(answer, r)
		s.Responded(route, r.Method, answer.status, time.Since(began))
	})
}

// answered remembers the status.
type answered struct {
	http.ResponseWriter
	status int
}

func (a *answered) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (a *answered) Unwrap() http.ResponseWriter { return a.ResponseWriter }
