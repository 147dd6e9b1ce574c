package projects

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"playtoken/keyrotation"
	"playtoken/platforms"
	"playtoken/store"
)

// overlaid returns the project default: what is stored, under what the
// environment says. Without an environment that describes it, there is none,
// whatever is left of it in the store.
func (s *Store) overlaid(p Project) (Project, error) {
	if s.DefaultProject == nil {
		return Project{}, fmt.Errorf("read project %s: %w", Default, ErrNotFound)
	}
	says := s.DefaultProject.clone()
	if p.Version == 0 {
		p = says
		p.ViewerPolicy = ViewerPolicy{}
	}
	p.ID, p.Platform, p.Settings, p.Credential = Default, says.Platform, says.Settings, says.Credential
	p.TokenPolicy.DefaultTTL, p.TokenPolicy.MaxTTL = says.TokenPolicy.DefaultTTL, says.TokenPolicy.MaxTTL
	p.RotationPolicy = says.RotationPolicy
	return p, nil
}

// withoutEnvironment is what is stored of the project default.
func withoutEnvironment(p Project) Project {
	p.Platform, p.Settings, p.Credential, p.RotationPolicy = "", nil, nil, RotationPolicy{}
	p.TokenPolicy.DefaultTTL, p.TokenPolicy.MaxTTL = 0, 0
	return p
}

// checkEnvironment refuses to change what the environment says.
func checkEnvironment(was, p Project) error {
	for _, c := range []struct {
		changed bool
		what    string
	}{
		{was.Platform != p.Platform, "platform"},
		{!maps.Equal(was.Settings, p.Settings), "platform settings"},
		{p.Credential != nil, "platform credential"},
		{was.TokenPolicy.DefaultTTL != p.TokenPolicy.DefaultTTL, "default token lifetime"},
		{was.TokenPolicy.MaxTTL != p.TokenPolicy.MaxTTL, "longest token lifetime"},
		{was.RotationPolicy != p.RotationPolicy, "rotation policy"},
	} {
		if c.changed {
			return &keyrotation.Guard{Why: fmt.Sprintf(
				"the %s of the project %s comes from the environment (PLAYTOKEN_…): change it there and start again", c.what, Default)}
		}
	}
	return nil
}

// EnsureDefault makes sure that the project default is in lists and can be
// changed. Of p, only what the environment does not set is stored, and only if
// nothing is stored yet.
func (s *Store) EnsureDefault(ctx context.Context, p Project) error {
	var held projectDocument
	version, err := s.look(ctx, projectName(Default), &held)
	if errors.Is(err, store.ErrNotFound) {
		p = p.clone()
		p.ID, p.CreatedAt = Default, s.now()
		p.UpdatedAt = p.CreatedAt
		if err = s.storeNew(ctx, &p); errors.Is(err, store.ErrConflict) {
			err = nil // another process did it
		}
	} else if err == nil {
		held.ID = Default
		stored := held.project(version)
		err = s.addRow(ctx, allProjects, stored.entry(), false)
	}
	if err != nil {
		return fmt.Errorf("write project %s: %w", Default, err)
	}
	return nil
}

// hideDefault takes the project default out of lists.
func hideDefault(all *[shards]shard) {
	held := &all[shardOf(Default)]
	held.Rows = slices.DeleteFunc(held.Rows, func(r row) bool { return r.Own == Default })
}

// account is what a platform is opened with.
func (p *Project) account() platforms.Account {
	return platforms.Account{Settings: p.Settings, Credential: p.Credential}
}
