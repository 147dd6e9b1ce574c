package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"playtoken/keyrotation"
	"playtoken/platforms"
	"playtoken/projects"
	"playtoken/secret"
	"playtoken/settings"
	"playtoken/signer"
)

// works is one project with everything that works for it. It is as the
// project was when it was opened; when that changes, others are opened.
type works struct {
	project  projects.Project
	platform platforms.Platform
	ring     *ringOf
	minter   signer.Minter
	ready    func(context.Context) error
	rotator  *keyrotation.Rotator // nil: there is nothing to rotate
	used     atomic.Int64         // Unix seconds, of the newest use
}

// workshop opens the works of projects when somebody asks for them, and lets
// go of those that nobody has asked for in a while.
type workshop struct {
	*parts
	news  chan struct{} // there is a project that was not there before
	bells bells
	mu    sync.Mutex
	open  map[string]*works
	swept int64 // Unix seconds, when idle works were last looked for
}

// idle is for how long works are kept that nobody uses: longer than any
// request lasts, so that none is closed while it is in use, and longer than
// memory signing may do without the store.
func (w *workshop) idle() time.Duration {
	return max(10*time.Minute, w.config.Rotation.Durations.Staleness)
}

// of returns the works of a project. Errors: projects.ErrNotFound,
// store.ErrUnavailable.
func (w *workshop) of(ctx context.Context, projectID string) (*works, error) {
	p, err := w.view.Project(ctx, projectID)
	if errors.Is(err, projects.ErrNotFound) {
		w.forget(projectID)
	}
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now().Unix()
	if kept, ok := w.open[p.ID]; ok && kept.project.Version == p.Version {
		kept.used.Store(now)
		return kept, nil
	}
	opened, err := w.openWorks(p, w.open[p.ID])
	if err != nil {
		return nil, fmt.Errorf("project %s: %w", p.ID, err)
	}
	opened.used.Store(now)
	w.open[p.ID] = opened
	w.closeIdle(now)
	return opened, nil
}

// sweepEvery keeps the opening of thousands of works, one after the other, from
// looking through all of them each time.
const sweepEvery = time.Minute

// closeIdle lets go of what was not used for long. The lock is held.
func (w *workshop) closeIdle(now int64) {
	if now-w.swept < int64(sweepEvery/time.Second) {
		return
	}
	w.swept = now
	for id, kept := range w.open {
		if id != projects.Default && now-kept.used.Load() > int64(w.idle()/time.Second) {
			w.letGo(id, kept)
		}
	}
}

// forget lets go of a project that is deleted. Who uses its works still is told
// to come back, and then that there is no such project.
func (w *workshop) forget(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if kept, ok := w.open[id]; ok {
		w.letGo(id, kept)
	}
}

// letGo ends works, and that the project's rotation is watched. The lock is
// held.
func (w *workshop) letGo(id string, kept *works) {
	kept.close()
	delete(w.open, id)
	w.metrics.Unwatch(id)
}

// close ends everything; nobody may be using it any more.
func (w *workshop) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, kept := range w.open {
		kept.close()
	}
	clear(w.open)
}

func (w *works) close() { w.ring.close() }

// openWorks opens a project; before, if not nil, is what it was opened as
// before it changed. A ring belongs to the project, whatever else changes, and
// stays in view.
func (w *workshop) openWorks(p projects.Project, before *works) (*works, error) {
	kind, ok := w.kinds[p.Platform]
	if !ok {
		return nil, fmt.Errorf("this version knows no platform %q", p.Platform)
	}
	opened := &works{project: p, ready: func(context.Context) error { return nil }}
	if before != nil {
		opened.ring = before.ring
	} else {
		opened.ring = &ringOf{open: func() *signer.RingView { return w.ringView(p.ID) }}
	}
	platform, err := kind.Open(platforms.Account{
		Settings: p.Settings, Credential: p.Credential, Timeout: w.config.Rotation.Durations.CallTimeout(),
		Issued: w.issued(opened.ring),
	})
	if err != nil {
		return nil, settings.Error{err}
	}
	opened.platform = platform
	w.mintWith(opened)
	w.rotateWith(opened)
	return opened, nil
}

// mintWith decides how tokens are made.
func (w *workshop) mintWith(opened *works) {
	policy := w.tokenPolicy(opened.project.TokenPolicy)
	if opened.platform.Shape == nil {
		opened.minter = opened.platform.Minter(policy)
		if opened.platform.Issuer != nil {
			opened.ready = func(ctx context.Context) error { _, err := opened.ring.view().Active(ctx); return err }
		}
		return
	}
	signed := ringMinter{opened.ring, signer.RS256{Signatures: w.signatures, Shape: opened.platform.Shape, Policy: policy}}
	opened.minter, opened.ready = signed, signed.Ready
}

// restOfMany is how long the scheduler leaves a project alone that has nothing
// to do: thousands of them are one Vault's work.
const restOfMany = 5 * time.Minute

// boughtWith is for how long what was bought with an issued key may be in use.
// No platform says whether that ends with the key.
const boughtWith = 24 * time.Hour

// forIssued is a policy for keys that the platform makes.
func forIssued(policy keyrotation.Policy) keyrotation.Policy {
	policy.KeySpec, policy.MaxTTL = keyrotation.KeySpec{Issued: true}, boughtWith
	return policy
}

// rotateWith makes the rotator, where there is something to rotate.
func (w *workshop) rotateWith(opened *works) {
	platform := opened.platform
	if platform.CallsLeft != nil {
		w.metrics.CallsLeft(opened.project.ID, opened.project.Platform, platform.CallsLeft)
	}
	if platform.Registrar == nil && platform.Issuer == nil {
		return
	}
	id, name := opened.project.ID, opened.project.Platform
	rotator := w.newRotator(id, w.rotationPolicy(opened.project))
	if id != projects.Default {
		rotator.Rest = restOfMany
	}
	if platform.Registrar != nil {
		rotator.Platform = w.metrics.Platform(name, platform.Registrar)
	} else {
		rotator.Policy = forIssued(rotator.Policy)
		rotator.Issuer = w.metrics.Issuer(name, platform.Issuer)
	}
	opened.rotator = rotator
	w.metrics.Watch(id, rotator)
}

// newRotator returns one that has no platform yet.
func (p *parts) newRotator(id string, policy keyrotation.Policy) *keyrotation.Rotator {
	return &keyrotation.Rotator{
		Project: id, Documents: p.store, Keys: p.store, StoreTime: p.storeTime, Policy: policy, Log: p.log, Record: p.recordMove,
		Permit: p.permit, Changed: func() { p.workshop.bells.ring(id) }, OtherOwners: p.elsewhere,
	}
}

// tokenPolicy is a project's, with the deployment's where it has none.
func (p *parts) tokenPolicy(t projects.TokenPolicy) signer.Policy {
	return signer.Policy{
		DefaultTTL: min(or(t.DefaultTTL, p.config.TokenTTL), p.maxTTL(t)), MaxTTL: p.maxTTL(t),
		AllowAllVideos: t.AllowAllVideos, AllowedClaims: t.AllowedClaims,
	}
}

func (p *parts) maxTTL(t projects.TokenPolicy) time.Duration {
	return or(t.MaxTTL, p.config.Rotation.MaxTTL)
}

// rotationPolicy is the same for the rotation.
func (p *parts) rotationPolicy(project projects.Project) keyrotation.Policy {
	policy, r := p.config.Rotation, project.RotationPolicy
	policy.MaxTTL = p.maxTTL(project.TokenPolicy)
	policy.RotateEvery = or(r.RotateEvery, policy.RotateEvery)
	policy.Durations.Propagation = or(r.PropagationDelay, policy.Durations.Propagation)
	if r.KeyBudget > 0 {
		policy.KeyBudget = r.KeyBudget
	}
	return policy
}

// or is a project's own setting, in seconds, or else the deployment's.
func or(own int64, deployment time.Duration) time.Duration {
	if own > 0 {
		return time.Duration(own) * time.Second
	}
	return deployment
}

// issued returns what reads the value of the active key that a platform made
// for us. The value of a key never changes, so each is read once.
func (w *workshop) issued(ring *ringOf) func(context.Context) (platforms.IssuedKey, error) {
	var held atomic.Pointer[struct {
		name string
		key  platforms.IssuedKey
	}]
	return func(ctx context.Context) (platforms.IssuedKey, error) {
		active, err := ring.view().Active(ctx)
		if err != nil {
			return platforms.IssuedKey{}, err
		}
		if kept := held.Load(); kept != nil && kept.name == active.StoreName {
			return kept.key, nil
		}
		key, err := w.readIssued(ctx, active)
		if err != nil {
			return platforms.IssuedKey{}, err
		}
		held.Store(&struct {
			name string
			key  platforms.IssuedKey
		}{active.StoreName, key})
		return key, nil
	}
}

// readIssued reads the value of a key that a platform made for us.
func (p *parts) readIssued(ctx context.Context, key keyrotation.Key) (platforms.IssuedKey, error) {
	read, err := keyrotation.ReadIssued(ctx, p.store, key)
	if err != nil {
		return platforms.IssuedKey{}, fmt.Errorf("%w: %w", signer.ErrUnavailable, err)
	}
	return platforms.IssuedKey{ID: read.ID, Value: secret.New(string(read.Value))}, nil
}
