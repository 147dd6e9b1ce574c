package main

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"time"

	"playtoken/handlers"
	"playtoken/limits"
	"playtoken/platforms"
	"playtoken/projects"
	"playtoken/projects/access"
	"playtoken/secret"
	"playtoken/settings"
)

// handlers is what the HTTP face works with, whether it is reached over a
// network or from a command line. Who may call, and how often, is not in it.
func (p *parts) handlers() handlers.Config {
	return handlers.Config{
		Projects: p, View: p.view, Store: admin{p.projects, p.workshop.news, p.accepted}, Access: p.access, Viewers: p.viewers, Origins: p.view,
		InForce: p.inForce, Capabilities: p.capabilities, CheckSettingsChange: p.mayMove, Verdict: p.verdict,
		Record: p.audit, Log: p.log,
	}
}

// callers knows everybody who may call: those that the environment names,
// holders of API keys, and holders of access tokens. Each is asked only about
// what looks like its own, so nobody's guess costs more than it has to.
type callers struct {
	projects.EnvironmentKeys
	keys   *projects.View
	tokens *access.Access
}

func (p *parts) callers() callers {
	return callers{p.environment(), p.view, p.access}
}

// environment is the callers that the environment names.
func (p *parts) environment() projects.EnvironmentKeys {
	return projects.EnvironmentKeys{AdminKey: p.config.AdminKey, APIKey: p.config.APIKey}
}

// Identify implements [handlers.Callers].
func (c callers) Identify(ctx context.Context, credential secret.Value) (projects.Caller, error) {
	caller, err := c.EnvironmentKeys.Identify(ctx, credential)
	if errors.Is(err, projects.ErrUnknownCaller) {
		caller, err = c.keys.Identify(ctx, credential)
	}
	if errors.Is(err, projects.ErrUnknownCaller) {
		caller, err = c.tokens.Identify(ctx, credential)
	}
	return caller, err
}

// capabilities says what a project's account can do. The account is opened for
// that, as it is written down and not as the works had it a moment ago: opening
// calls nobody and starts nothing (see [platforms.Kind]), so there is nothing to
// close, and a page of a hundred takes about a millisecond.
func (p *parts) capabilities(_ context.Context, project projects.Project) (platforms.Capabilities, error) {
	opened, err := p.kinds[project.Platform].Open(platforms.Account{Settings: project.Settings, Credential: project.Credential})
	if err != nil {
		return platforms.Capabilities{}, err
	}
	return opened.Capabilities(), nil
}

// verdict is what a project's platform says to a token that no key of the ring
// signed.
func (p *parts) verdict(ctx context.Context, projectID, token, video string, at time.Time) (verdict platforms.Verdict, known bool, err error) {
	opened, err := p.workshop.of(ctx, projectID)
	if err != nil || opened.platform.Inspect == nil {
		return platforms.Verdict{}, false, err
	}
	verdict, err = opened.platform.Inspect(ctx, token, video, at)
	return verdict, true, err
}

// source is where a request comes from, behind the proxies that are declared.
func (p *parts) source(r *http.Request) netip.Addr {
	return limits.ClientIP(r.RemoteAddr, r.Header.Values("X-Forwarded-For"), p.config.TrustedProxies)
}

// limiter counts what callers do: alone, or together with other replicas.
func (s *service) limiter() (limits.Limiter, func(), error) {
	local := limits.NewLocal()
	if s.config.RedisURL.IsZero() {
		return local, func() {}, nil
	}
	shared, err := limits.NewRedis(limits.RedisConfig{URL: s.config.RedisURL, Local: local, Degraded: s.degraded})
	if err != nil {
		return nil, nil, settings.Error{err}
	}
	return shared, func() { shared.Close() }, nil
}

// degraded says that the limits are counted here alone, or shared again.
func (s *service) degraded(alone bool, why error) {
	s.metrics.LimitsAlone(alone)
	if alone {
		s.log.Warn("Redis is away: this replica counts its callers alone", "error", why)
		return
	}
	s.log.Info("Redis is back: replicas count their callers together")
}

// admin is the store of projects and API keys, and tells others of what
// changes there.
type admin struct {
	*projects.Store
	news     chan<- struct{}
	accepted func(context.Context, projects.Project) error
}

// CreateProject asks the platform first, and tells the scheduler.
func (s admin) CreateProject(ctx context.Context, p projects.Project) (projects.Project, error) {
	if err := s.accepted(ctx, p); err != nil {
		return projects.Project{}, err
	}
	made, err := s.Store.CreateProject(ctx, p)
	if err == nil {
		select {
		case s.news <- struct{}{}:
		default: // it is told already
		}
	}
	return made, err
}

// UpdateProject asks the platform first, if there is a new credential.
func (s admin) UpdateProject(ctx context.Context, id string, change func(*projects.Project) error) (projects.Project, error) {
	return s.Store.UpdateProject(ctx, id, func(p *projects.Project) error {
		if err := change(p); err != nil || p.Credential == nil {
			return err
		}
		return s.accepted(ctx, *p)
	})
}
