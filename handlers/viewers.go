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

// identifyViewer makes the viewer the caller, if the project of the request trusts
// their identity provider.
func (s *server) identifyViewer(ctx context.Context, c *call, token secret.Value) error {
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
		return fmt.Errorf("identify a viewer of %s: got a caller of another project", project.ID)
	case c.foreign:
		return errForeignPage
	}
	c.caller, c.policy = caller, project
	return nil
}

// These are requests that viewers may not make.
var (
	errOtherViewer = fmt.Errorf("a viewer cannot get a token for another viewer: leave viewer.id out; %w", projects.ErrForbidden)
	errOwnClaims   = fmt.Errorf("a viewer cannot choose claims: leave claims out; %w", projects.ErrForbidden)
	errDRMPolicy   = fmt.Errorf("viewers of this project cannot choose this DRM policy: use one of viewer_policy.drm_policies; %w", projects.ErrForbidden)
	errForeignPage = fmt.Errorf("the project does not list the origin of this page: add it to viewer_policy.origins; %w", projects.ErrForbidden)
)

// restrain refuses what viewers may not ask for. A backend may say who the viewer
// is and which claims they get; a viewer may not.
func (c call) restrain(req signer.Request) error {
	switch viewer := c.caller.Viewer; {
	case viewer == nil:
		return nil
	case req.VideoID == signer.AllVideos:
		return fmt.Errorf("%w for viewers", signer.ErrAllVideos)
	case req.Viewer.ID != "" && req.Viewer.ID != viewer.Subject:
		return errOtherViewer
	case len(req.Claims) > 0:
		return errOwnClaims
	case req.DRMPolicy != "" && len(c.policy.ViewerPolicy.DRMPolicies) > 0 && !slices.Contains(c.policy.ViewerPolicy.DRMPolicies, req.DRMPolicy):
		return errDRMPolicy
	default:
		return nil
	}
}

// entitled asks the project's rule and webhook whether the token may be minted.
// A project without either leaves that decision to its callers. Errors:
// *viewers.NotEntitled, store.ErrUnavailable.
func (s *server) entitled(ctx context.Context, c call, req signer.Request) error {
	policy := c.policy.ViewerPolicy
	switch {
	case policy.Rule == "" && policy.Webhook == nil:
		return nil
	case s.Viewers == nil:
		return fmt.Errorf("project %s has a rule or webhook, but this deployment cannot evaluate it", c.project)
	}
	request := viewers.Request{
		Caller: viewers.ByAPIKey, CallerID: c.caller.ID, VideoID: req.VideoID, ExpiresIn: s.lifetime(c, req), RequestID: c.requestID,
		Signing: c.signing, DRMPolicy: req.DRMPolicy, BatchSize: c.size,
		Viewer: viewers.Viewer{ID: req.Viewer.ID, IP: req.Viewer.IP},
		Origin: c.request.Header.Get("Origin"),
	}
	if address := s.clientIP(c.request); address.IsValid() {
		request.IP = address.String()
	}
	if c.caller.Operates() {
		request.Caller = viewers.ByAdmin
	}
	if viewer := c.caller.Viewer; viewer != nil {
		request.Caller = viewers.ByViewer
		request.Viewer.ID, request.Viewer.Issuer, request.Viewer.Claims = viewer.Subject, viewer.Issuer, viewer.Claims
	}
	return s.Viewers.Entitled(ctx, c.policy, request)
}

// lifetime is the lifetime that the token would have.
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

// The headers by which a browser lets another site's page call this service.
const (
	allowOrigin = "Access-Control-Allow-Origin"
	exposed     = "Retry-After, WWW-Authenticate, X-Request-Id, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, RateLimit, RateLimit-Policy"
	// preflightAge is how long a browser may cache a preflight, in seconds.
	// Whether the page may read a response is decided again each time.
	preflightAge = "600"
)

// allowPage lets a page read the response if the project lists exactly the page's
// origin. Cookies are never allowed.
func (s *server) allowPage(w http.ResponseWriter, r *http.Request, policy routePolicy, c *call, projectID string) {
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

// preflight responds to a browser that asks whether a page may call this route.
// The browser does not say for which project, so one that lists the page is
// enough.
func (s *server) preflight(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Vary", "Origin")
	known := false
	origins := r.Header.Values("Origin")
	if len(origins) == 0 { // not a browser's preflight
		w.Header().Set("Allow", "OPTIONS, POST")
		s.respond(w, r, http.StatusNoContent, noContent{})
		return
	}
	if len(origins) == 1 && s.Origins != nil {
		var err error
		if known, err = s.Origins.OriginKnown(r.Context(), origins[0], func() error { return s.chargeSource(w, r, preflightLimit, "for pages of unknown origin") }); err != nil {
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
	s.respond(w, r, http.StatusNoContent, noContent{})
}
