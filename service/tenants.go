package service

import (
	"context"
	"errors"
	"sync"
	"time"

	"playtoken/handlers"
	"playtoken/keyrotation"
	"playtoken/metrics"
	"playtoken/projects"
	"playtoken/projects/access"
	"playtoken/signer"
	"playtoken/tracing"
)

// tenants opens projects when they are needed, and closes those that were not
// needed for a while. It implements [handlers.Projects].
type tenants struct {
	kinds      projects.Kinds
	view       *projects.View
	ids        func(context.Context) ([]string, error) // of all projects
	policies   policies
	signing    *signing
	rotators   *rotators
	accessKeys *keyrotation.Rotator // of the keys that sign access tokens
	metrics    *metrics.Service
	tracer     *tracing.Tracer // nil: nothing is traced
	wakeups    *wakeups

	mu    sync.Mutex
	open  map[string]*Tenant
	swept int64 // Unix seconds, when idle tenants were last looked for
}

var _ handlers.Projects = (*tenants)(nil)

// Minter implements [handlers.Projects].
func (t *tenants) Minter(ctx context.Context, projectID string) (signer.Minter, error) {
	opened, err := t.of(ctx, projectID)
	if err != nil {
		return nil, err
	}
	return opened.minter, nil
}

// Rotation implements [handlers.Projects].
func (t *tenants) Rotation(ctx context.Context, projectID string) (handlers.Rotation, error) {
	rotator, err := t.rotator(ctx, projectID)
	if err != nil {
		return nil, err
	}
	return rotator, nil
}

// Rotating implements [handlers.Projects]. A project that cannot be opened is
// among them, so that its error is reported.
func (t *tenants) Rotating(ctx context.Context) ([]string, error) {
	ids, err := t.ids(ctx)
	if err != nil {
		return nil, err
	}
	var rotating []string
	for _, id := range ids {
		_, err := t.rotator(ctx, id)
		if !errors.Is(err, projects.ErrNotFound) && !errors.Is(err, projects.ErrNoKeys) {
			rotating = append(rotating, id)
		}
	}
	return rotating, nil
}

// rotator returns what rotates the keys of a project, or those that sign access
// tokens. Errors: those of of; projects.ErrNoKeys.
func (t *tenants) rotator(ctx context.Context, id string) (*keyrotation.Rotator, error) {
	if id == access.RingID {
		return t.accessKeys, nil
	}
	opened, err := t.of(ctx, id)
	if err != nil {
		return nil, err
	}
	if opened.Rotator == nil {
		return nil, projects.ErrNoKeys
	}
	return opened.Rotator, nil
}

// of returns an open project. Errors: projects.ErrNotFound, store.ErrUnavailable,
// *projects.Unusable.
func (t *tenants) of(ctx context.Context, projectID string) (*Tenant, error) {
	p, err := t.view.Project(ctx, projectID)
	if errors.Is(err, projects.ErrNotFound) {
		t.forget(projectID)
	}
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now().Unix()
	if kept, ok := t.open[p.ID]; ok && kept.Project.Version == p.Version && !kept.outdated.Load() {
		kept.used.Store(now)
		return kept, nil
	}
	opened, err := t.openTenant(p, t.open[p.ID])
	if err != nil {
		return nil, &projects.Unusable{Project: p.ID, Cause: err}
	}
	opened.used.Store(now)
	t.open[p.ID] = opened
	t.closeIdle(now)
	return opened, nil
}

// openDefault opens the project default as the environment describes it.
func (t *tenants) openDefault(p projects.Project) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	opened, err := t.openTenant(p, nil)
	if err != nil {
		return err
	}
	opened.ring.view()
	t.open[p.ID] = opened
	return nil
}

// idle is for how long a tenant is kept that is not used: longer than any
// request lasts, so that none is closed while a request uses it, and longer than
// memory signing, or published keys, may do without the store.
func (t *tenants) idle() time.Duration {
	return max(10*time.Minute, t.policies.set.MaxStaleness)
}

// sweepEvery keeps the opening of thousands of tenants, one after the other,
// from looking through all of them each time.
const sweepEvery = time.Minute

// closeIdle closes what was not used for long. The lock is held.
func (t *tenants) closeIdle(now int64) {
	if now-t.swept < int64(sweepEvery/time.Second) {
		return
	}
	t.swept = now
	for id, kept := range t.open {
		if id != projects.Default && now-kept.used.Load() > int64(t.idle()/time.Second) {
			t.end(id, kept)
		}
	}
}

// forget closes a project that is deleted. Requests that still use it are told
// to try again, and then that there is no such project.
func (t *tenants) forget(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if kept, ok := t.open[id]; ok {
		t.end(id, kept)
	}
	t.metrics.Forget(id)
	t.rotators.told.forget(id)
}

// outdate has a project opened anew when it is next needed.
func (t *tenants) outdate(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if kept, ok := t.open[id]; ok {
		kept.outdated.Store(true)
	}
}

// end closes a tenant. What was counted of it is still shown. The lock is held.
func (t *tenants) end(id string, kept *Tenant) {
	kept.ring.close()
	delete(t.open, id)
	t.metrics.Unwatch(id)
}

// close closes every tenant; none may be in use.
func (t *tenants) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, kept := range t.open {
		kept.ring.close()
	}
	clear(t.open)
}
