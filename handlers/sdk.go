package handlers

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/gorilla/mux"
)

// SDK has the files of the package playtoken that pages load. It is safe for
// concurrent use.
type SDK interface {
	Version() string
	// Serve answers with a file of a version, or returns false and has written
	// nothing.
	Serve(w http.ResponseWriter, r *http.Request, version, file string) bool
}

var errNoFile = errors.New("no such file")

// sdk is for every page of every site.
func (s *server) sdk(w http.ResponseWriter, r *http.Request) {
	asked := mux.Vars(r)
	if !s.SDK.Serve(w, r, asked["version"], asked["file"]) {
		s.refuse(w, r, fmt.Errorf("%w: this service has version %s of the package playtoken", errNoFile, s.SDK.Version()))
	}
}
