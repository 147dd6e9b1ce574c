package main

import (
	"context"
	"fmt"
	"time"

	"playtoken/audit"
	"playtoken/keyrotation"
	"playtoken/platforms"
	"playtoken/projects"
	"playtoken/projects/access"
	"playtoken/projects/viewers"
	"playtoken/settings"
	"playtoken/signer"
)

// openProjects makes what knows the projects and what opens them.
func (p *parts) openProjects() error {
	asked, err := viewers.New(viewers.Config{Allowed: p.config.PrivateTargets, Log: p.log, Watch: p.metrics.Viewer})
	if err != nil {
		return err
	}
	p.viewers = asked
	p.closers = append(p.closers, asked.Close)
	p.projects = projects.NewStore(p.store, p.kinds)
	p.projects.InForce, p.projects.CheckViewers = p.inForceAt, asked.Check
	p.projects.Forget = func(ctx context.Context, apiKeyID string) error { return access.Forget(ctx, p.store, apiKeyID) }
	if p.config.Account.Exists() {
		environment := environmentProject(p.config.Account)
		p.projects.DefaultProject = &environment
	}
	durations := p.config.Rotation.Durations
	p.view = projects.NewView(p.projects, durations.ViewAge, durations.Staleness)
	p.closers = append(p.closers, p.view.Close)
	p.held = newReadings()
	p.workshop = &workshop{parts: p, news: make(chan struct{}, 1), open: map[string]*works{}}
	p.closers = append(p.closers, p.workshop.close)
	if p.projects.DefaultProject == nil {
		return nil
	}
	// The project default is opened before the store is asked about it: what
	// is watched of it is to be seen while the store is away, too.
	opened, err := p.workshop.openWorks(*p.projects.DefaultProject, nil)
	if err != nil {
		return err
	}
	opened.ring.view()
	p.workshop.open[projects.Default] = opened
	return nil
}

// inForce fills in what a project leaves to the deployment.
func (p *parts) inForce(project projects.Project) (signer.Policy, keyrotation.Policy) {
	return p.tokenPolicy(project.TokenPolicy), p.rotationPolicy(project)
}

// inForceAt is inForce for a project that is about to be stored: by the keys
// that its account has.
func (p *parts) inForceAt(project projects.Project) (signer.Policy, keyrotation.Policy) {
	tokens, keys := p.inForce(project)
	opened, err := p.kinds[project.Platform].Open(platforms.Account{Settings: project.Settings, Credential: project.Credential})
	if err == nil && opened.Issuer != nil {
		keys = forIssued(keys)
	}
	return tokens, keys
}

// openAudit opens the record of what is done. Its key is the deployment's, and
// is only read when there is something to record.
func (p *parts) openAudit() error {
	key := func(ctx context.Context) ([]byte, error) { return p.projects.Secret(ctx, auditKey) }
	if p.config.AuditFile == "" {
		p.audit = audit.To(p.stderr, key)
	} else {
		opened, err := audit.Open(p.config.AuditFile, key)
		if err != nil {
			return settings.Error{fmt.Errorf("PLAYTOKEN_AUDIT: %w", err)}
		}
		p.audit = opened
	}
	p.closers = append(p.closers, func() {
		if err := p.audit.Close(); err != nil {
			p.log.Error("closing the record of what was done", "error", err)
		}
	})
	return nil
}

// auditKey is what the key of the record is derived for.
const auditKey = "audit"

// ownKeys is the id of the ring of the keys that access tokens are signed
// with: ours, not a project's.
const ownKeys = access.RingID

// openAccess makes what exchanges API keys for access tokens. The platform of
// its keys is the set that we publish.
func (p *parts) openAccess() error {
	ring := p.ringView(ownKeys)
	p.closers = append(p.closers, ring.Close)
	durations := p.config.Rotation.Durations
	exchange, err := access.New(access.Config{
		Documents: p.store, Keys: access.WithEnvironment(p.view, p.environment(), p.projects), Secrets: p.projects,
		Signer:  &signer.JWTs{Ring: ring, Signatures: p.signatures},
		ViewAge: durations.ViewAge, Staleness: durations.Staleness,
	})
	if err != nil {
		return err
	}
	p.access = exchange
	p.closers = append(p.closers, exchange.Close)
	policy := p.config.Rotation
	policy.MaxTTL = access.Lifetime
	policy.Durations.Propagation = durations.ViewAge           // a replica's view of the set is no older
	policy.RotateEvery = max(policy.RotateEvery, 24*time.Hour) // nobody outside depends on these
	policy.KeyBudget = max(policy.KeyBudget, policy.KeysNeeded())
	p.own = p.newRotator(ownKeys, policy)
	p.own.Platform = access.NewPublished(p.store)
	p.metrics.Watch(ownKeys, p.own)
	return nil
}

// ensureDefault makes the project default appear in lists, as soon as the
// store answers.
func (p *parts) ensureDefault(ctx context.Context) {
	if p.projects.DefaultProject == nil {
		return
	}
	for wait := time.Second; ; wait = min(2*wait, time.Minute) {
		err := p.projects.EnsureDefault(ctx, *p.projects.DefaultProject)
		if err == nil || ctx.Err() != nil {
			return
		}
		p.log.Warn("the project default cannot be written down yet", "error", err, "again_in", wait)
		if !pause(ctx, wait) {
			return
		}
	}
}

// environmentProject is the project default as the environment describes it.
// Its policies are those of the deployment.
func environmentProject(account settings.Account) projects.Project {
	return projects.Project{
		ID: projects.Default, Name: projects.Default, Platform: account.Platform,
		Settings: account.Settings, Credential: account.Credential,
	}
}
