package main

import (
	"context"
	"errors"
	"slices"

	"playtoken/handlers"
	"playtoken/keyrotation"
	"playtoken/platforms"
	"playtoken/projects"
	"playtoken/settings"
	"playtoken/signer"
	"playtoken/store"
)

var _ handlers.Projects = (*parts)(nil)

// Minter implements [handlers.Projects].
func (p *parts) Minter(ctx context.Context, projectID string) (signer.Minter, error) {
	opened, err := p.workshop.of(ctx, projectID)
	if err != nil {
		return nil, err
	}
	minter := missing{opened.minter, func() { p.workshop.bells.ring(projectID) }}
	return p.metrics.Minter(projectID, minter), nil
}

// Rotation implements [handlers.Projects].
func (p *parts) Rotation(ctx context.Context, projectID string) (handlers.Rotation, error) {
	rotator, err := p.workshop.rotatorOf(ctx, projectID)
	if err != nil {
		return nil, err // not the nil *Rotator, which would be no nil Rotation
	}
	return rotator, nil
}

// Platform implements [handlers.Projects].
func (p *parts) Platform(ctx context.Context, projectID string) (platforms.Platform, error) {
	opened, err := p.workshop.of(ctx, projectID)
	if err != nil {
		return platforms.Platform{}, err
	}
	return opened.platform, nil
}

// projectIDs are all projects: the environment's among them, even if it could
// not be written down yet.
func (p *parts) projectIDs(ctx context.Context) ([]string, error) {
	ids, err := p.projects.ProjectIDs(ctx)
	if err == nil && p.projects.DefaultProject != nil && !slices.Contains(ids, projects.Default) {
		ids = append([]string{projects.Default}, ids...)
	}
	return ids, err
}

// Rotating implements [handlers.Projects]. A project that cannot be opened is
// among them, so that somebody hears of it.
func (p *parts) Rotating(ctx context.Context) ([]string, error) {
	ids, err := p.projectIDs(ctx)
	if err != nil {
		return nil, err
	}
	var rotating []string
	for _, id := range ids {
		if _, err := p.workshop.rotatorOf(ctx, id); !errors.Is(err, projects.ErrNotFound) && !errors.Is(err, projects.ErrNoKeys) {
			rotating = append(rotating, id)
		}
	}
	return rotating, nil
}

// storeAnswers reads something that may or may not be there.
func (p *parts) storeAnswers(ctx context.Context) error {
	_, err := p.store.Read(ctx, keyrotation.RingName(projects.Default))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// withParts runs a verb that a person or cron started. Only a verb that makes
// something may make a file store: a look at a mistyped path should not.
func (a *app) withParts(ctx context.Context, create bool, do func(*parts) error) error {
	c, err := settings.ForService(a.environ)
	if err != nil {
		return err
	}
	p, err := a.build(ctx, c, create)
	if err != nil {
		return err
	}
	defer p.close()
	return do(p)
}
