package handlers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"playtoken/projects"
	"playtoken/projects/viewers"
	"playtoken/secret"
	"playtoken/signer"
)

// viewer makes whoever watches the caller, if the project that they name knows
// their provider. Why a token is not accepted stays with us: nobody has said
// yet who is asking.
func (s *server) viewer(ctx context.Context, c *call, token secret.Value) error {
	project, err := s.projectByID(ctx, c.project)
	switch {
	case errors.Is(err, projects.ErrNotFound):
		return projects.ErrUnknownCaller
	case err != nil:
		return err
	case len(project.ViewerPolicy.Issuers) == 0:
		return projects.ErrUnknownCaller
	}
	caller, err := s.Viewers.Identify(ctx, project, token)
	switch {
	case err != nil:
		return err
	case caller.Viewer == nil || caller.ProjectID != project.ID:
		return fmt.Errorf("identify a viewer of %s: got somebody else", project.ID)
	case c.foreign:
		return errForeignPage
	}
	c.caller, c.policy = caller, project
	return nil
}

// errSomebodyElse and the others are what a viewer cannot ask for.
var (
	errSomebodyElse = fmt.Errorf("a viewer gets tokens for themselves only: leave viewer.id out; %w", projects.ErrForbidden)
	errOwnClaims    = fmt.Errorf("a viewer cannot choose claims: leave them out; %w", projects.ErrForbidden)
	errForeignPage  = fmt.Errorf("the project does not name the page that this comes from: add its origin to viewer_policy.origins; %w", projects.ErrForbidden)
)

// restrain holds a viewer's request to what viewers may ask for. What a
// backend may vouch for, a viewer may not: who they are, and what they are
// entitled to.
func (c call) restrain(req signer.Request) error {
	switch viewer := c.caller.Viewer; {
	case viewer == nil:
		return nil
	case req.VideoID == signer.AllVideos:
		return fmt.Errorf("%w for viewers", signer.ErrAllVideos)
	case req.Viewer.ID != "" && req.Viewer.ID != viewer.Subject:
		return errSomebodyElse
	case len(req.Claims) > 0:
		return errOwnClaims
	default:
		return nil
	}
}

// entitled asks whoever decides for the project whether this may be watched.
// Where nobody does, whoever may mint decided already. Errors:
// *viewers.NotEntitled, store.ErrUnavailable.
func (s *server) entitled(ctx context.Context, c call, req signer.Request) error {
	policy := c.policy.ViewerPolicy
	switch {
	case policy.Rule == "" && policy.Webhook == nil:
		return nil
	case s.Viewers == nil:
		return fmt.Errorf("project %s has a rule or webhook, and there is nobody to ask it", c.project)
	}
	ask := viewers.Request{
		Caller: viewers.ByAPIKey, VideoID: req.VideoID, ExpiresIn: s.lifetime(c, req), RequestID: c.requestID,
		Viewer: viewers.Viewer{ID: req.Viewer.ID, IP: req.Viewer.IP},
		Origin: c.request.Header.Get("Origin"),
	}
	if address := s.from(c.request); address.IsValid() {
		ask.IP = address.String()
	}
	if c.caller.Admin {
		ask.Caller = viewers.ByAdmin
	}
	if viewer := c.caller.Viewer; viewer != nil {
		ask.Caller = viewers.ByViewer
		ask.Viewer.ID, ask.Viewer.Issuer, ask.Viewer.Claims = viewer.Subject, viewer.Issuer, viewer.Claims
	}
	return s.Viewers.Entitled(ctx, c.policy, ask)
}

// lifetime is how long the token would live.
func (s *server) lifetime(c call, req signer.Request) time.Duration {
	switch {
	case req.TTL != 0:
		return req.TTL
	case s.InForce != nil:
		tokens, _ := s.InForce(c.policy)
		return tokens.DefaultTTL
	}
	return time.Duration(c.policy.TokenPolicy.DefaultTTL) * time.Second
}

// The headers that browsers ask for and are told about other pages.
const (
	allowOrigin = "Access-Control-Allow-Origin"
	exposed     = "Retry-After, X-Request-Id, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, RateLimit, RateLimit-Policy"
	// preflightAge is how long a browser may remember that it may ask, in
	// seconds. Whether it may read the answer is decided again each time.
	preflightAge = "600"
)

// welcome lets a page read the answer if the project names the page's origin,
// letter by letter. Cookies are never asked for.
func (s *server) welcome(w http.ResponseWriter, r *http.Request, policy routePolicy, c *call, projectID string) {
	if !policy.viewers {
		return
	}
	w.Header().Set("Vary", "Origin")
	origins := r.Header.Values("Origin")
	c.foreign = len(origins) > 0
	if len(origins) != 1 || projectID == "" {
		return
	}
	project, err := s.projectByID(r.Context(), projectID)
	if err != nil || !slices.Contains(project.ViewerPolicy.Origins, origins[0]) {
		return
	}
	c.foreign = false
	w.Header().Set(allowOrigin, origins[0])
	w.Header().Set("Access-Control-Expose-Headers", exposed)
}

// preflight answers a browser that asks whether it may ask. It does not say
// for which project, so any that names the page will do.
func (s *server) preflight(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Vary", "Origin")
	known := false
	origins := r.Header.Values("Origin")
	if len(origins) == 0 { // a question about the address, not about a page
		w.Header().Set("Allow", "OPTIONS, POST")
		s.answer(w, r, http.StatusNoContent, noContent{})
		return
	}
	if len(origins) == 1 && s.Origins != nil {
		var err error
		if known, err = s.Origins.OriginKnown(r.Context(), origins[0]); err != nil {
			s.refuse(w, r, err)
			return
		}
	}
	if !known {
		s.refuse(w, r, errForeignPage)
		return
	}
	h := w.Header()
	h.Set(allowOrigin, origins[0])
	h.Set("Access-Control-Allow-Methods", http.MethodPost)
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
	h.Set("Access-Control-Max-Age", preflightAge)
	s.answer(w, r, http.StatusNoContent, noContent{})
}
