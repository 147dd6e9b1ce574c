package handlers

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"regexp"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/gorilla/mux"

	"playtoken/projects"
	"playtoken/projects/access"
	"playtoken/projects/approvals"
	"playtoken/secret"
)

// routePolicy is what must hold before a route's function runs, and the status
// of its success.
type routePolicy struct {
	action projects.Action // what the caller must be allowed to do; empty: no credential is needed
	status int             // of a success

	// record is the change's name in the audit log; empty: the route changes
	// nothing. A change that cannot be recorded is not made, unless it is urgent.
	record string
	urgent bool

	// viewers may call this route with a token of their identity provider, from
	// the pages that the project lists.
	viewers bool

	// signing is the kind of token that the route makes, for rules and webhooks.
	signing string

	// approval is the kind of act that the route is, if it may have to wait for a
	// second operator. What can be refused before, possible refuses; may be nil.
	approval approvals.Kind
	possible func(context.Context, call) error
}

// call is a request that passed every check of its endpoint.
type call struct {
	caller    projects.Caller
	project   string // it may not exist; if it does, the caller may act on it
	vars      map[string]string
	requestID string // as the caller, a trusted proxy and the log know it
	outcome   *outcome
	request   *http.Request // only for where it comes from: the address and the Origin

	policy  projects.Project // the caller's own project; zero for the admin key
	foreign bool             // from a page that the project does not list
	signing string           // the kind of token that the route makes
	size    int              // how many requests the request counts as

	approved *approvals.Approval // the approval that the call carries out; nil: it is the caller's own
	consent  string              // why the caller approves; empty: they did not say
}

// noBody is the body of a request that says everything in its path.
type noBody struct{}

// endpoint makes a handler of a route's function. Every request goes through the
// same steps in the same order: authenticate, decode, limit, authorise, wait for a
// second operator, record, act, encode, respond. The function gets a body that was decoded strictly, and
// a project that the caller may act on.
func endpoint[B, R any](s *server, policy routePolicy, act func(context.Context, call, B) (R, error)) http.Handler {
	if policy.approval != "" {
		s.waiting[policy.record] = later(s, policy, act)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body B
		c := newCall(w, r, policy)
		err := s.admit(w, r, policy, &c, &body)
		c.outcome.asked(c)
		if err != nil {
			s.refuseCall(w, r, policy, c, err)
			return
		}
		extendDeadline(w, policy.action)
		response, err := orWait(r.Context(), s, policy, c, body, act)
		if err != nil {
			s.refuseCall(w, r, policy, c, err)
			return
		}
		s.respond(w, r, statusOf(response, policy.status), response)
	})
}

// carryOut calls a route's function, with an entry in the audit log before and
// after.
func carryOut[B, R any](ctx context.Context, s *server, policy routePolicy, c call, body B, act func(context.Context, call, B) (R, error)) (any, error) {
	if err := s.recordIntent(ctx, policy, c, body); err != nil {
		return nil, err
	}
	response, err := act(ctx, c, body)
	s.recordOutcome(policy, c, body, response, err)
	return response, err
}

func newCall(w http.ResponseWriter, r *http.Request, policy routePolicy) call {
	o := outcomeOf(w)
	o.Management = policy.action != projects.Mint
	return call{request: r, vars: mux.Vars(r), requestID: o.RequestID, outcome: o, signing: policy.signing}
}

// refuseCall responds with a problem, and counts it if the caller wanted a
// playback token.
func (s *server) refuseCall(w http.ResponseWriter, r *http.Request, policy routePolicy, c call, err error) {
	code := s.refuse(w, r, s.countFailure(w, r, err))
	if policy.action == projects.Mint {
		s.tokenRefused(r.Context(), c, code)
	}
}

// admit does every step up to the permission. When it returns nil, the call is
// complete.
func (s *server) admit(w http.ResponseWriter, r *http.Request, policy routePolicy, c *call, body any) error {
	s.allowPage(w, r, policy, c, c.vars["project_id"])
	viewerToken, err := s.identify(r, policy, c)
	if err != nil {
		return err
	}
	// The credential belongs to a known caller, or has the form of a viewer's
	// token. Only now is the body worth reading.
	decodeErr := decode(w, r, body)
	c.project, c.size = c.projectOf(body), sizeOf(body)
	if decodeErr == nil && c.vars["project_id"] == "" {
		s.allowPage(w, r, policy, c, c.project)
	}
	if !viewerToken.IsZero() {
		if decodeErr != nil {
			return decodeErr
		}
		if err := s.identifyViewer(r.Context(), c, viewerToken); err != nil {
			return err
		}
	}
	if err := s.identifyByBody(r.Context(), c, body, decodeErr); err != nil {
		return err
	}
	// The caller is known, and is charged for an unreadable body, too.
	policyErr := s.loadPolicy(r.Context(), policy, c)
	if err := s.charge(w, policy, *c); err != nil {
		return err
	}
	if err := c.caller.Within(time.Now(), s.clientIP(r)); err != nil {
		return err
	}
	if policy.action == "" || decodeErr != nil {
		return decodeErr
	}
	if err := mayProject(c.caller, policy.action, c.project); err != nil {
		return err
	}
	return policyErr
}

// statusOf is the status of a response: its own, or else the route's.
func statusOf(response any, usual int) int {
	if own, ok := response.(withStatus); ok {
		return own.status()
	}
	return usual
}

// identify fills in the caller of a request. Where viewers may call, an unknown
// token is returned instead of an error: which provider it is checked against
// depends on the project, which the body may name.
func (s *server) identify(r *http.Request, policy routePolicy, c *call) (viewerToken secret.Value, err error) {
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

// identifyByBody fills in the caller of a request whose body holds the
// credential.
func (s *server) identifyByBody(ctx context.Context, c *call, body any, decodeErr error) error {
	holder, ok := body.(withCredential)
	if !ok || decodeErr != nil {
		return nil
	}
	member, value, owner := holder.credential(s)
	var err error
	if c.caller, err = owner(ctx, value); errors.Is(err, projects.ErrUnknownCaller) {
		return badCredentials{error: err, member: member}
	}
	return err
}

// tokenForm is the compact form of a signed token, which identity providers
// issue.
var tokenForm = regexp.MustCompile(`^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$`)

// projectOf is the project that a request is about: the one in its path, or in
// its body, or else the caller's own.
func (c call) projectOf(body any) string {
	if id, ok := c.vars["project_id"]; ok {
		return id
	}
	if named, ok := body.(withProjectID); ok && named.projectID() != "" {
		return named.projectID()
	}
	return c.caller.Home()
}

// loadPolicy gets the caller's own project, whose policies the caller has to
// keep. Minting fails without it; other routes use it for limits only and go on.
func (s *server) loadPolicy(ctx context.Context, policy routePolicy, c *call) error {
	if c.caller.ProjectID == "" || c.caller.Viewer != nil {
		return nil // the admin key has no project; a viewer's is loaded already
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

// mayProject is the only permission check. An id that no project can have goes
// no further than this, and neither does that of the ring of our own keys.
func mayProject(caller projects.Caller, action projects.Action, projectID string) error {
	if err := caller.May(action, projectID); err != nil {
		return err
	}
	if !projectForm.MatchString(projectID) || projectID == access.RingID {
		return projects.ErrNotFound
	}
	return nil
}

// noContent is the response to a deletion.
type noContent struct{}

// respond encodes before it writes, so that a body that cannot be encoded is an
// error with a status and not half a body. An absent list is [], an absent
// object null.
func (s *server) respond(w http.ResponseWriter, r *http.Request, status int, body any) {
	if status == http.StatusNoContent {
		s.showFailureLimit(w, r)
		w.WriteHeader(status)
		return
	}
	data, _ := s.buffers.Get().(*bytes.Buffer)
	if data == nil {
		data = new(bytes.Buffer)
	}
	defer s.buffers.Put(data)
	data.Reset()
	if err := json.MarshalWrite(data, body, json.Deterministic(true), json.FormatNilMapAsNull(true)); err != nil {
		s.refuse(w, r, err)
		return
	}
	s.write(w, r, status, "application/json", data.Bytes())
}

func (s *server) write(w http.ResponseWriter, r *http.Request, status int, contentType string, data []byte) {
	s.showFailureLimit(w, r)
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	w.Write(append(data, '\n'))
}
