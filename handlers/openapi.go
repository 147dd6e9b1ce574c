package handlers

import (
	_ "embed"
	"net/http"
)

// document describes every route in OpenAPI 3.1, for people, client generators,
// and the tests, which check every request and response against it.
//
//go:embed openapi.json
var document []byte

// openapi responds with the document. It is the same for every caller until the
// next version, so that it may be cached.
func (s *server) openapi(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "public, max-age=300")
	s.write(w, r, http.StatusOK, "application/json", document)
}
