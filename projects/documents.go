package projects

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"playtoken/secret"
	"playtoken/store"
)

// projectDocument is how a project is stored. It is the only place where its
// credential is.
type projectDocument struct {
	Project
	Credential    map[string]string `json:"platform_credential"`
	WebhookSecret string            `json:"webhook_secret"`
}

func (p *Project) document() projectDocument {
	doc := projectDocument{Project: *p, Credential: map[string]string{}, WebhookSecret: p.WebhookSecret.Reveal()}
	if p.ID == Default {
		doc.Project = withoutEnvironment(*p)
		return doc
	}
	for name, value := range p.Credential {
		doc.Credential[name] = value.Reveal()
	}
	return doc
}

func (d *projectDocument) project(version int64) Project {
	p := d.Project
	p.Version, p.WebhookSecret = version, secret.New(d.WebhookSecret)
	p.Credential = map[string]secret.Value{}
	for name, value := range d.Credential {
		p.Credential[name] = secret.New(value)
	}
	return p
}

// clone returns a copy that shares nothing that could be written to.
func (p Project) clone() Project {
	p.Settings, p.Credential = maps.Clone(p.Settings), maps.Clone(p.Credential)
	p.TokenPolicy.AllowedClaims = slices.Clone(p.TokenPolicy.AllowedClaims)
	p.ViewerPolicy.Origins = slices.Clone(p.ViewerPolicy.Origins)
	p.ViewerPolicy.Issuers = slices.Clone(p.ViewerPolicy.Issuers)
	for i := range p.ViewerPolicy.Issuers {
		p.ViewerPolicy.Issuers[i].Audiences = slices.Clone(p.ViewerPolicy.Issuers[i].Audiences)
	}
	if p.ViewerPolicy.Webhook != nil {
		hook := *p.ViewerPolicy.Webhook
		p.ViewerPolicy.Webhook = &hook
	}
	return p
}

func (p *Project) entry() entry {
	return entry{id: p.ID, name: p.Name, created: p.CreatedAt, version: p.Version}
}

// reader is look or edit.
type reader func(ctx context.Context, name string, into any) (int64, error)

// Project returns a project, straight from the store.
func (s *Store) Project(ctx context.Context, id string) (Project, error) {
	return s.project(ctx, id, s.look)
}

func (s *Store) project(ctx context.Context, id string, read reader) (Project, error) {
	if !anID.MatchString(id) {
		return Project{}, ErrNotFound
	}
	var doc projectDocument
	version, err := read(ctx, projectName(id), &doc)
	if id == Default && (err == nil || errors.Is(err, store.ErrNotFound)) {
		return s.overlaid(doc.project(version))
	}
	if err != nil {
		return Project{}, fmt.Errorf("read project %s: %w", id, notFound(err))
	}
	return doc.project(version), nil
}

// CreateProject stores a project under an id of our making, and returns it.
func (s *Store) CreateProject(ctx context.Context, p Project) (Project, error) {
	p = p.clone()
	p.Version, p.CreatedAt = 0, s.now()
	p.UpdatedAt = p.CreatedAt
	if err := s.check(p); err != nil {
		return Project{}, err
	}
	var err error
	if p.ID, err = s.newID(ctx, projectPrefix); err == nil {
		err = s.storeNew(ctx, &p)
	}
	if err != nil {
		return Project{}, fmt.Errorf("create project: %w", err)
	}
	return p, nil
}

// storeNew writes what leads to a project, and then the project.
func (s *Store) storeNew(ctx context.Context, p *Project) error {
	if err := s.addOrigins(ctx, p.ID, p.ViewerPolicy.Origins); err != nil {
		return err
	}
	row := p.entry()
	row.version = 1
	if err := s.addRow(ctx, allProjects, row, false); err != nil {
		return err
	}
	// A crash here leaves a row that no list shows.
	version, err := s.save(ctx, projectName(p.ID), p.document(), 0)
	p.Version = version
	return err
}

// UpdateProject changes a project. Change may be called again if somebody else
// was faster, and its error ends the update. What it gets has no Credential:
// the one that is stored stays, unless change puts another in its place.
func (s *Store) UpdateProject(ctx context.Context, id string, change func(*Project) error) (Project, error) {
	var was, p Project
	err := again("update project "+id, func() (err error) {
		was, p, err = s.updateOnce(ctx, id, change)
		return err
	})
	if err == nil { // the project is what it should be; now its name leads to it
		err = s.addRow(ctx, allProjects, p.entry(), p.Name != was.Name)
	}
	if err == nil {
		err = s.settleOrigins(ctx, id, was.ViewerPolicy.Origins, p.ViewerPolicy.Origins)
	}
	if err != nil {
		return Project{}, err
	}
	return p, nil
}

// Revision returns a project as it is, and as UpdateProject would store it now,
// credential included. It stores nothing.
func (s *Store) Revision(ctx context.Context, id string, change func(*Project) error) (was, p Project, err error) {
	if was, err = s.project(ctx, id, s.edit); err != nil {
		return was, p, err
	}
	p = was.clone()
	p.Credential = nil
	if err = change(&p); err != nil {
		return was, p, err
	}
	p.ID, p.CreatedAt, p.UpdatedAt, p.Version = was.ID, was.CreatedAt, s.now(), was.Version
	return was, p, s.checkUpdate(was, &p)
}

func (s *Store) updateOnce(ctx context.Context, id string, change func(*Project) error) (was, p Project, err error) {
	if was, p, err = s.Revision(ctx, id, change); err != nil {
		return was, p, err
	}
	if p.Version == 0 { // the project default, if nobody has written to it yet
		p.CreatedAt = p.UpdatedAt
		err = s.storeNew(ctx, &p)
		return was, p, err
	}
	// Origins of new pages lead here before the project names them.
	if err = s.addOrigins(ctx, id, without(p.ViewerPolicy.Origins, was.ViewerPolicy.Origins)); err == nil {
		p.Version, err = s.save(ctx, projectName(id), p.document(), was.Version)
	}
	return was, p, err
}

// without returns what is in a and not in b.
func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}
