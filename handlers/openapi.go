package handlers

import (
	_ "embed"
	"net/http"
)

// document describes every route in OpenAPI 3.1, for people, generators of
// clients, and the tests, which hold every request and answer against it.
//
//go:embed openapi.json
var document []byte

// openapi shows the document. It is the same for everybody until the next
// version, so that it may be kept for a while.
func (s *server) openapi(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "public, max-age=300")
	s.write(w, r, http.StatusOK, "application/json", document)
}
