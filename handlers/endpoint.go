package handlers

import (
	"context"
	"errors"
	"net/http"
	"regexp"

	"github.com/go-json-experiment/json"
	"github.com/gorilla/mux"

	"playtoken/projects"
	"playtoken/secret"
)

// routePolicy is what a route asks of the gate.
type routePolicy struct {
	action projects.Action // what the caller must be allowed to do; empty: everybody may
	status int             // of a success

	// record is what the change is called in the record; empty: nothing is
	// changed. A change that cannot be recorded is not made, unless it is
	// urgent.
	record string
	urgent bool

	// viewers may come with a token of their own provider, from the pages that
	// the project names.
	viewers bool
}

// call is a request that passed the gate.
type call struct {
	caller    projects.Caller
	project   string // exists or not, the caller may do this with it
	vars      map[string]string
	requestID string
	request   *http.Request // for who looks at where it comes from, and at nothing else

	policy  projects.Project // the caller's own project; none for the admin key
	foreign bool             // from a page that the project does not name
}

// noBody is a request that says all in its path.
type noBody struct{}

// endpoint makes a handler of what a route does. The order is the same for all:
// who is it, what do they say, not too often, may they, write it down, do it,
// encode, answer. act gets a body that was decoded strictly, and a project that
// the caller may act on.
func endpoint[B, A any](s *server, policy routePolicy, act func(context.Context, call, B) (A, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body B
		c := call{request: r, vars: mux.Vars(r), requestID: w.Header().Get(requestID)}
		err := s.admit(w, r, policy, &c, &body)
		if err == nil {
			err = s.intend(r.Context(), policy, c, body)
		}
		if err != nil {
			s.refuseFor(w, r, policy, err)
			return
		}
		extendDeadline(w, policy.action)
		answer, err := act(r.Context(), c, body)
		s.conclude(policy, c, body, answer, err)
		if err != nil {
			s.refuseFor(w, r, policy, err)
			return
		}
		s.answer(w, r, statusOf(answer, policy.status), answer)
	})
}

// refuseFor refuses, and tells who counts playback tokens.
func (s *server) refuseFor(w http.ResponseWriter, r *http.Request, policy routePolicy, err error) {
	code := s.refuse(w, r, s.countFailure(w, r, err))
	if policy.action == projects.Mint {
		s.noToken(code)
	}
}

// admit is the gate up to the permission. When it returns nil, the call is
// complete.
func (s *server) admit(w http.ResponseWriter, r *http.Request, policy routePolicy, c *call, body any) error {
	s.welcome(w, r, policy, c, c.vars["project_id"])
	stranger, err := s.whoIs(r, policy, c)
	if err != nil {
		return err
	}
	// The credential is somebody's, or has the form of a viewer's token.
	misspelt := decode(w, r, body)
	c.project = c.projectOf(body)
	if misspelt == nil && c.vars["project_id"] == "" {
		s.welcome(w, r, policy, c, c.project)
	}
	if !stranger.IsZero() {
		if misspelt != nil {
			return misspelt
		}
		if err := s.viewer(r.Context(), c, stranger); err != nil {
			return err
		}
	}
	if err := s.presented(r.Context(), c, body, misspelt); err != nil {
		return err
	}
	// Whoever it is, is known, and pays even for what cannot be read.
	unknown := s.look(r.Context(), policy, c)
	if err := s.charge(w, policy, *c, body); err != nil {
		return err
	}
	if policy.action == "" || misspelt != nil {
		return misspelt
	}
	if err := mayProject(c.caller, policy.action, c.project); err != nil {
		return err
	}
	return unknown
}

// statusOf is the route's status, unless the answer knows better.
func statusOf(answer any, usual int) int {
	if mixed, ok := answer.(interface{ status() int }); ok {
		return mixed.status()
	}
	return usual
}

// whoIs fills in the caller of a request. Where viewers may come, a token that
// nobody knows is returned instead: whose it is can only be said once it is
// known which project it is for.
func (s *server) whoIs(r *http.Request, policy routePolicy, c *call) (stranger secret.Value, err error) {
	if policy.action == "" {
		return secret.Value{}, nil
	}
	credential, err := credential(r.Header)
	if err != nil {
		return secret.Value{}, err
	}
	c.caller, err = s.Callers.Identify(r.Context(), credential)
	if policy.viewers && s.Viewers != nil && errors.Is(err, projects.ErrUnknownCaller) && tokenForm.MatchString(credential.Reveal()) {
		return credential, nil
	}
	return secret.Value{}, err
}

// presented fills in the caller of a request whose body holds the credential.
func (s *server) presented(ctx context.Context, c *call, body any, misspelt error) error {
	holder, ok := body.(interface {
		credential() (member string, value secret.Value)
	})
	if !ok || misspelt != nil {
		return nil
	}
	member, value := holder.credential()
	var err error
	if c.caller, err = s.Callers.Identify(ctx, value); errors.Is(err, projects.ErrUnknownCaller) {
		return badCredentials{err, member}
	}
	return err
}

// tokenForm is the compact form of a signed token, as providers of viewers
// make it.
var tokenForm = regexp.MustCompile(`^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$`)

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

// look gets the policies that a caller is held to: those of their own project.
// Minting needs them; what is only counted goes on without.
func (s *server) look(ctx context.Context, policy routePolicy, c *call) error {
	if c.caller.ProjectID == "" || c.caller.Viewer != nil {
		return nil // held to none, or known already
	}
	var err error
	c.policy, err = s.projectByID(ctx, c.caller.ProjectID)
	if policy.action != projects.Mint {
		return nil
	}
	return err
}

// projectByID is the project from a view that may be a few seconds old.
func (s *server) projectByID(ctx context.Context, id string) (projects.Project, error) {
	switch {
	case !projectForm.MatchString(id):
		return projects.Project{}, projects.ErrNotFound
	case s.View == nil:
		return projects.Project{ID: id}, nil
	}
	return s.View.Project(ctx, id)
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

// noContent is the answer of what is gone.
type noContent struct{}

// answer encodes first and writes then, so that what cannot be encoded is an
// error with a status, not half a body. An absent list is [], an absent object
// null.
func (s *server) answer(w http.ResponseWriter, r *http.Request, status int, body any) {
	if status == http.StatusNoContent {
		s.showFailures(w, r)
		w.WriteHeader(status)
		return
	}
	data, err := json.Marshal(body, json.Deterministic(true), json.FormatNilMapAsNull(true))
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.write(w, r, status, "application/json", data)
}

func (s *server) write(w http.ResponseWriter, r *http.Request, status int, contentType string, data []byte) {
	s.showFailures(w, r)
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	w.Write(append(data, '\n'))
}
