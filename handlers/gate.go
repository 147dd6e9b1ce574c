package handlers

import (
	"context"
	"net/http"
	"regexp"

	"github.com/go-json-experiment/json"
	"github.com/gorilla/mux"

	"playtoken/projects"
)

// call is a request that passed the gate.
type call struct {
	caller    projects.Caller
	project   string // exists or not, the caller may do this with it
	vars      map[string]string
	requestID string
}

// none is the body of a request that has none.
type none struct{}

// gate makes a handler of what a route does. The order is the same for all:
// who is it, what do they say, may they, do it, encode, answer. act gets a
// body that was decoded strictly, and a project that the caller may act on.
func gate[B, A any](s *server, action projects.Action, status int,
	act func(context.Context, call, B) (A, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := call{vars: mux.Vars(r), requestID: w.Header().Get(requestID)}
		refuse := func(err error) {
			code := s.refuse(w, r, err)
			if action == projects.Mint {
				s.noToken(code)
			}
		}
		var err error
		if c.caller, err = s.whoIs(r); err != nil {
			refuse(err)
			return
		}
		var body B
		if err := decode(w, r, &body); err != nil {
			refuse(err)
			return
		}
		c.project = c.projectOf(body)
		if err := mayProject(c.caller, action, c.project); err != nil {
			refuse(err)
			return
		}
		patient(w, action)
		answer, err := act(r.Context(), c, body)
		if err != nil {
			refuse(err)
			return
		}
		s.answer(w, r, statusOf(answer, status), answer)
	})
}

// statusOf is the route's status, unless the answer knows better.
func statusOf(answer any, usual int) int {
	if mixed, ok := answer.(interface{ status() int }); ok {
		return mixed.status()
	}
	return usual
}

// whoIs returns the caller of a request.
func (s *server) whoIs(r *http.Request) (projects.Caller, error) {
	credential, err := credential(r.Header)
	if err != nil {
		return projects.Caller{}, err
	}
	return s.Callers.Identify(r.Context(), credential)
}

// projectOf is the project that a request is about: the path says, or the
// body, or else it is the caller's own.
func (c call) projectOf(body any) string {
	if id, ok := c.vars["project_id"]; ok {
		return id
	}
	if about, ok := body.(interface{ projectID() string }); ok && about.projectID() != "" {
		return about.projectID()
	}
	return c.caller.Home()
}

var projectForm = regexp.MustCompile(`^[a-z0-9_]{1,40}$`)

// mayProject is the one permission check. An id that no project can have is
// kept away from everything behind it.
func mayProject(caller projects.Caller, action projects.Action, projectID string) error {
	if err := caller.May(action, projectID); err != nil {
		return err
	}
	if !projectForm.MatchString(projectID) {
		return projects.ErrNotFound
	}
	return nil
}

// answer encodes first and writes then, so that what cannot be encoded is an
// error with a status, not half a body. An absent list is [], an absent object
// null.
func (s *server) answer(w http.ResponseWriter, r *http.Request, status int, body any) {
	data, err := json.Marshal(body, json.Deterministic(true), json.FormatNilMapAsNull(true))
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	write(w, status, "application/json", data)
}

func write(w http.ResponseWriter, status int, contentType string, data []byte) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	w.Write(append(data, '\n'))
}
