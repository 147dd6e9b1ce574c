package handlers_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"playtoken/audit"
	"playtoken/handlers"
	"playtoken/limits"
	"playtoken/platforms"
	"playtoken/projects"
	"playtoken/projects/access"
	"playtoken/projects/approvals"
	"playtoken/projects/viewers"
	"playtoken/secret"
	"playtoken/signer"
	"playtoken/store"
)

// documents is a store of documents in memory.
type documents struct {
	mu   sync.Mutex
	held map[string]store.Document
	last int64
	err  error // of every call
}

func (d *documents) Read(_ context.Context, name string) (store.Document, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	doc, ok := d.held[name]
	if d.err == nil && !ok {
		return doc, fmt.Errorf("read %s: %w", name, store.ErrNotFound)
	}
	return doc, d.err
}

func (d *documents) Write(_ context.Context, name string, data []byte, version int64) (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err == nil && d.held[name].Version != version {
		return 0, fmt.Errorf("write %s: %w", name, store.ErrConflict)
	}
	if d.err != nil {
		return 0, d.err
	}
	d.last++
	d.held[name] = store.Document{Data: data, Version: d.last}
	return d.last, nil
}

func (d *documents) Delete(_ context.Context, name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.held, name)
	return d.err
}

// exchanger knows one API key and makes one access token of it.
type exchanger struct {
	apiKey string
	owner  projects.Caller // of the refresh token
	used   bool            // the refresh token
	err    error
}

const accessToken, refreshToken = "aaa.bbb.ccc", "refresh-1"

func (e *exchanger) Exchange(_ context.Context, apiKey secret.Value) (access.Tokens, error) {
	return e.answer(apiKey.Equal(e.apiKey))
}

func (e *exchanger) Refresh(_ context.Context, token secret.Value) (access.Tokens, error) {
	if e.used && token.Equal(refreshToken) {
		return access.Tokens{}, access.ErrReused
	}
	return e.answer(token.Equal(refreshToken))
}

func (e *exchanger) Owner(_ context.Context, token secret.Value) (projects.Caller, error) {
	if e.err != nil || !token.Equal(refreshToken) {
		return projects.Caller{}, cmp.Or(e.err, access.ErrCredentials)
	}
	return e.owner, nil
}

func (e *exchanger) answer(good bool) (access.Tokens, error) {
	if e.err != nil {
		return access.Tokens{}, e.err
	}
	if !good {
		return access.Tokens{}, access.ErrCredentials
	}
	return access.Tokens{Access: secret.New(accessToken), Refresh: secret.New(refreshToken), ExpiresIn: time.Hour}, nil
}

func (e *exchanger) Revoke(_ context.Context, token secret.Value) error {
	_, err := e.answer(token.Equal(refreshToken))
	return err
}

func (e *exchanger) TokenOwner(_ context.Context, token secret.Value) (projects.Caller, error) {
	if e.err != nil || !token.Equal(accessToken) {
		return projects.Caller{}, cmp.Or(e.err, access.ErrCredentials)
	}
	return e.owner, nil
}

func (e *exchanger) EndToken(_ context.Context, token secret.Value) error {
	_, err := e.answer(token.Equal(accessToken))
	return err
}

func (e *exchanger) JWKS(context.Context) ([]byte, error) { return []byte(`{"keys":[]}`), e.err }

// audience identifies viewers by tokens like "viewer.alice.sig", and refuses them
// the videos that a test lists.
type audience struct {
	mu      sync.Mutex
	refuses map[string]bool
	err     error
	asked   []viewers.Request
}

func (a *audience) Identify(_ context.Context, p projects.Project, token secret.Value) (projects.Caller, error) {
	parts := strings.Split(token.Reveal(), ".")
	if a.err != nil {
		return projects.Caller{}, a.err
	}
	if parts[0] != "viewer" {
		return projects.Caller{}, fmt.Errorf("%w: not a viewer", projects.ErrUnknownCaller)
	}
	viewer := &projects.Viewer{Issuer: p.ViewerPolicy.Issuers[0].URL, Subject: parts[1], Claims: map[string]any{"plan": "gold"}}
	return projects.Caller{ID: "viewer:" + parts[1], ProjectID: p.ID, Viewer: viewer}, nil
}

func (a *audience) Entitled(_ context.Context, _ projects.Project, ask viewers.Request) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, ask)
	if a.refuses[ask.VideoID] {
		return &viewers.NotEntitled{Rule: "rule"}
	}
	return nil
}

func (a *audience) Try(_ context.Context, rule, _ string, sample *viewers.Sample) viewers.Trial {
	trial := viewers.Trial{Ran: sample != nil, Entitled: true}
	if rule == "wrong" {
		trial = viewers.Trial{Fault: &viewers.RuleError{Line: 1, Column: 2, Message: "what is wrong"}}
	}
	return trial
}

// record keeps audit entries in a short form.
type record struct {
	mu      sync.Mutex
	err     error
	entries []audit.Entry
}

func (r *record) Record(_ context.Context, e audit.Entry) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.entries = append(r.entries, e)
	}
	return r.err
}

func (r *record) RecordLazily(e audit.Entry) error { return r.Record(context.Background(), e) }

func (r *record) short() (lines []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.entries {
		lines = append(lines, strings.Join(strings.Fields(fmt.Sprint(e.Actor, " ", e.Action, " ", e.Project, " ", e.Subject, " ", e.Result, " ", e.Reason)), " "))
	}
	return lines
}

// counter is a limiter whose period never ends.
type counter struct {
	mu    sync.Mutex
	taken map[string]int
}

func (l *counter) Take(_ context.Context, caller string, limit limits.Limit, n int) limits.State {
	l.mu.Lock()
	defer l.mu.Unlock()
	state := limits.State{Limit: limit, Allowed: l.taken[caller]+n <= limit.Count}
	if state.Allowed {
		l.taken[caller] += n
	} else {
		state.Retry = 1500 * time.Millisecond
	}
	state.Remaining, state.Reset = limit.Count-l.taken[caller], 30*time.Second
	return state
}

// deployment is a service with everything: an own project, another one with
// nothing to do with it, and one that is gone.
type deployment struct {
	*world
	documents *documents
	projects  *projects.Store
	access    *exchanger
	signIn    *signIn
	audience  *audience
	record    *record
	counter   *counter
	moved     error
	asked     []projects.Project // what CheckSettingsChange was asked about
	examined  []projects.Project // what ExamineAccount was asked about
	rotations map[string]*rotation
	subjects  []handlers.Subject // what doctor was asked about

	own, other, gone projects.Project
	keys             map[projects.Scope]string // of own
	operators        map[projects.Role]projects.NewAdminKey
	lost             string // of gone

	keySet    handlers.PublishedKeys // of own
	keySetErr error
}

const page, viewerToken = "https://www.example.com", "viewer.alice.sig"

var kinds = projects.Kinds{"vidbeo": platforms.Kind{
	Name:        "vidbeo",
	Settings:    []platforms.Member{{Name: "url", Receives: true}, {Name: "hls_url"}},
	Credentials: []platforms.Member{{Name: "api_key", Required: true}},
	Open: func(platforms.Account) (platforms.Platform, error) {
		return platforms.Platform{Shape: shape{}, URLs: []string{"hls"}}, nil
	},
}}

// Identify knows every caller of this deployment.
func (d *deployment) identify(view *projects.View) func(context.Context, secret.Value) (projects.Caller, error) {
	environment := projects.EnvironmentKeys{AdminKey: secret.New(adminKey), APIKey: secret.New(apiKey)}
	return func(ctx context.Context, credential secret.Value) (projects.Caller, error) {
		switch {
		case strings.HasPrefix(credential.Reveal(), "pt"):
			return view.Identify(ctx, credential)
		case credential.Equal(accessToken):
			return projects.Caller{ID: "api_key_access", ProjectID: d.own.ID, Scopes: []projects.Scope{projects.ScopeMint}}, nil
		}
		return environment.Identify(ctx, credential)
	}
}

type identifier func(context.Context, secret.Value) (projects.Caller, error)

func (i identifier) Identify(ctx context.Context, c secret.Value) (projects.Caller, error) {
	return i(ctx, c)
}

func (d *deployment) Minter(ctx context.Context, id string) (signer.Minter, error) {
	if _, err := d.projects.Project(ctx, id); err != nil {
		return nil, err
	}
	return d.minter, nil
}

func (d *deployment) Rotation(ctx context.Context, id string) (handlers.Rotation, error) {
	if _, err := d.projects.Project(ctx, id); err != nil {
		return nil, err
	}
	if r, ok := d.rotations[id]; ok {
		return r, nil
	}
	return d.world.rotation, nil
}

func (d *deployment) Rotating(ctx context.Context) ([]string, error) {
	return d.projects.ProjectIDs(ctx)
}

// deploy starts a deployment. It must be closed by the returned function.
func deploy(t testing.TB, change ...func(*handlers.Config)) (*deployment, func()) {
	t.Helper()
	w, done := newWorld(t)
	d := &deployment{
		world: w, documents: &documents{held: map[string]store.Document{}}, access: &exchanger{}, signIn: &signIn{}, record: &record{},
		audience: &audience{refuses: map[string]bool{}}, counter: &counter{taken: map[string]int{}}, rotations: map[string]*rotation{},
		keys: map[projects.Scope]string{}, operators: map[projects.Role]projects.NewAdminKey{},
	}
	d.projects = projects.NewStore(d.documents, kinds)
	view := projects.NewView(d.projects, 1, 0) // nothing is ever remembered
	config := handlers.Config{
		Callers: identifier(d.identify(view)), Projects: d, Ready: w.minter.Ready, ProjectReady: w.projectReady, Log: w.logger,
		View: view, Store: d.projects, Access: d.access, SignIn: d.signIn, Viewers: d.audience, Origins: view,
		Capabilities: func(context.Context, projects.Project) (platforms.Capabilities, error) {
			return platforms.Platform{Shape: shape{}, URLs: []string{"hls"}}.Capabilities(), nil
		},
		Approvals:           &approvals.Store{Documents: d.documents},
		CheckSettingsChange: func(_ context.Context, p projects.Project) error { d.asked = append(d.asked, p); return d.moved },
		ExamineAccount: func(_ context.Context, p projects.Project) (handlers.AccountCheck, error) {
			d.examined = append(d.examined, p)
			return handlers.AccountCheck{Outcome: handlers.AccountAccepted, Detail: "It answers."}, nil
		},
		Limits: d.counter, Record: d.record, Searcher: searcher(func(audit.Query) (audit.Found, error) { return audit.Found{}, nil }),
		SDK: librarian{}, Published: d.published, Doctor: d,
	}
	for _, c := range change {
		c(&config)
	}
	d.populate(t)
	w.Handler = validated(t, handlers.New(config))
	return d, func() { view.Close(); done() }
}

// sdkVersion is the one version of the package playtoken that a librarian has.
const sdkVersion = "0.1.0"

// librarian has one file of it.
type librarian struct{}

func (librarian) Version() string { return sdkVersion }

func (librarian) Serve(w http.ResponseWriter, _ *http.Request, version, file string) bool {
	if version != sdkVersion || file != "index.js" {
		return false
	}
	h := w.Header()
	h.Set("Content-Type", "text/javascript; charset=utf-8")
	h.Set("Cache-Control", "public")
	h.Set("ETag", `"1"`)
	h.Set("Access-Control-Allow-Origin", "*")
	_, err := io.WriteString(w, "export {};")
	return err == nil
}

func (d *deployment) populate(t testing.TB) {
	t.Helper()
	ctx := t.Context()
	made := func(name string) projects.Project {
		p, err := d.projects.CreateProject(ctx, projects.Project{
			Name: name, Platform: "vidbeo", Credential: map[string]secret.Value{"api_key": secret.New("canary-credential")},
		})
		key, keyErr := d.projects.CreateAPIKey(ctx, projects.APIKey{ProjectID: p.ID, Name: "k", Scopes: []projects.Scope{projects.ScopeMint}})
		if err := errors.Join(err, keyErr); err != nil {
			t.Fatal(err)
		}
		d.lost = key.Value.Reveal()
		return p
	}
	d.own, d.other, d.gone = made("own"), made("other"), made("gone")
	for _, scope := range []projects.Scope{projects.ScopeMint, projects.ScopeKeys, projects.ScopeRead} {
		key, err := d.projects.CreateAPIKey(ctx, projects.APIKey{ProjectID: d.own.ID, Name: string(scope), Scopes: []projects.Scope{scope}})
		if err != nil {
			t.Fatal(err)
		}
		d.keys[scope] = key.Value.Reveal()
	}
	for _, role := range []projects.Role{projects.RoleAuditor, projects.RoleOperator} {
		key, err := d.projects.CreateAdminKey(ctx, "the "+string(role), role, nil)
		if err != nil {
			t.Fatal(err)
		}
		d.operators[role] = key
	}
	d.access.apiKey = d.keys[projects.ScopeMint]
	d.change(t, func(p *projects.Project) {
		p.ViewerPolicy.Issuers = []projects.Issuer{{URL: "https://login.example.com", Audiences: []string{"player"}}}
		p.ViewerPolicy.Origins = []string{page}
	})
	if err := d.projects.DeleteProject(ctx, d.gone.ID); err != nil {
		t.Fatal(err)
	}
	d.rotations[d.own.ID] = d.rotation
}

// change changes the project own.
func (d *deployment) change(t testing.TB, change func(*projects.Project)) {
	t.Helper()
	var err error
	if d.own, err = d.projects.UpdateProject(t.Context(), d.own.ID, func(p *projects.Project) error { change(p); return nil }); err != nil {
		t.Fatal(err)
	}
}

// short is a response in a few characters.
func short(got *httptest.ResponseRecorder) string {
	body := got.Body.String()
	if _, code, ok := strings.Cut(body, `"code":"`); ok {
		return fmt.Sprint(got.Code, " ", code[:strings.Index(code, `"`)])
	}
	return fmt.Sprint(got.Code)
}
