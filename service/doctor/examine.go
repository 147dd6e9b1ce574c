package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"playtoken/handlers"
	"playtoken/limits"
	"playtoken/projects"
	"playtoken/service"
	"playtoken/settings"
)

// examination is the checks of an open deployment.
type examination struct {
	service *service.Service
	whose   func() (service.Owners, error) // once for all projects: each would read every ring
}

// Examine opens the deployment that an environment describes and makes every
// check that makes sense after the checks before it: of the deployment, and of
// the project with this id or, if that is empty, of all projects.
func Examine(ctx context.Context, environ []string, options service.Options, project string) []Finding {
	set, err := settings.ForService(environ)
	if problems, ok := errors.AsType[settings.Error](err); ok {
		var findings []Finding
		for _, problem := range problems {
			findings = append(findings, failure(SettingsInvalid, settings.Error{problem}, Data{}))
		}
		return findings
	}
	s, err := service.Open(ctx, set, options)
	if err != nil {
		return one(unopened(set, err))
	}
	defer s.Close()
	d := newExamination(ctx, s)
	return append(d.deployment(ctx), d.each(ctx, project)...)
}

func newExamination(ctx context.Context, s *service.Service) examination {
	return examination{service: s, whose: sync.OnceValues(func() (service.Owners, error) { return s.KeyOwners(ctx) })}
}

// about makes the checks of a subject. Errors: projects.ErrNotFound.
func (d examination) about(ctx context.Context, subject handlers.Subject) ([]Finding, error) {
	switch {
	case subject.WithoutProjects:
		return d.deployment(ctx), nil
	case subject.ProjectID == "":
		return append(d.deployment(ctx), d.each(ctx, "")...), nil
	}
	findings := d.project(ctx, subject.ProjectID)
	if len(findings) == 1 && findings[0].Code == ProjectUnknown {
		return nil, projects.ErrNotFound
	}
	return findings, nil
}

// deployment makes every check that is about no project.
func (d examination) deployment(ctx context.Context) []Finding {
	findings := settingsFound(d.service.Settings)
	for _, check := range []func(context.Context) []Finding{d.storeWorks, d.rights, d.certificate, d.clock, d.secrets, d.record, d.limits, d.ownKeys} {
		findings = append(findings, check(ctx)...)
	}
	return findings
}

func settingsFound(set settings.Settings) (findings []Finding) {
	for _, doubt := range set.Doubts {
		findings = append(findings, newFinding(SettingDoubtful, doubt, Data{}))
	}
	if len(findings) == 0 {
		findings = one(newFinding(SettingsComplete, "complete", Data{}))
	}
	return findings
}

func one(f Finding) []Finding { return []Finding{f} }

// ownKeys examines the key that signs access tokens. Without one, API keys
// cannot be exchanged.
func (d examination) ownKeys(ctx context.Context) []Finding {
	ring, err := d.service.AccessKeys.Ring(ctx)
	if err != nil {
		return nil // the finding about the store says it
	}
	if active, ok := ring.Active(); ok {
		return one(newFinding(AccessKeyActive, fmt.Sprintf("signed with generation %d since %s", active.Generation, moment(active.ActivatedAt)),
			Data{Generation: active.Generation, Since: active.ActivatedAt}))
	}
	return one(newFinding(AccessKeyNotNeeded, "no caller has needed a key for them yet", Data{}))
}

// limits examines whether the replicas count their callers together.
func (d examination) limits(ctx context.Context) []Finding {
	address := d.service.Settings.RedisURL
	if address.IsZero() {
		return one(newFinding(LimitsLocal, "each replica counts its callers alone: no Redis is set", Data{}))
	}
	if err := limits.Probe(ctx, address); err != nil {
		return one(failure(LimitsUnshared, err, Data{}))
	}
	return one(newFinding(LimitsShared, "Redis counts the callers of all replicas together", Data{}))
}

// atOnce examines projects side by side, and returns the findings in the order
// of the ids.
func (d examination) atOnce(ids []string, examine func(id string) []Finding) []Finding {
	found := make([][]Finding, len(ids))
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
