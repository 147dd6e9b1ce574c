package handlers

import (
	"net/http"

	"playtoken/projects"
)

// route is one method of one path.
type route struct {
	method, path string
	handler      http.Handler
}

// The variable parts of a path. What does not fit one is not found.
const (
	tokensPath     = "/v1/playback-tokens"
	projectsPath   = "/v1/projects"
	projectPath    = projectsPath + "/{project_id}"
	generationPath = projectPath + "/signing-keys/{generation:[1-9][0-9]{0,8}}"
	apiKeysPath    = projectPath + "/api-keys"
	apiKeyPath     = apiKeysPath + "/{api_key_id}"
	mediaPath      = projectPath + "/media/{media_id}"
)

const (
	get, post, patch = http.MethodGet, http.MethodPost, http.MethodPatch
	remove, options  = http.MethodDelete, http.MethodOptions
)

// routes lists all of them.
func (s *server) routes() []route {
	routes := []route{
		{get, "/healthz", http.HandlerFunc(s.healthz)},
		{get, "/readyz", http.HandlerFunc(s.readyz)},
		{get, "/openapi.json", http.HandlerFunc(s.openapi)},
	}
	routes = append(routes, s.tokenRoutes()...)
	routes = append(routes, s.keyRoutes()...)
	if s.Access != nil {
		routes = append(routes, s.authRoutes()...)
	}
	if s.Store != nil {
		routes = append(routes, s.projectRoutes()...)
	}
	if s.Metrics != nil {
		routes = append(routes, route{get, "/metrics", s.Metrics})
	}
	return routes
}

// tokenRoutes are for viewers and their backends.
func (s *server) tokenRoutes() []route {
	minted := duty{action: projects.Mint, status: http.StatusOK}
	made := duty{action: projects.Mint, status: http.StatusCreated, viewers: true}
	signed := duty{action: projects.Mint, status: http.StatusOK, viewers: true}
	routes := []route{
		{post, tokensPath, gate(s, made, s.mintOne)},
		{options, tokensPath, http.HandlerFunc(s.preflight)},
		{post, tokensPath + "/batch", gate(s, minted, s.mintBatch)},
		{post, tokensPath + "/inspect", gate(s, duty{action: projects.Inspect, status: http.StatusOK}, s.inspect)},

		{post, mediaPath + "/sign_all_public/drm/{policy_id}", gate(s, signed, s.signAll)},
		{options, mediaPath + "/sign_all_public/drm/{policy_id}", http.HandlerFunc(s.preflight)},
	}
	for _, form := range []string{"/sign", "/sign/drm/{policy_id}", "/sign_public/drm/{policy_id}"} {
		routes = append(routes,
			route{post, mediaPath + form, gate(s, signed, s.sign)},
			route{options, mediaPath + form, http.HandlerFunc(s.preflight)})
	}
	return routes
}

// keyRoutes are for operators and cron.
func (s *server) keyRoutes() []route {
	look := duty{action: projects.ReadKeys, status: http.StatusOK}
	order := func(record string) duty {
		return duty{action: projects.WriteKeys, status: http.StatusOK, record: record}
	}
	revoke := order("signing_key.revoke")
	revoke.urgent = true
	all := duty{action: projects.RotateAll, status: http.StatusOK, record: "rotation.all"}
	lookAtAll := duty{action: projects.ListProjects, status: http.StatusOK}
	return []route{
		{get, projectPath + "/signing-keys", gate(s, look, s.listKeys)},
		{get, generationPath, gate(s, look, s.showKey)},
		{post, generationPath + "/revoke", gate(s, revoke, s.revokeKey)},
		{post, generationPath + "/activate", gate(s, order("signing_key.activate"), s.operate(Rotation.Activate))},
		{post, generationPath + "/rollback", gate(s, order("signing_key.rollback"), s.operate(Rotation.Rollback))},
		{post, generationPath + "/release", gate(s, order("signing_key.release"), s.operate(Rotation.Release))},

		{get, projectPath + "/rotation", gate(s, look, s.rotationStatus)},
		{post, projectPath + "/rotation", gate(s, order("rotation"), s.rotate)},
		{get, "/v1/rotation", gate(s, lookAtAll, s.allStatus)},
		{post, "/v1/rotation", gate(s, all, s.rotateAll)},
		{get, projectPath + "/drift", gate(s, look, s.drift)},
		{remove, projectPath + "/platform-keys/{key_id}", gate(s, order("platform_key.delete"), s.removeUnmanaged)},
	}
}

// authRoutes are for whoever holds an API key and wants something disposable.
// The second pair is where clients look that put its paths behind an address
// of their own choice.
func (s *server) authRoutes() []route {
	exchanged, refreshed := duty{status: http.StatusOK, record: "api_key.exchange"}, duty{status: http.StatusOK}
	var routes []route
	for _, version := range []string{"/v1", ""} {
		routes = append(routes,
			route{post, version + "/auth/api-key", gate(s, exchanged, s.exchange)},
			route{post, version + "/auth/refresh", gate(s, refreshed, s.refresh)})
	}
	return append(routes, route{get, "/.well-known/jwks.json", http.HandlerFunc(s.jwks)})
}

// projectRoutes are for whoever keeps the whole deployment.
func (s *server) projectRoutes() []route {
	look := func(action projects.Action) duty { return duty{action: action, status: http.StatusOK} }
	change := func(action projects.Action, status int, record string) duty {
		return duty{action: action, status: status, record: record}
	}
	return []route{
		{get, projectsPath, gate(s, look(projects.ListProjects), s.listProjects)},
		{post, projectsPath, gate(s, change(projects.CreateProject, http.StatusCreated, "project.create"), s.createProject)},
		{get, projectsPath + "/count", gate(s, look(projects.ListProjects), s.countProjects)},
		{get, projectPath, gate(s, look(projects.ReadProject), s.showProject)},
		{patch, projectPath, gate(s, change(projects.WriteProject, http.StatusOK, "project.update"), s.updateProject)},
		{remove, projectPath, gate(s, change(projects.DeleteProject, http.StatusNoContent, "project.delete"), s.deleteProject)},

		{get, apiKeysPath, gate(s, look(projects.ReadAPIKeys), s.listAPIKeys)},
		{post, apiKeysPath, gate(s, change(projects.WriteAPIKeys, http.StatusCreated, "api_key.create"), s.createAPIKey)},
		{get, apiKeysPath + "/count", gate(s, look(projects.ReadAPIKeys), s.countAPIKeys)},
		{get, apiKeyPath, gate(s, look(projects.ReadAPIKeys), s.showAPIKey)},
		{patch, apiKeyPath, gate(s, change(projects.WriteAPIKeys, http.StatusOK, "api_key.update"), s.updateAPIKey)},
		{remove, apiKeyPath, gate(s, change(projects.WriteAPIKeys, http.StatusNoContent, "api_key.delete"), s.deleteAPIKey)},
	}
}

// healthz says that the process answers, and nothing else.
func (s *server) healthz(w http.ResponseWriter, r *http.Request) {
	s.answer(w, r, http.StatusOK, map[string]string{"status": "ok"})
}

// readyz says whether a token could be minted now.
func (s *server) readyz(w http.ResponseWriter, r *http.Request) {
	if err := s.Ready(r.Context()); err != nil {
		s.refuse(w, r, notReady{err})
		return
	}
	s.answer(w, r, http.StatusOK, map[string]string{"status": "ready"})
}
