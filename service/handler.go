package service

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"os/user"
	"strconv"
	"strings"
	"time"

	"playtoken/handlers"
	"playtoken/limits"
	"playtoken/logs"
	"playtoken/platforms"
	"playtoken/platforms/lint"
	"playtoken/projects"
	"playtoken/projects/access"
	"playtoken/projects/approvals"
	"playtoken/projects/operators"
	"playtoken/secret"
	"playtoken/settings"
	"playtoken/tracing"
	"playtoken/web"
)

// Handler returns the HTTP API for callers on a network. It is called at most
// once. Errors: settings.Error.
func (s *Service) Handler() (http.Handler, error) {
	limiter, err := s.openLimiter()
	if err != nil {
		return nil, err
	}
	c := s.handlerConfig()
	if c.SDK, err = web.NewSDK(); err != nil {
		return nil, err
	}
	c.Callers = callers{environment: s.environmentKeys, keys: s.view, tokens: s.access, sessions: s.signIn}
	c.Limits, c.MintCounter, c.ClientIP = limiter, limits.NewLocal(), s.clientIP
	c.Ready, c.ProjectReady, c.Refused, c.Responded = s.Ready, s.ProjectReady, s.Metrics.Refused, s.responded
	c.Logged = logs.Requests(s.Settings.Log.Requests).Includes
	c.Proxied = func(r *http.Request) bool { return limits.FromProxy(r.RemoteAddr, s.Settings.TrustedProxies) }
	if s.Settings.MetricsListen == "" {
		c.Metrics = s.Metrics.Handler(s.log)
	}
	if s.tracer != nil {
		c.TraceID = func(r *http.Request) string { return tracing.TraceID(r.Context()) }
	}
	api := handlers.New(c)
	if !s.Settings.HasConsole() {
		return s.tracer.Handler(api), nil
	}
	if s.console, err = s.newConsole(api); err != nil {
		return nil, err
	}
	s.onClose(s.console.Close)
	if s.Settings.ConsoleListen != "" {
		return s.tracer.Handler(api), nil
	}
	return s.tracer.Handler(withConsole(s.console, api)), nil
}

// responded counts a response, and tells its span what it was.
func (s *Service) responded(ctx context.Context, r handlers.Response) {
	s.Metrics.Responded(r.Route, r.Method, r.Status, r.Took)
	s.tracer.Tell(ctx, tracing.Request{
		Method: r.Method, Route: r.Route, Project: r.Project, Caller: r.Caller, ID: r.RequestID, ProblemCode: r.Code,
	})
}

// LocalHandler returns the same API for the person or cron job that runs this
// process: the local operator holds the store's credential, may do everything,
// and is not counted against limits.
func (s *Service) LocalHandler() http.Handler {
	c := s.handlerConfig()
	c.Callers, c.StopWithCaller = localOperator{name: ProcessUser()}, true
	return handlers.New(c)
}

// handlerConfig is what both handlers have in common.
func (s *Service) handlerConfig() handlers.Config {
	c := handlers.Config{
		Projects: s.tenants, View: s.view, Store: s.Projects, Access: s.access, Viewers: s.Viewers, Origins: s.view,
		InForce: s.inForceToStore, Kinds: s.Kinds, Published: s.tenants.Published, Capabilities: s.capabilities, CheckSettingsChange: s.checkSettingsChange, CheckCredential: s.checkCredential, ExamineAccount: s.examineAccount,
		Verdict: s.verdict, Expects: s.expects, Judge: s.judge, Examine: s.examine, Record: s.audit, Searcher: s.audit, Log: s.log,
		Approvals: &approvals.Store{Documents: s.Storage.Store, Permit: s.Storage.Permit}, MustWait: s.mustWait(),
		Secure: strings.HasPrefix(s.Settings.PublicURL, "https:"),
	}
	if s.doctor != nil {
		c.Doctor = s.doctor
	}
	if s.signIn != nil {
		c.SignIn = s.signIn
	}
	return c
}

// mustWait are the kinds of acts that wait for a second operator.
func (s *Service) mustWait() (kinds []approvals.Kind) {
	for _, word := range s.Settings.Approvals {
		kinds = append(kinds, approvals.Kind(word))
	}
	return kinds
}

// localOperator identifies every caller as the person who runs this process.
type localOperator struct{ name string }

func (o localOperator) Identify(context.Context, secret.Value) (projects.Caller, error) {
	return projects.Caller{ID: projects.LocalOperator, Name: o.name, Role: projects.RoleAdmin}, nil
}

// ProcessUser is the user that this process runs as, as the operating system
// knows them: no variable of the environment can change it.
func ProcessUser() string {
	if user, err := user.LookupId(strconv.Itoa(os.Getuid())); err == nil {
		return user.Username
	}
	return "user " + strconv.Itoa(os.Getuid())
}

// callers knows the callers that the environment names, and those that present
// an API key or an access token. Each is asked only about what has the form of
// its own, so a guessed credential costs as little as it can.
type callers struct {
	environment func() projects.EnvironmentKeys
	keys        *projects.View
	tokens      *access.Access
	sessions    *operators.SignIn // nil: operators do not sign in
}

// Identify implements [handlers.Callers].
func (c callers) Identify(ctx context.Context, credential secret.Value) (projects.Caller, error) {
	caller, err := c.environment().Identify(ctx, credential)
	if err == nil && caller.Operates() {
		c.keys.Used(caller.ID)
	}
	if errors.Is(err, projects.ErrUnknownCaller) {
		caller, err = c.keys.Identify(ctx, credential)
	}
	if errors.Is(err, projects.ErrUnknownCaller) {
		caller, err = c.tokens.Identify(ctx, credential)
	}
	if errors.Is(err, projects.ErrUnknownCaller) && c.sessions != nil {
		caller, err = c.sessions.Identify(ctx, credential)
	}
	return caller, err
}

// environmentKeys are those that the settings have now.
func (s *Service) environmentKeys() projects.EnvironmentKeys { return *s.keys.Load() }

// capabilities says what a project's account can do. The account is opened as it
// is stored, and not as the tenant had it a moment ago. Opening sends nothing
// and starts nothing (see [platforms.Kind]), so there is nothing to close, and a
// page of a hundred projects takes about a millisecond.
func (s *Service) capabilities(_ context.Context, project projects.Project) (platforms.Capabilities, error) {
	opened, err := s.Kinds[project.Platform].Open(platforms.Account{Project: project.ID, Settings: project.Settings, Credential: project.Credential})
	if err != nil {
		return platforms.Capabilities{}, err
	}
	return opened.Capabilities(), nil
}

// verdict is what a project's platform says to a token that no key of the ring
// signed.
func (s *Service) verdict(ctx context.Context, projectID, token, video string, at time.Time) (verdict platforms.Verdict, known bool, err error) {
	opened, err := s.tenants.of(ctx, projectID)
	if err != nil || opened.Platform.Inspect == nil {
		return platforms.Verdict{}, false, err
	}
	verdict, err = opened.Platform.Inspect(ctx, token, video, at)
	return verdict, true, err
}

// expects says what tokens of a project's platform are like.
func (s *Service) expects(ctx context.Context, projectID string) (*lint.Expected, error) {
	opened, err := s.tenants.of(ctx, projectID)
	if err != nil {
		return nil, err
	}
	return opened.Platform.Expects, nil
}

// judge is how a project's platform judges tokens.
func (s *Service) judge(ctx context.Context, projectID string) (handlers.Judging, error) {
	opened, err := s.tenants.of(ctx, projectID)
	if err != nil {
		return handlers.Judging{}, err
	}
	return handlers.Judging{Judge: opened.Platform.Judge, Header: opened.Platform.Header}, nil
}

// examine is that of a project's platform, or nil.
func (s *Service) examine(ctx context.Context, projectID string) (func(token, videoID string, at time.Time, want lint.Expected) platforms.Examined, error) {
	opened, err := s.tenants.of(ctx, projectID)
	if err != nil {
		return nil, err
	}
	return opened.Platform.Examine, nil
}

// clientIP is where a request comes from, behind the proxies that are declared.
func (s *Service) clientIP(r *http.Request) netip.Addr {
	return limits.ClientIP(r.RemoteAddr, r.Header.Values("X-Forwarded-For"), s.Settings.TrustedProxies)
}

// openLimiter makes what counts callers: alone, or together with other
// replicas.
func (s *Service) openLimiter() (limits.Limiter, error) {
	local := limits.NewLocal()
	if s.Settings.RedisURL.IsZero() {
		return local, nil
	}
	shared, err := limits.NewRedis(limits.RedisConfig{URL: s.Settings.RedisURL, Timeout: s.Settings.RedisTimeout, Local: local, Degraded: s.limitsDegraded})
	if err != nil {
		return nil, settings.Error{fmt.Errorf("PLAYTOKEN_REDIS_URL: %w", err)}
	}
	s.redis = shared
	s.onClose(func() { shared.Close() })
	return shared, nil
}

// limitsDegraded reports that this replica counts its callers alone, or together
// with others again.
func (s *Service) limitsDegraded(alone bool, why error) {
	s.Metrics.LimitsAlone(alone)
	if alone {
		s.log.Warn("Redis is away: this replica counts its callers alone", "error", why)
		return
	}
	s.log.Info("Redis is back: replicas count their callers together")
}
