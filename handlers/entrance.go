package handlers

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const requestID = "X-Request-Id"

// entrance prepares every request, before any routing.
func (s *server) entrance(next http.Handler) http.Handler {
	malformed := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.refuse(w, r, invalidf("malformed path: it must not contain empty, . or .. segments, encoded slashes, backslashes or control characters"))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o := s.newOutcome(w, r)
		defer s.tell(o, r)
		o.Header().Set(requestID, o.RequestID)
		o.Header().Set("Cache-Control", "no-store")
		o.Header().Set("X-Content-Type-Options", "nosniff")
		if !plainPath(r.URL.Path, r.URL.EscapedPath()) {
			malformed.ServeHTTP(o, r)
			return
		}
		next.ServeHTTP(o, r)
	})
}

// plainPath reports whether a path has the same meaning for this service, for a
// proxy in front of it, and for the services that it calls.
func plainPath(path, escaped string) bool {
	if !strings.HasPrefix(path, "/") || !utf8.ValidString(path) || strings.ContainsFunc(path, unprintable) {
		return false
	}
	if strings.Contains(path, `\`) || strings.Contains(strings.ToLower(escaped), "%2f") {
		return false
	}
	segments := strings.Split(path[1:], "/")
	for i, segment := range segments {
		last := i == len(segments)-1
		if segment == "." || segment == ".." || segment == "" && !last {
			return false
		}
	}
	return true
}

// unprintable reports whether a character must stay out of the audit log, headers
// and pages: control and format characters (those that reverse the direction of
// text among them) and line separators.
func unprintable(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

// methods is the handler of one path: it picks the one of the request's method.
type methods struct {
	s  *server
	by map[string]http.Handler
}

func (m methods) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	handler, ok := m.by[method]
	if !ok {
		allowed := slices.Sorted(maps.Keys(m.by))
		if at := slices.Index(allowed, http.MethodGet); at >= 0 {
			allowed = slices.Insert(allowed, at+1, http.MethodHead)
		}
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		m.s.refuse(w, r, errMethod)
		return
	}
	handler.ServeHTTP(w, r)
}
