package projects

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"playtoken/keyrotation"
	"playtoken/platforms"
	"playtoken/secret"
	"playtoken/store"
)

// withEnvironment returns the default project: the stored document, with the
// fields that the environment sets. Without an environment that defines it, the
// project does not exist, even if the store still has its document.
func (s *Store) withEnvironment(p Project) (Project, error) {
	if s.DefaultProject == nil {
		return Project{}, fmt.Errorf("read project %s: %w", Default, ErrNotFound)
	}
	set := s.DefaultProject.clone()
	set.Credential = s.defaultCredential()
	if p.Version == 0 {
		p = set
		p.ViewerPolicy = ViewerPolicy{}
	}
	p.ID, p.Platform, p.Settings, p.Credential = Default, set.Platform, set.Settings, set.Credential
	p.TokenPolicy.DefaultTTL, p.TokenPolicy.MaxTTL = set.TokenPolicy.DefaultTTL, set.TokenPolicy.MaxTTL
	p.RotationPolicy = set.RotationPolicy
	return p, nil
}

// ReplaceCredential replaces the credential that the environment has of the default
// project.
func (s *Store) ReplaceCredential(credential map[string]secret.Value) {
	s.credential.Store(&credential)
}

// defaultCredential is that of the default project, which exists.
func (s *Store) defaultCredential() map[string]secret.Value {
	if replaced := s.credential.Load(); replaced != nil {
		return *replaced
	}
	return s.DefaultProject.Credential
}

// withoutEnvironment is the part of the default project that is stored.
func withoutEnvironment(p Project) Project {
	p.Platform, p.Settings, p.Credential, p.RotationPolicy = "", nil, nil, RotationPolicy{}
	p.TokenPolicy.DefaultTTL, p.TokenPolicy.MaxTTL = 0, 0
	return p
}

// checkEnvironment refuses to change fields that the environment sets.
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
				"the environment sets the %s of the project %s: change it there and restart", c.what, Default)}
		}
	}
	return nil
}

// EnsureDefault makes sure that the default project is in lists and can be
// changed. It stores only the fields of p that the environment does not set, and
// only if no document is stored yet.
func (s *Store) EnsureDefault(ctx context.Context, p Project) error {
	var held projectDocument
	version, err := s.readOnly(ctx, projectName(Default), &held)
	if errors.Is(err, store.ErrNotFound) {
		p = p.clone()
		p.ID, p.CreatedAt = Default, s.now()
		p.UpdatedAt = p.CreatedAt
		if err = s.storeNew(ctx, &p); errors.Is(err, store.ErrConflict) {
			err = nil // another process has stored it
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

// hideDefault removes the default project from an index that was read.
func hideDefault(all *[shards]shard) {
	held := &all[shardOf(Default)]
	held.Rows = slices.DeleteFunc(held.Rows, func(r row) bool { return r.Own == Default })
}

// account is the project's account, to open a platform with.
func (p *Project) account() platforms.Account {
	return platforms.Account{Project: p.ID, Settings: p.Settings, Credential: p.Credential}
}
