package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"playtoken/handlers"
	"playtoken/service"
	"playtoken/service/doctor"
	"playtoken/settings"
)

// examination is the checks of an open deployment.
type examination struct {
	service *service.Service
	whose   func() (service.Owners, error) // once for all projects: each would read every ring
}

// examine makes every check that makes sense after the checks before it.
func (a *app) examine(ctx context.Context, project string) []doctor.Finding {
	c, err := settings.ForService(a.environ)
	if problems, ok := errors.AsType[settings.Error](err); ok {
		var findings []doctor.Finding
		for _, problem := range problems {
			findings = append(findings, doctor.Failed(doctor.SettingsInvalid, settings.Error{problem}, doctor.Data{}))
		}
		return findings
	}
	s, err := a.open(ctx, c, false)
	if err != nil {
		return one(unopened(c, err))
	}
	defer s.Close()
	d := examination{service: s, whose: sync.OnceValues(func() (service.Owners, error) { return s.KeyOwners(ctx) })}
	findings := one(doctor.New(doctor.SettingsComplete, "complete", doctor.Data{}))
	for _, check := range []func(context.Context) []doctor.Finding{d.storeWorks, d.rights, d.clock, d.secrets, d.record, d.ownKeys} {
		findings = append(findings, check(ctx)...)
	}
	return append(findings, d.each(ctx, project)...)
}

func one(f doctor.Finding) []doctor.Finding { return []doctor.Finding{f} }

// ownKeys examines the key that signs access tokens. Without one, API keys
// cannot be exchanged.
func (d examination) ownKeys(ctx context.Context) []doctor.Finding {
	ring, err := d.service.AccessKeys.Ring(ctx)
	if err != nil {
		return nil // the finding about the store says it
	}
	if active, ok := ring.Active(); ok {
		return one(doctor.New(doctor.AccessKeyActive, fmt.Sprintf("signed with generation %d since %s", active.Generation, moment(active.ActivatedAt)),
			doctor.Data{Generation: active.Generation, Since: active.ActivatedAt}))
	}
	return one(doctor.New(doctor.AccessKeyNotNeeded, "no caller has needed a key for them yet", doctor.Data{}))
}

// atOnce examines projects side by side, and returns the findings in the order
// of the ids.
func (d examination) atOnce(ids []string, examine func(id string) []doctor.Finding) []doctor.Finding {
	found := make([][]doctor.Finding, len(ids))
	var all errgroup.Group
	all.SetLimit(handlers.ProjectsAtOnce)
	for i, id := range ids {
		all.Go(func() error {
			found[i] = examine(id)
			return nil
		})
	}
	all.Wait()
	return slices.Concat(found...)
}
