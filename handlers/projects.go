package handlers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"playtoken/keyrotation"
	"playtoken/platforms"
	"playtoken/projects"
	"playtoken/signer"
	"playtoken/store"
)

// Project is a project with the policies in force and without its secrets.
type Project struct {
	projects.Project
	Capabilities *platforms.Capabilities `json:"capabilities"` // null: not known
}

var _ withCreated = Project{}

func (p Project) created() (project, subject string) { return p.ID, "" }

// newProject shows a project with the policies in force; inForce may be nil.
func newProject(p projects.Project, inForce func(projects.Project) (signer.Policy, keyrotation.Policy)) Project {
	if inForce != nil {
		tokens, keys := inForce(p)
		p.TokenPolicy.DefaultTTL, p.TokenPolicy.MaxTTL = wholeSeconds(tokens.DefaultTTL), wholeSeconds(tokens.MaxTTL)
		p.RotationPolicy = projects.RotationPolicy{
			RotateEvery: wholeSeconds(keys.RotateEvery), PropagationDelay: wholeSeconds(keys.Durations.Propagation), KeyBudget: keys.KeyBudget,
			KeyKind: keys.KeySpec.Kind,
		}
	}
	p.TokenPolicy.ManagementPerMinute = cmp.Or(p.TokenPolicy.ManagementPerMinute, managementPerMinute)
	viewerMints := p.TokenPolicy.ViewerMints()
	p.TokenPolicy.ViewerMintsPerMinute = &viewerMints
	p.ViewerPolicy.DRMPolicies = append([]string{}, p.ViewerPolicy.DRMPolicies...)
	if p.Settings == nil {
		p.Settings = map[string]string{}
	}
	return Project{Project: p}
}

func wholeSeconds(d time.Duration) int64 { return int64(d / time.Second) }

func (s *server) shown(ctx context.Context, p projects.Project) Project {
	shown := newProject(p, s.InForce)
	if len(s.Kinds[p.Platform].Offers.KeyKinds) == 0 {
		shown.RotationPolicy.KeyKind = "" // no key of the project is made here
	}
	if s.Capabilities == nil {
		return shown
	}
	can, err := s.Capabilities(ctx, p)
	if err != nil { // settings that this version cannot use: the project can do nothing
		s.Log.WarnContext(ctx, "cannot open a project's platform account", "project", p.ID, "error", err)
		can = platforms.Capabilities{URLs: []string{}}
	}
	shown.Capabilities = &can
	return shown
}

func (s *server) listProjects(ctx context.Context, _ call, q pageQuery) (Page[Project], error) {
	page := q.withDefaults()
	list, err := s.Store.Projects(ctx, page)
	if err != nil {
		return Page[Project]{}, err
	}
	items := []Project{}
	for _, p := range list.Items {
		items = append(items, s.shown(ctx, p))
	}
	return newPage(projectsPath, page, items, list.Number, list.Next, list.Previous), nil
}

// count is the number of items of a list.
type count struct {
	Count int `json:"count"`
}

func (s *server) countProjects(ctx context.Context, _ call, q nameQuery) (count, error) {
	n, err := s.Store.CountProjects(ctx, q.name)
	return count{Count: n}, err
}

func (s *server) showProject(ctx context.Context, c call, _ noBody) (Project, error) {
	p, err := s.Store.Project(ctx, c.project)
	if err != nil {
		return Project{}, err
	}
	return s.shown(ctx, p), nil
}

func (s *server) createProject(ctx context.Context, _ call, body projectBody) (Project, error) {
	if body.Unchecked {
		return Project{}, invalidFields(fieldError{Field: "unchecked", Detail: "is for a change of a project: leave it out"})
	}
	var p projects.Project
	if err := body.fill(&p); err != nil {
		return Project{}, err
	}
	ctx, cancel := detached(ctx)
	defer cancel()
	p, err := s.Store.CreateProject(ctx, p)
	if err != nil {
		return Project{}, err
	}
	return s.shown(ctx, p), nil
}

// updateProject changes the fields that the patch names. New settings are checked
// for their form first, so that no credential is sent to an address it is not for,
// and then at the platform: one that does not show the active key is another
// account.
func (s *server) updateProject(ctx context.Context, c call, change mergePatch[projectBody]) (Project, error) {
	ctx, cancel := detached(ctx)
	defer cancel()
	before, wanted, err := s.Store.Revision(ctx, c.project, func(p *projects.Project) error { return patchProject(p, change) })
	if err != nil {
		return Project{}, err
	}
	if err := s.checkAccount(ctx, before, wanted, change); err != nil {
		return Project{}, err
	}
	// The settings are right unless another caller has changed them meanwhile.
	p, err := s.Store.UpdateProject(ctx, c.project, func(p *projects.Project) error {
		if err := patchProject(p, change); err != nil {
			return err
		}
		if !sameAccount(*p, wanted) {
			return errSettingsChanged
		}
		return nil
	})
	if err != nil {
		return Project{}, err
	}
	return s.shown(ctx, p), nil
}

// checkAccount asks the platform about new settings and, unless the caller knows
// better, about a new credential.
func (s *server) checkAccount(ctx context.Context, before, wanted projects.Project, change mergePatch[projectBody]) error {
	if !sameAccount(before, wanted) {
		if s.CheckSettingsChange == nil {
			return nil
		}
		return s.CheckSettingsChange(ctx, wanted)
	}
	var asked projectBody
	if err := change.apply(&asked); err != nil {
		return err
	}
	if s.CheckCredential == nil || len(asked.Credential) == 0 || asked.Unchecked {
		return nil
	}
	return s.CheckCredential(ctx, wanted)
}

// sameAccount reports whether two revisions are on the same platform with the
// same settings.
func sameAccount(a, b projects.Project) bool {
	return a.Platform == b.Platform && maps.Equal(a.Settings, b.Settings)
}

var errSettingsChanged = fmt.Errorf("the settings of the project: %w", store.ErrConflict)

// deleteProject deletes a project whose signing keys are deleted. A key that is
// still at the platform would belong to no project afterwards, and its tokens
// would be accepted for ever.
func (s *server) deleteProject(ctx context.Context, c call, q deleteQuery) (noContent, error) {
	if err := s.mayBeDeleted(ctx, c); err != nil {
		return noContent{}, err
	}
	ctx, cancel := detached(ctx)
	defer cancel()
	if err := s.endKeys(ctx, c, q.Revoke); err != nil {
		return noContent{}, err
	}
	return noContent{}, s.Store.DeleteProject(ctx, c.project)
}

func (s *server) mayBeDeleted(ctx context.Context, c call) error {
	if c.project == projects.Default {
		return &keyrotation.Guard{Why: "the project default is defined by the environment: remove its platform's credential there"}
	}
	_, err := s.Store.Project(ctx, c.project)
	return err
}

// endKeys revokes a project's signing keys and ends its ring, because a rotation
// that is still running could create another key.
func (s *server) endKeys(ctx context.Context, c call, revoke bool) error {
	rotation, err := s.Projects.Rotation(ctx, c.project)
	if errors.Is(err, projects.ErrNoKeys) || errors.Is(err, projects.ErrNotFound) {
		return nil // its platform needs no signing keys
	}
	if err != nil {
		return err
	}
	ring, err := rotation.Ring(ctx)
	if err != nil {
		return err
	}
	live := 0
	for _, key := range ring.Keys {
		if key.State != keyrotation.Deleted {
			live++
		}
	}
	if live > 0 && !revoke {
		return &keyrotation.Guard{Why: fmt.Sprintf("the project still has signing keys (%d): revoke them first, or delete the project with revoke set to true", live)}
	}
	if err := rotation.End(ctx, c.order("the project is deleted")); err != nil {
		return err
	}
	return nil
}
