package projects_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"playtoken/platforms"
	"playtoken/projects"
	"playtoken/secret"
	"playtoken/store"
)

// documents is a store in memory that fails when it is told to.
type documents struct {
	mu    sync.Mutex
	docs  map[string]store.Document
	reads map[string]int
	// fail is asked before each call; "" lets it through, "lost" lets it
	// through but loses the answer, "not" does nothing, "conflict" does
	// nothing either.
	fail func(verb, name string) string
}

func newDocuments() *documents {
	return &documents{docs: map[string]store.Document{}, reads: map[string]int{}}
}

// documentName is what both stores accept.
var documentName = regexp.MustCompile(`^[a-z]+/[a-z0-9_]{7,40}$`)

var errAway = fmt.Errorf("memory: %w", store.ErrUnavailable)

// call runs one call, and makes of it what it is told to.
func (d *documents) call(verb, name string, do func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !documentName.MatchString(name) {
		return fmt.Errorf("memory: %q cannot be the name of a document", name)
	}
	how := ""
	if d.fail != nil {
		how = d.fail(verb, name)
	}
	switch how {
	case "not":
		return errAway
	case "conflict":
		return store.ErrConflict
	}
	if err := do(); err != nil || how == "" {
		return err
	}
	return errAway
}

func (d *documents) Read(_ context.Context, name string) (doc store.Document, err error) {
	err = d.call("read", name, func() error {
		d.reads[name]++
		doc = d.docs[name]
		if doc.Version == 0 {
			return fmt.Errorf("read %s: %w", name, store.ErrNotFound)
		}
		doc.Data = slices.Clone(doc.Data)
		return nil
	})
	return doc, err
}

func (d *documents) Write(_ context.Context, name string, data []byte, version int64) (int64, error) {
	err := d.call("write", name, func() error {
		if len(data) > 512<<10 {
			return errors.New("too long")
		}
		if d.docs[name].Version != version {
			return store.ErrConflict
		}
		d.docs[name] = store.Document{Data: slices.Clone(data), Version: version + 1}
		return nil
	})
	return version + 1, err
}

func (d *documents) Delete(_ context.Context, name string) error {
	return d.call("delete", name, func() error {
		delete(d.docs, name)
		return nil
	})
}

func (d *documents) failing(fail func(verb, name string) string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fail = fail
}

// names are those of all documents of a kind.
func (d *documents) names(kind string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var names []string
	for name := range d.docs {
		if strings.HasPrefix(name, kind+"/") {
			names = append(names, name)
		}
	}
	return names
}

func (d *documents) count() (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, reads := range d.reads {
		n += reads
	}
	return n
}

const canary = "credential-canary-0123456789"

// kind is a platform that asks for a key, and takes a url and a template.
var kind = platforms.Kind{
	Name:        "fake",
	Settings:    []platforms.Member{{Name: "url", Receives: true, Meaning: "where it is"}, {Name: "hls_url", Meaning: "a template"}},
	Credentials: []platforms.Member{{Name: "api_key", Required: true, Meaning: "the key of the account"}},
	Offers:      platforms.Offer{KeyKinds: store.RSAKinds(), MaxKeys: 5},
	Open: func(a platforms.Account) (platforms.Platform, error) {
		if a.Settings["url"] == "ftp://no" {
			return platforms.Platform{}, fmt.Errorf("url: want https (with %s)", a.Credential["api_key"].Reveal())
		}
		return platforms.Platform{}, nil
	},
}

func newStore(d store.Documents) *projects.Store {
	return projects.NewStore(d, projects.Kinds{"fake": kind})
}

func good(name string) projects.Project {
	return projects.Project{
		Name: name, Platform: "fake", Settings: map[string]string{"url": "https://a.example"},
		Credential: map[string]secret.Value{"api_key": secret.New(canary)},
	}
}

func create(t testing.TB, s *projects.Store, name string) projects.Project {
	t.Helper()
	p, err := s.CreateProject(context.Background(), good(name))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func createKey(t testing.TB, s *projects.Store, projectID string, scopes ...projects.Scope) projects.NewAPIKey {
	t.Helper()
	if scopes == nil {
		scopes = []projects.Scope{projects.ScopeMint}
	}
	k, err := s.CreateAPIKey(context.Background(), projects.APIKey{ProjectID: projectID, Name: "key", Scopes: scopes})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// walked follows the links of a list to its end and returns the pages' ids.
func walked[Row any](t testing.TB, list func(projects.Page) (projects.List[Row], error), page projects.Page, id func(Row) string) (pages [][]string) {
	t.Helper()
	for {
		got, err := list(page)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, row := range got.Items {
			ids = append(ids, id(row))
		}
		if pages = append(pages, ids); got.Next == "" {
			return pages
		}
		page.Cursor = got.Next
	}
}

func projectID(p projects.Project) string { return p.ID }

func lister(s *projects.Store) func(projects.Page) (projects.List[projects.Project], error) {
	return func(p projects.Page) (projects.List[projects.Project], error) {
		return s.Projects(context.Background(), p)
	}
}

func fieldsOf(err error) (fields []string) {
	if bad, ok := errors.AsType[*projects.Invalid](err); ok {
		for _, f := range bad.Fields {
			fields = append(fields, f.Field)
		}
	}
	return fields
}

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
