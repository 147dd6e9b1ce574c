// Package handlers is the HTTP API: it identifies the caller, checks permissions
// and limits, records changes, and writes the response. The command line calls it
// too, so that every action has one implementation.
//
// The decision a newcomer would get wrong: the function of a route never looks at
// a credential, a permission or a status code. A route states its requirements as
// a routePolicy, endpoint checks them in one order for all routes, and one table,
// failures, turns errors into responses. What a caller may do is never derived
// from a path, a prefix or a header, and only [Config.ClientIP] reads headers
// about forwarding.
package handlers

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/mux"

	"playtoken/audit"
	"playtoken/keyrotation"
	"playtoken/limits"
	"playtoken/logs"
	"playtoken/platforms"
	"playtoken/platforms/lint"
	"playtoken/projects"
	"playtoken/projects/access"
	"playtoken/projects/approvals"
	"playtoken/projects/viewers"
	"playtoken/secret"
	"playtoken/signer"
)

// Callers finds the caller that a credential belongs to. Errors:
// projects.ErrUnknownCaller; store.ErrUnavailable when it cannot be looked up.
type Callers interface {
	Identify(ctx context.Context, credential secret.Value) (projects.Caller, error)
}

// Projects opens projects. Errors: projects.ErrNotFound for a project that does
// not exist. Permissions were checked before.
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
	// Confirm: keyID is empty if the ring knows it.
	Confirm(ctx context.Context, generation int, keyID string, order keyrotation.Order) (keyrotation.Result, error)
	ConfirmRemoved(ctx context.Context, generation int, order keyrotation.Order) (keyrotation.Result, error)
	Revoke(ctx context.Context, generation int, order keyrotation.Order) (keyrotation.Revocation, error)
	PreviewRevoke(ctx context.Context, generation int) (keyrotation.Revocation, error)
	EndSessions(ctx context.Context, which keyrotation.SessionsOf, order keyrotation.Order) (recorded bool, err error)
	End(ctx context.Context, order keyrotation.Order) error
	Drift(ctx context.Context) (keyrotation.Drift, error)
	RemoveUnmanaged(ctx context.Context, keyID string, order keyrotation.Order) error
}

// View reads projects from a cache, for every mint. What it returns may be a few
// seconds old and must not be modified. Errors: projects.ErrNotFound;
// store.ErrUnavailable for a project that was never read.
type View interface {
	Project(ctx context.Context, id string) (projects.Project, error)
}

// Store is what a *projects.Store does; see there.
type Store interface {
	CreateProject(ctx context.Context, p projects.Project) (projects.Project, error)
	Project(ctx context.Context, id string) (projects.Project, error)
	CheckForm(p projects.Project) error
	Revision(ctx context.Context, id string, change func(*projects.Project) error) (was, p projects.Project, err error)
	UpdateProject(ctx context.Context, id string, change func(*projects.Project) error) (projects.Project, error)
	DeleteProject(ctx context.Context, id string) error
	Projects(ctx context.Context, page projects.Page) (projects.List[projects.Project], error)
	CountProjects(ctx context.Context, name string) (int, error)

	CreateAPIKey(ctx context.Context, k projects.APIKey) (projects.NewAPIKey, error)
	APIKey(ctx context.Context, projectID, id string) (projects.APIKey, error)
	UpdateAPIKey(ctx context.Context, projectID, id string, change func(*projects.APIKey) error) (projects.APIKey, error)
	EndTokens(ctx context.Context, projectID, id string) error
	DeleteAPIKey(ctx context.Context, projectID, id string) error
	APIKeys(ctx context.Context, projectID string, page projects.Page) (projects.List[projects.APIKey], error)
	CreateAdminKey(ctx context.Context, name string, role projects.Role, expiresAt *time.Time) (projects.NewAdminKey, error)
	DeleteAdminKey(ctx context.Context, id string) error
	AdminKeys(ctx context.Context, page projects.Page) (projects.List[projects.AdminKey], error)
	CountAPIKeys(ctx context.Context, projectID, name string) (int, error)
}

// Access is what an *access.Access does; see there.
type Access interface {
	Exchange(ctx context.Context, apiKey secret.Value) (access.Tokens, error)
	Refresh(ctx context.Context, refreshToken secret.Value) (access.Tokens, error)
	Owner(ctx context.Context, refreshToken secret.Value) (projects.Caller, error)
	Revoke(ctx context.Context, refreshToken secret.Value) error
	TokenOwner(ctx context.Context, accessToken secret.Value) (projects.Caller, error)
	EndToken(ctx context.Context, accessToken secret.Value) error
	JWKS(ctx context.Context) ([]byte, error)
}

// Viewers is what a *viewers.Viewers does; see there.
type Viewers interface {
	Identify(ctx context.Context, project projects.Project, credential secret.Value) (projects.Caller, error)
	Entitled(ctx context.Context, project projects.Project, ask viewers.Request) error
	Try(ctx context.Context, rule, projectID string, sample *viewers.Sample) viewers.Trial
}

// Origins reports whether at least one project lists the origin of a page. Before
// it reads the store about an origin that it does not hold, it calls admit, and
// returns its error.
type Origins interface {
	OriginKnown(ctx context.Context, origin string, admit func() error) (bool, error)
}

// Record is what an *audit.Log does; see there.
type Record interface {
	Record(ctx context.Context, e audit.Entry) error
	RecordLazily(e audit.Entry) error
}

// Config is what the HTTP API works with. Fields that may be nil say so.
type Config struct {
	Callers  Callers
	Projects Projects
	// Ready returns nil if a token could be minted now, of which project is all
	// the same. Errors: as of signer.Minter.
	Ready func(context.Context) error
	// ProjectReady is Ready for one project. Errors: projects.ErrNotFound, too.
	ProjectReady func(ctx context.Context, projectID string) error
	Log          *slog.Logger

	// View reads the policies of projects, projects.Default among them. Nil: no
	// project has policies.
	View View
	// Store holds projects and API keys. Nil: their routes do not exist.
	Store Store
	// Access exchanges API keys for access tokens. Nil: its routes do not exist.
	Access Access
	// SignIn signs operators in with their identity provider. Nil: its routes do
	// not exist.
	SignIn SignIn
	// Secure marks cookies as for encrypted connections only.
	Secure bool
	// Doctor examines the deployment. Nil: its routes do not exist.
	Doctor Doctor
	// Approvals keeps what waits for a second operator. Nil: its routes do not
	// exist, and no act waits.
	Approvals Approvals
	// MustWait are the kinds of acts that wait.
	MustWait []approvals.Kind
	// Viewers identifies viewers and evaluates rules and webhooks. Nil: viewers
	// are unknown callers, and a project with a rule or webhook mints nothing.
	Viewers Viewers
	// Origins decides browsers' preflights. Nil: no page is allowed.
	Origins Origins

	// InForce returns a project's policies with the deployment's defaults. Nil: a
	// policy that a project does not set is shown as 0.
	InForce func(projects.Project) (signer.Policy, keyrotation.Policy)
	// Kinds are the platforms that a project may be on, by name. Nil: there are
	// none.
	Kinds map[string]platforms.Kind
	// Published returns the public keys that the verifiers of a project fetch. Errors:
	// projects.ErrNotFound, also for a project whose verifiers fetch none;
	// store.ErrUnavailable. Nil: the route does not exist.
	Published func(ctx context.Context, projectID string) (PublishedKeys, error)
	// Capabilities says what a project's platform can do. Nil: it is shown as
	// unknown.
	Capabilities func(ctx context.Context, project projects.Project) (platforms.Capabilities, error)
	// Verdict verifies a token of a platform whose tokens are its own kind. Known
	// is false if the project's tokens are verified with its signing keys. Nil:
	// all are.
	Verdict func(ctx context.Context, projectID, token, videoID string, at time.Time) (verdict platforms.Verdict, known bool, err error)
	// Expects says what the tokens of a project's platform are like, for advice on
	// tokens that others have made; nil if they are not JWTs. Nil: there is no advice.
	Expects func(ctx context.Context, projectID string) (*lint.Expected, error)
	// Judge returns how a project's platform judges tokens. Nil: no platform does.
	Judge func(ctx context.Context, projectID string) (Judging, error)
	// Examine returns the Examine of a project's platform. Nil: no platform has one.
	Examine func(ctx context.Context, projectID string) (func(token, videoID string, at time.Time, want lint.Expected) platforms.Examined, error)
	// CheckSettingsChange is called before a project's settings or platform change. It
	// returns a *keyrotation.Guard unless the platform shows the project's active
	// key under the new settings. Nil: settings change unchecked.
	CheckSettingsChange func(ctx context.Context, project projects.Project) error
	// CheckCredential is called before a project gets another credential. Errors:
	// *projects.Invalid if the platform refuses it; *keyrotation.Guard if it is that
	// of an account without the active key; projects.ErrUnchecked if the platform
	// does not say. Nil: it is not checked.
	CheckCredential func(ctx context.Context, project projects.Project) error
	// ExamineAccount asks a platform about an account that is in form, of a project
	// that may not exist yet. Errors: those of the store. Nil: it is not asked.
	ExamineAccount func(ctx context.Context, project projects.Project) (AccountCheck, error)

	// StopWithCaller ends a rotation when its caller is gone, for a caller that
	// is this process: the rotation must not keep it alive, and the next one
	// continues what was begun. Revocations are not stopped.
	StopWithCaller bool

	// Limits counts requests. Nil: nothing is limited, and responses have no
	// headers about limits.
	Limits limits.Limiter
	// MintCounter counts the mints of projects that do not limit them, only for
	// the headers. It should be one in memory. Nil: Limits.
	MintCounter limits.Limiter
	// ClientIP returns the client's address, behind the trusted proxies. Nil: the
	// connection's peer is the client.
	ClientIP func(*http.Request) netip.Addr

	// Record gets an entry before every change, and one about its outcome. Nil:
	// nothing is recorded.
	Record Record
	// Searcher finds entries of the audit log. Nil: it cannot be read.
	Searcher Searcher

	// SDK has the files of the package playtoken, for pages. Nil: the route does
	// not exist.
	SDK SDK

	// Metrics handles GET /metrics. Nil: the route does not exist.
	Metrics http.Handler
	// Refused is called with the code of each problem that a caller got instead
	// of a playback token, and the project if it is known and exists. May be nil.
	Refused func(project, code string)
	// Responded is called after each response. May be nil.
	Responded func(context.Context, Response)
	// Logged says of a response's status, and of whether the request manages
	// something, whether the request is logged. Failures are logged in any case.
	// Nil: only these.
	Logged func(status int, management bool) bool
	// TraceID returns the id of the trace that a request belongs to. Nil: it is that
	// of the header traceparent.
	TraceID func(*http.Request) string
	// Proxied reports whether a request comes from a proxy that is trusted, whose
	// X-Request-Id is then the request's id, except in the audit record. Nil: none
	// does.
	Proxied func(*http.Request) bool
}

// server has the routes' functions as methods.
type server struct {
	Config
	bursts  bursts
	buffers sync.Pool // of *bytes.Buffer, for responses
	probes  logs.Probes
	waiting map[string]waitingAct // by the name of the record
}

// New returns the handler of the HTTP API. It starts no goroutines.
func New(config Config) http.Handler {
	s := &server{Config: config, waiting: map[string]waitingAct{}}
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
	for _, path := range slices.Sorted(maps.Keys(paths)) { // a fixed segment sorts before a variable
		handler := routed(template(path), paths[path])
		if !strings.Contains(path, "{") {
			plain[path] = handler
			continue
		}
		router.Handle(path, handler)
	}
	router.NotFoundHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.refuse(w, r, errNoRoute)
	})
	return s.entrance(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if handler, ok := plain[r.URL.Path]; ok { // for minting among others, no pattern is tried
			handler.ServeHTTP(w, r)
			return
		}
		router.ServeHTTP(w, r)
	}))
}
