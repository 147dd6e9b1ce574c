// Package handlers is the HTTP face: who is calling, may they, what is
// answered.
//
// The decision a newcomer would get wrong: no handler looks at a credential, a
// permission or a status code. Adding a route names the action it needs, one
// gate (see gate) does everything else in one order, and one table (failures)
// turns errors into answers. What a caller may do is never derived from a
// path, a prefix or a header, and no header about forwarding is read.
package handlers

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"playtoken/keyrotation"
	"playtoken/projects"
	"playtoken/secret"
	"playtoken/signer"
)

// Callers knows who presents a credential. Errors: projects.ErrUnknownCaller;
// keyrotation.ErrUnavailable when it cannot be looked up.
type Callers interface {
	Identify(ctx context.Context, credential secret.Value) (projects.Caller, error)
}

// Projects finds what works for a project. A project that does not exist is
// projects.ErrNotFound. Whether the caller may see it has been decided before.
type Projects interface {
	Minter(ctx context.Context, projectID string) (signer.Minter, error)
	// Rotation is ErrNotFound, too, for a project that has no signing keys.
	Rotation(ctx context.Context, projectID string) (Rotation, error)
	// Rotating lists the ids of all projects that have signing keys.
	Rotating(ctx context.Context) ([]string, error)
}

// Rotation is what a *keyrotation.Rotator does; see there.
type Rotation interface {
	Ring(ctx context.Context) (keyrotation.Ring, error)
	Status(ctx context.Context) (keyrotation.Status, error)
	Reconcile(ctx context.Context, order keyrotation.Order) (keyrotation.Result, error)
	Activate(ctx context.Context, generation int, order keyrotation.Order) (keyrotation.Result, error)
	Rollback(ctx context.Context, generation int, order keyrotation.Order) (keyrotation.Result, error)
	Release(ctx context.Context, generation int, order keyrotation.Order) (keyrotation.Result, error)
	Revoke(ctx context.Context, generation int, order keyrotation.Order) (keyrotation.Revocation, error)
	Drift(ctx context.Context) (keyrotation.Drift, error)
	RemoveUnmanaged(ctx context.Context, keyID string, order keyrotation.Order) error
}

// Config is what the HTTP face works with. What may be nil says so.
type Config struct {
	Callers  Callers
	Projects Projects
	// Ready is nil if a token could be minted now; errors as of
	// signer.Minter.
	Ready func(context.Context) error
	Log   *slog.Logger

	// Metrics answers GET /metrics; nil: it is not here.
	Metrics http.Handler
	// Refused is told the code of every problem that somebody got instead of
	// a playback token. Nil: nobody is told.
	Refused func(code string)
	// Answered is told how every request was answered. Route is the template
	// of its path; empty if it had none. Nil: nobody is told.
	Answered func(route, method string, status int, took time.Duration)
}

type server struct{ Config }

// route is one method of one path.
type route struct {
	method, path string
	handler      http.Handler
}

// New returns the service. It starts nothing.
func New(config Config) http.Handler {
	s := &server{config}
	paths := map[string]methods{}
	for _, r := range s.routes() {
		if _, ok := paths[r.path]; !ok {
			paths[r.path] = methods{s: s, by: map[string]http.Handler{}}
		}
		paths[r.path].by[r.method] = r.handler
	}
	router := mux.NewRouter()
	for path, methods := range paths {
		router.Handle(path, s.observed(template(path), methods))
	}
	router.NotFoundHandler = s.observed("", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.refuse(w, r, errNoRoute)
	}))
	return s.entrance(router)
}

// The variable parts of a path. What does not fit one is not found.
const (
	projectPath    = "/v1/projects/{project_id}"
	generationPath = projectPath + "/signing-keys/{generation:[1-9][0-9]{0,8}}"
)

func (s *server) routes() []route {
	const get, post, remove = http.MethodGet, http.MethodPost, http.MethodDelete
	routes := []route{
		{get, "/healthz", http.HandlerFunc(s.healthz)},
		{get, "/readyz", http.HandlerFunc(s.readyz)},

		{post, "/v1/playback-tokens", gate(s, projects.Mint, http.StatusCreated, s.mintOne)},
		{post, "/v1/playback-tokens/batch", gate(s, projects.Mint, http.StatusOK, s.mintBatch)},
		{post, "/v1/playback-tokens/inspect", gate(s, projects.Inspect, http.StatusOK, s.inspect)},

		{get, projectPath + "/signing-keys", gate(s, projects.ReadKeys, http.StatusOK, s.listKeys)},
		{get, generationPath, gate(s, projects.ReadKeys, http.StatusOK, s.showKey)},
		{post, generationPath + "/revoke", gate(s, projects.WriteKeys, http.StatusOK, s.revokeKey)},
		{post, generationPath + "/activate", gate(s, projects.WriteKeys, http.StatusOK, s.operate(Rotation.Activate))},
		{post, generationPath + "/rollback", gate(s, projects.WriteKeys, http.StatusOK, s.operate(Rotation.Rollback))},
		{post, generationPath + "/release", gate(s, projects.WriteKeys, http.StatusOK, s.operate(Rotation.Release))},

		{get, projectPath + "/rotation", gate(s, projects.ReadKeys, http.StatusOK, s.rotationStatus)},
		{post, projectPath + "/rotation", gate(s, projects.WriteKeys, http.StatusOK, s.rotate)},
		{post, "/v1/rotation", gate(s, projects.RotateAll, http.StatusOK, s.rotateAll)},
		{get, projectPath + "/drift", gate(s, projects.ReadKeys, http.StatusOK, s.drift)},
		{remove, projectPath + "/platform-keys/{key_id}", gate(s, projects.WriteKeys, http.StatusOK, s.removeUnmanaged)},
	}
	if s.Metrics != nil {
		routes = append(routes, route{get, "/metrics", s.Metrics})
	}
	return routes
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
