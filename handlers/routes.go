package handlers

import (
	"context"
	"net/http"

	"playtoken/limits"
	"playtoken/projects"
	"playtoken/projects/approvals"
	"playtoken/projects/operators"
)

// route is one method of one path.
type route struct {
	method, path string
	handler      http.Handler
}

// The paths. A request whose variables do not match their patterns is not found.
const (
	tokensPath     = "/v1/playback-tokens"
	projectsPath   = "/v1/projects"
	projectPath    = projectsPath + "/{project_id}"
	generationPath = projectPath + "/signing-keys/{generation:[1-9][0-9]{0,8}}"
	apiKeysPath    = projectPath + "/api-keys"
	apiKeyPath     = apiKeysPath + "/{api_key_id}"
	adminKeysPath  = "/v1/admin-keys"
	adminKeyPath   = adminKeysPath + "/{admin_key_id}"
	approvalsPath  = "/v1/approvals"
	platformsPath  = "/v1/platforms"
	rulePath       = projectPath + "/viewer-policy/check"
	accountPath    = projectPath + "/check"
	mediaPath      = projectPath + "/media/{media_id}"
)

func get(path string, handler http.Handler) route {
	return route{method: http.MethodGet, path: path, handler: handler}
}

func post(path string, handler http.Handler) route {
	return route{method: http.MethodPost, path: path, handler: handler}
}

func patch(path string, handler http.Handler) route {
	return route{method: http.MethodPatch, path: path, handler: handler}
}

func del(path string, handler http.Handler) route {
	return route{method: http.MethodDelete, path: path, handler: handler}
}

func options(path string, handler http.HandlerFunc) route {
	return route{method: http.MethodOptions, path: path, handler: handler}
}

// routes lists every route of this configuration.
func (s *server) routes() []route {
	routes := []route{
		get("/healthz", http.HandlerFunc(s.healthz)),
		get(readinessPath, s.readiness()),
		get("/openapi.json", http.HandlerFunc(s.openapi)),
	}
	routes = append(routes, s.tokenRoutes()...)
	routes = append(routes, s.keyRoutes()...)
	if s.Access != nil {
		routes = append(routes, s.authRoutes()...)
	}
	if s.SignIn != nil {
		routes = append(routes, s.signInRoutes()...)
	}
	if s.Store != nil {
		routes = append(routes, s.projectRoutes()...)
	}
	if s.Doctor != nil {
		examines := routePolicy{action: projects.Examine, status: http.StatusOK}
		routes = append(routes,
			get("/v1/doctor", endpoint(s, examines, s.examine)),
			get(projectPath+"/doctor", endpoint(s, examines, s.examineProject)))
	}
	if s.Approvals != nil {
		routes = append(routes, s.approvalRoutes()...)
	}
	if s.Published != nil {
		routes = append(routes, get(projectPath+"/jwks.json", http.HandlerFunc(s.publishedKeys)))
	}
	if s.SDK != nil {
		routes = append(routes, get("/sdk/{version}/{file}", http.HandlerFunc(s.sdk)))
	}
	if s.Metrics != nil {
		routes = append(routes, get("/metrics", http.HandlerFunc(s.metrics)))
	}
	return routes
}

// tokenRoutes are for viewers and their backends.
func (s *server) tokenRoutes() []route {
	minted := routePolicy{action: projects.Mint, status: http.StatusOK, signing: "token"}
	made := routePolicy{action: projects.Mint, status: http.StatusCreated, viewers: true, signing: "token"}
	signed := func(form string) routePolicy {
		return routePolicy{action: projects.Mint, status: http.StatusOK, viewers: true, signing: form}
	}
	routes := []route{
		post(tokensPath, endpoint(s, made, s.mintOne)),
		options(tokensPath, s.preflight),
		post(tokensPath+"/batch", endpoint(s, minted, s.mintBatch)),
		post(tokensPath+"/inspect", endpoint(s, routePolicy{action: projects.Inspect, status: http.StatusOK}, s.inspect)),

		post(mediaPath+"/sign_all_public/drm/{policy_id}", endpoint(s, signed("sign_all_public/drm"), s.signAll)),
		options(mediaPath+"/sign_all_public/drm/{policy_id}", s.preflight),
	}
	for form, path := range map[string]string{"sign": "/sign", "sign/drm": "/sign/drm/{policy_id}", "sign_public/drm": "/sign_public/drm/{policy_id}"} {
		routes = append(routes,
			post(mediaPath+path, endpoint(s, signed(form), s.sign)),
			options(mediaPath+path, s.preflight))
	}
	return routes
}

// keyRoutes are for operators and cron.
func (s *server) keyRoutes() []route {
	read := routePolicy{action: projects.ReadKeys, status: http.StatusOK}
	order := func(record string) routePolicy {
		return routePolicy{action: projects.WriteKeys, status: http.StatusOK, record: record}
	}
	revoke := order("signing_key.revoke")
	revoke.urgent, revoke.approval, revoke.possible = true, approvals.Revoke, s.hasKey
	end := order("sessions.end")
	end.urgent = true
	remove := order("platform_key.delete")
	remove.approval, remove.possible = approvals.Remove, s.hasKeys
	all := routePolicy{action: projects.RotateAll, status: http.StatusOK, record: "rotation.all"}
	readAll := routePolicy{action: projects.ListProjects, status: http.StatusOK}
	return []route{
		get(projectPath+"/signing-keys", endpoint(s, read, s.listKeys)),
		get(generationPath, endpoint(s, read, s.showKey)),
		get(generationPath+"/revoke", endpoint(s, read, s.previewRevoke)),
		post(generationPath+"/revoke", endpoint(s, revoke, s.revokeKey)),
		post(generationPath+"/activate", endpoint(s, order("signing_key.activate"), s.operate(Rotation.Activate))),
		post(generationPath+"/rollback", endpoint(s, order("signing_key.rollback"), s.operate(Rotation.Rollback))),
		post(generationPath+"/release", endpoint(s, order("signing_key.release"), s.operate(Rotation.Release))),
		post(generationPath+"/confirm", endpoint(s, order("signing_key.confirm"), s.confirmKey)),
		post(projectPath+"/sessions/end", endpoint(s, end, s.endSessions)),

		get(projectPath+"/rotation", endpoint(s, read, s.rotationStatus)),
		post(projectPath+"/rotation", endpoint(s, order("rotation"), s.rotate)),
		get("/v1/rotation", endpoint(s, readAll, s.allStatus)),
		post("/v1/rotation", endpoint(s, all, s.rotateAll)),
		get(projectPath+"/drift", endpoint(s, read, s.drift)),
		del(projectPath+"/platform-keys/{key_id:.+}", endpoint(s, remove, s.removeUnmanaged)),
	}
}

// authRoutes exchange an API key for short-lived tokens. The pair without a
// version is for api.video's clients, which append these paths to a configured
// address.
func (s *server) authRoutes() []route {
	exchanged, refreshed := routePolicy{status: http.StatusOK, record: "api_key.exchange"}, routePolicy{status: http.StatusOK}
	var routes []route
	for _, version := range []string{"/v1", ""} {
		routes = append(routes,
			post(version+"/auth/api-key", endpoint(s, exchanged, s.exchange)),
			post(version+"/auth/refresh", endpoint(s, refreshed, s.refresh)))
	}
	revoked := routePolicy{status: http.StatusNoContent, record: "api_key.revoke_token", urgent: true}
	routes = append(routes, post("/v1/auth/revoke", endpoint(s, revoked, s.revokeToken)))
	return append(routes, get("/.well-known/jwks.json", http.HandlerFunc(s.jwks)))
}

// signInRoutes are for operators who sign in with their identity provider.
func (s *server) signInRoutes() []route {
	out := routePolicy{status: http.StatusNoContent, record: "operator.sign_out", urgent: true}
	end := routePolicy{action: projects.EndOperators, status: http.StatusNoContent, record: "operator.end_sessions", urgent: true}
	return []route{
		post("/v1/auth/operator/logout", endpoint(s, out, s.signOut)),
		post("/v1/operators/{operator_id}/sessions/end", endpoint(s, end, s.endOperatorSessions)),
		get("/v1/auth/operator/login", http.HandlerFunc(s.beginSignIn)),
		get(operators.CallbackPath, http.HandlerFunc(s.finishSignIn)),
		post("/v1/auth/operator/token", endpoint(s, routePolicy{status: http.StatusOK}, s.beginSession)),
	}
}

// projectRoutes are for operators of the deployment.
func (s *server) projectRoutes() []route {
	read := func(action projects.Action) routePolicy { return routePolicy{action: action, status: http.StatusOK} }
	change := func(action projects.Action, status int, record string) routePolicy {
		return routePolicy{action: action, status: status, record: record}
	}
	deletion := change(projects.DeleteProject, http.StatusNoContent, "project.delete")
	deletion.approval, deletion.possible = approvals.Delete, s.mayBeDeleted
	return []route{
		get(projectsPath, endpoint(s, read(projects.ListProjects), s.listProjects)),
		post(projectsPath, endpoint(s, change(projects.CreateProject, http.StatusCreated, "project.create"), s.createProject)),
		get(projectsPath+"/count", endpoint(s, read(projects.ListProjects), s.countProjects)),
		post(projectsPath+"/check", endpoint(s, change(projects.CreateProject, http.StatusOK, "project.check"), s.checkNewAccount)),
		get(projectPath, endpoint(s, read(projects.ReadProject), s.showProject)),
		patch(projectPath, endpoint(s, change(projects.WriteProject, http.StatusOK, "project.update"), s.updateProject)),
		del(projectPath, endpoint(s, deletion, s.deleteProject)),
		post(rulePath, endpoint(s, read(projects.CheckRule), s.checkRule)),
		post(accountPath, endpoint(s, change(projects.WriteProject, http.StatusOK, "project.check"), s.checkChangedAccount)),

		get(apiKeysPath, endpoint(s, read(projects.ReadAPIKeys), s.listAPIKeys)),
		post(apiKeysPath, endpoint(s, change(projects.WriteAPIKeys, http.StatusCreated, "api_key.create"), s.createAPIKey)),
		get(apiKeysPath+"/count", endpoint(s, read(projects.ReadAPIKeys), s.countAPIKeys)),
		get(apiKeyPath, endpoint(s, read(projects.ReadAPIKeys), s.showAPIKey)),
		patch(apiKeyPath, endpoint(s, change(projects.WriteAPIKeys, http.StatusOK, "api_key.update"), s.updateAPIKey)),
		del(apiKeyPath, endpoint(s, change(projects.WriteAPIKeys, http.StatusNoContent, "api_key.delete"), s.deleteAPIKey)),
		del(apiKeyPath+"/tokens", endpoint(s, change(projects.WriteAPIKeys, http.StatusNoContent, "api_key.end_tokens"), s.endTokens)),

		get(platformsPath, endpoint(s, read(projects.ListPlatforms), s.listPlatforms)),

		get(adminKeysPath, endpoint(s, read(projects.ReadAdminKeys), s.listAdminKeys)),
		post(adminKeysPath, endpoint(s, change(projects.WriteAdminKeys, http.StatusCreated, "admin_key.create"), s.createAdminKey)),
		del(adminKeyPath, endpoint(s, change(projects.WriteAdminKeys, http.StatusNoContent, "admin_key.delete"), s.deleteAdminKey)),

		get(auditPath, endpoint(s, read(projects.ReadAudit), s.searchAudit)),
	}
}

// healthz says that the process responds, and nothing else.
func (s *server) healthz(w http.ResponseWriter, r *http.Request) {
	s.respond(w, r, http.StatusOK, status{Status: "ok"})
}

// metrics are for a scraper on this machine, or a caller who may read them: they
// name projects and show how many viewers they have.
func (s *server) metrics(w http.ResponseWriter, r *http.Request) {
	if !limits.Direct(r) {
		policy := routePolicy{action: projects.ReadMetrics}
		c := newCall(w, r, policy)
		c.outcome.Management = false // a scraper comes every few seconds
		err := s.admit(w, r, policy, &c, &noBody{})
		c.outcome.asked(c)
		if err != nil {
			s.refuseCall(w, r, policy, c, err)
			return
		}
	}
	s.Metrics.ServeHTTP(w, r)
}

// status is what a probe asks for.
type status struct {
	Status string `json:"status"`
}

const readinessPath = "/readyz"

// readiness says whether a token could be minted now. An operator may ask about
// one project; a load balancer, which has no credential, asks about all of them.
func (s *server) readiness() http.Handler {
	one := endpoint(s, routePolicy{action: projects.ReadReadiness, status: http.StatusOK}, s.projectReady)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("project") {
			one.ServeHTTP(w, r)
			return
		}
		if err := s.Ready(r.Context()); err != nil {
			s.refuse(w, r, notReady{err})
			return
		}
		s.respond(w, r, http.StatusOK, status{Status: "ready"})
	})
}

// readyQuery asks about one project.
type readyQuery struct{ project string }

func (*readyQuery) names() []string { return []string{"project"} }

func (q *readyQuery) set(_, value string) *fieldError {
	q.project = value
	return nil
}

var _ withProjectID = readyQuery{}

func (q readyQuery) projectID() string { return q.project }

func (s *server) projectReady(ctx context.Context, c call, _ readyQuery) (status, error) {
	if err := s.ProjectReady(ctx, c.project); err != nil {
		return status{}, notReady{err}
	}
	return status{Status: "ready"}, nil
}
