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

// projectDocument is the stored form of a project, and the only place where its
// credential is kept.
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

// clone returns a copy that shares no memory that could be written to.
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

// reader is readOnly or readForUpdate.
type reader func(ctx context.Context, name string, into any) (int64, error)

// Project returns a project, read from the store.
func (s *Store) Project(ctx context.Context, id string) (Project, error) {
	return s.project(ctx, id, s.readOnly)
}

func (s *Store) project(ctx context.Context, id string, read reader) (Project, error) {
	if !idForm.MatchString(id) {
		return Project{}, ErrNotFound
	}
	var doc projectDocument
	version, err := read(ctx, projectName(id), &doc)
	if id == Default && (err == nil || errors.Is(err, store.ErrNotFound)) {
		return s.withEnvironment(doc.project(version))
	}
	if err != nil {
		return Project{}, fmt.Errorf("read project %s: %w", id, notFound(err))
	}
	return doc.project(version), nil
}

// CreateProject stores a project under a new id, and returns it.
func (s *Store) CreateProject(ctx context.Context, p Project) (Project, error) {
	p = p.clone()
	p.Version, p.CreatedAt = 0, s.now()
	p.UpdatedAt = p.CreatedAt
	err := s.check(p)
	if err == nil {
		err = s.checkAccount(ctx, p)
	}
	if err != nil {
		return Project{}, err
	}
	if p.ID, err = s.newID(ctx, projectPrefix); err == nil {
		err = s.storeNew(ctx, &p)
	}
	if err != nil {
		return Project{}, fmt.Errorf("create project: %w", err)
	}
	if s.Added != nil {
		s.Added()
	}
	return p, nil
}

// CheckForm refuses the account of a new project that could not be opened. No
// platform is asked. Errors: *Invalid.
func (s *Store) CheckForm(p Project) error {
	var f findings
	f.account(s.kinds, p)
	return f.err()
}

func (s *Store) checkAccount(ctx context.Context, p Project) error {
	if s.CheckAccount == nil {
		return nil
	}
	return s.CheckAccount(ctx, p)
}

// storeNew writes the entries that lead to a project, and then the project.
func (s *Store) storeNew(ctx context.Context, p *Project) error {
	if err := s.addOrigins(ctx, p.ID, p.ViewerPolicy.Origins); err != nil {
		return err
	}
	row := p.entry()
	row.version = 1
	if err := s.addRow(ctx, allProjects, row, false); err != nil {
		return err
	}
	// A crash here leaves a row without a project, which no list shows.
	version, err := s.save(ctx, projectName(p.ID), p.document(), 0)
	p.Version = version
	return err
}

// UpdateProject changes a project. Change is called again after a conflict with
// another writer, and its error ends the update. The project that change gets has
// no Credential: the stored one stays unless change sets another.
func (s *Store) UpdateProject(ctx context.Context, id string, change func(*Project) error) (Project, error) {
	var was, p Project
	err := retryConflicts("update project "+id, func() (err error) {
		was, p, err = s.updateOnce(ctx, id, change)
		return err
	})
	if err == nil { // the project is stored; now the index gets its name
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

// Revision returns a project as it is stored, and as UpdateProject would store it,
// credentials included. It stores nothing.
func (s *Store) Revision(ctx context.Context, id string, change func(*Project) error) (was, p Project, err error) {
	if was, err = s.project(ctx, id, s.readForUpdate); err != nil {
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
	was, p, err = s.Revision(ctx, id, func(p *Project) error {
		if err := change(p); err != nil || p.Credential == nil {
			return err
		}
		return s.checkAccount(ctx, *p)
	})
	if err != nil {
		return was, p, err
	}
	if p.Version == 0 { // the default project, before its first change
		p.CreatedAt = p.UpdatedAt
		err = s.storeNew(ctx, &p)
		return was, p, err
	}
	// New origins lead to the project before the project lists them.
	if err = s.addOrigins(ctx, id, without(p.ViewerPolicy.Origins, was.ViewerPolicy.Origins)); err == nil {
		p.Version, err = s.save(ctx, projectName(id), p.document(), was.Version)
	}
	return was, p, err
}

// without returns the elements of a that are not in b.
func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}
