package main

import (
	"context"
	"errors"
	"fmt"

	"playtoken/handlers"
	"playtoken/keyrotation"
	"playtoken/projects"
	"playtoken/signer"
)

var _ handlers.Projects = (*parts)(nil)

// Minter implements [handlers.Projects].
func (p *parts) Minter(_ context.Context, projectID string) (signer.Minter, error) {
	if err := p.has(projectID); err != nil {
		return nil, err
	}
	return p.metrics.Minter(projectID, p.minter), nil
}

// Rotation implements [handlers.Projects].
func (p *parts) Rotation(_ context.Context, projectID string) (handlers.Rotation, error) {
	if err := p.has(projectID); err != nil {
		return nil, err
	}
	return p.permitted(), nil
}

func (p *parts) permitted() permitted { return permitted{p.rotator, p.mayRotate} }

// Rotating implements [handlers.Projects].
func (p *parts) Rotating(context.Context) ([]string, error) {
	if p.rotator == nil {
		return nil, nil
	}
	return []string{p.rotator.Project}, nil
}

func (p *parts) has(projectID string) error {
	if p.rotator == nil || projectID != p.rotator.Project {
		return projects.ErrNotFound
	}
	return nil
}

// storeAnswers reads something that may or may not be there.
func (p *parts) storeAnswers(ctx context.Context) error {
	_, err := p.store.Read(ctx, keyrotation.RingName(projects.Default))
	if errors.Is(err, keyrotation.ErrNotFound) {
		return nil
	}
	return err
}

// withParts runs a verb that a person or cron started. Only a rotation may
// make a file store: a look at a mistyped path should not.
func (a *app) withParts(ctx context.Context, create bool, do func(*parts) error) error {
	c, err := serviceConfig(a.environ)
	if err != nil {
		return err
	}
	p, err := build(ctx, c, create, a.log())
	if err != nil {
		return err
	}
	defer p.close()
	return do(p)
}

// withProject runs a verb on one project; with no name, on the only one.
func (a *app) withProject(ctx context.Context, project string, do func(*parts) error) error {
	return a.withParts(ctx, false, func(p *parts) error { return p.inProject(project, do) })
}

// rotators are those of all projects that have signing keys.
func (p *parts) rotators() []*keyrotation.Rotator { return []*keyrotation.Rotator{p.rotator} }

func (p *parts) inProject(project string, do func(*parts) error) error {
	if p.rotator == nil {
		return configError{errors.New("there is no project: PLAYTOKEN_PLATFORM_API_KEY makes the project default")}
	}
	if project != "" {
		if err := p.has(project); err != nil {
			return fmt.Errorf("%q: %w", project, err)
		}
	}
	return do(p)
}
