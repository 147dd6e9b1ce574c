// Package handlers is the HTTP face: who is calling, may they, how often, what
// is answered.
//
// The decision a newcomer would get wrong: no handler looks at a credential, a
// permission or a status code. Adding a route names what it asks of the gate
// (see routePolicy), one gate does everything else in one order, and one table
// (failures) turns errors into answers. What a caller may do is never derived
// from a path, a prefix or a header, and headers about forwarding are nobody's
// business but [Config.ClientIP]'s.
package handlers

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"playtoken/audit"
	"playtoken/keyrotation"
	"playtoken/limits"
	"playtoken/platforms"
	"playtoken/projects"
	"playtoken/projects/access"
	"playtoken/projects/viewers"
	"playtoken/secret"
	"playtoken/signer"
)

// Callers knows who presents a credential. Errors: projects.ErrUnknownCaller;
// store.ErrUnavailable when it cannot be looked up.
type Callers interface {
	Identify(ctx context.Context, credential secret.Value) (projects.Caller, error)
}

// Projects finds what works for a project. A project that does not exist is
// projects.ErrNotFound. Whether the caller may see it has been decided before.
type Projects interface {
	Minter(ctx context.Context, projectID string) (signer.Minter, error)
	// Rotation is projects.ErrNoKeys for a project that has no signing keys.
	// The keys that sign access tokens are those of access.RingID.
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
	End(ctx context.Context, order keyrotation.Order) error
	Drift(ctx context.Context) (keyrotation.Drift, error)
	RemoveUnmanaged(ctx context.Context, keyID string, order keyrotation.Order) error
}

// View is projects as they were a moment ago, for what is asked at every mint.
// Errors: projects.ErrNotFound; store.ErrUnavailable for one that was
// never seen. What it returns is not changed by anybody.
type View interface {
	Project(ctx context.Context, id string) (projects.Project, error)
}

// Store is what a *projects.Store does; see there.
type Store interface {
	CreateProject(ctx context.Context, p projects.Project) (projects.Project, error)
	Project(ctx context.Context, id string) (projects.Project, error)
	Revision(ctx context.Context, id string, change func(*projects.Project) error) (was, p projects.Project, err error)
	UpdateProject(ctx context.Context, id string, change func(*projects.Project) error) (projects.Project, error)
	DeleteProject(ctx context.Context, id string) error
	Projects(ctx context.Context, page projects.Page) (projects.List[projects.Project], error)
	CountProjects(ctx context.Context, name string) (int, error)

	CreateAPIKey(ctx context.Context, projectID, name string, scopes []projects.Scope) (projects.NewAPIKey, error)
	APIKey(ctx context.Context, projectID, id string) (projects.APIKey, error)
	UpdateAPIKey(ctx context.Context, projectID, id string, change func(*projects.APIKey) error) (projects.APIKey, error)
	DeleteAPIKey(ctx context.Context, projectID, id string) error
	APIKeys(ctx context.Context, projectID string, page projects.Page) (projects.List[projects.APIKey], error)
	CountAPIKeys(ctx context.Context, projectID, name string) (int, error)
}

// Access is what an *access.Access does; see there.
type Access interface {
	Exchange(ctx context.Context, apiKey secret.Value) (access.Tokens, error)
	Refresh(ctx context.Context, refreshToken secret.Value) (access.Tokens, error)
	JWKS(ctx context.Context) ([]byte, error)
}

// Viewers is what a *viewers.Viewers does; see there.
type Viewers interface {
	Identify(ctx context.Context, project projects.Project, credential secret.Value) (projects.Caller, error)
	Entitled(ctx context.Context, project projects.Project, ask viewers.Request) error
}

// Origins knows which pages some project names.
type Origins interface {
	OriginKnown(ctx context.Context, origin string) (bool, error)
}

// Record is what an *audit.Log does; see there.
type Record interface {
	Record(ctx context.Context, e audit.Entry) error
	RecordLazily(e audit.Entry) error
}

// Config is what the HTTP face works with. What may be nil says so.
type Config struct {
	Callers  Callers
	Projects Projects
	// Ready is nil if a token could be minted now; errors as of
	// signer.Minter.
	Ready func(context.Context) error
	Log   *slog.Logger

	// View knows the policies of projects, that of projects.Default among
	// them. Nil: no project has any.
	View View
	// Store holds projects and API keys. Nil: there are no routes for them.
	Store Store
	// Access exchanges API keys for access tokens. Nil: there are no routes
	// for that.
	Access Access
	// Viewers knows who watches, and who decides whether they may. Nil:
	// viewers do not come, and a project that has a rule mints nothing.
	Viewers Viewers
	// Origins is asked by browsers' preflights. Nil: no page is known.
	Origins Origins

	// InForce fills in what a project leaves to the deployment. Nil: what it
	// leaves at 0 is shown so.
	InForce func(projects.Project) (signer.Policy, keyrotation.Policy)
	// Capabilities says what a project's account can do. Nil: nobody knows.
	Capabilities func(ctx context.Context, project projects.Project) (platforms.Capabilities, error)
	// Verdict is what a project's platform would say to a token of its own kind;
	// known is false where the keys of the project's ring tell. Nil: they always
	// do.
	Verdict func(ctx context.Context, projectID, token, videoID string, at time.Time) (verdict platforms.Verdict, known bool, err error)
	// CheckSettingsChange is asked before a project's settings change: the platform at the
	// new ones has to show the project's active key. It refuses with a
	// *keyrotation.Guard. Nil: nobody looks.
	CheckSettingsChange func(ctx context.Context, project projects.Project) error

	// Limits counts what callers do. Nil: nothing is limited, and nothing is
	// said about it.
	Limits limits.Limiter
	// MintCounter counts the mints of projects that do not limit them, only to say
	// how many there were. It is best one that asks nobody. Nil: Limits does.
	MintCounter limits.Limiter
	// ClientIP is where a request comes from, behind whatever proxies are
	// trusted. Nil: from whoever opened the connection.
	ClientIP func(*http.Request) netip.Addr

	// Record is told before every change, and afterwards how it ended. Nil:
	// nothing is recorded.
	Record Record

	// Metrics answers GET /metrics; nil: it is not here.
	Metrics http.Handler
	// Refused is told the code of every problem that somebody got instead of
	// a playback token. Nil: nobody is told.
	Refused func(code string)
	// Responded is told how every request was answered. Route is the template
	// of its path; empty if it had none. Nil: nobody is told.
	Responded func(route, method string, status int, took time.Duration)
}

type server struct{ Config }

// New returns the service. It starts nothing.
func New(config Config) http.Handler {
	s := &server{config}
	if s.MintCounter == nil {
		s.MintCounter = s.Limits
	}
	paths := map[string]methods{}
	for _, r := range s.routes() {
		if _, ok := paths[r.path]; !ok {
			paths[r.path] = methods{s: s, by: map[string]http.Handler{}}
		}
		paths[r.path].by[r.method] = r.handler
	}
	router, plain := mux.NewRouter(), map[string]http.Handler{}
	for _, path := range slices.Sorted(maps.Keys(paths)) { // what is spelt out comes before what varies
		handler := s.observed(template(path), paths[path])
		if !strings.Contains(path, "{") {
			plain[path] = handler
			continue
		}
		router.Handle(path, handler)
	}
	router.NotFoundHandler = s.observed("", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.refuse(w, r, errNoRoute)
	}))
	return s.entrance(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if handler, ok := plain[r.URL.Path]; ok { // minting among them: no pattern is tried
			handler.ServeHTTP(w, r)
			return
		}
		router.ServeHTTP(w, r)
	}))
}
