package projects_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"playtoken/projects"
	"playtoken/store"
)

// interrupted lets something happen just before a write, once.
type interrupted struct {
	store.Documents
	kind string // of the document
	skip int    // so many such writes first
	do   func()
}

func (i *interrupted) Write(ctx context.Context, name string, data []byte, version int64) (int64, error) {
	if do := i.do; do != nil && strings.HasPrefix(name, i.kind) {
		if i.skip--; i.skip < 0 {
			i.do = nil
			do()
		}
	}
	return i.Documents.Write(ctx, name, data, version)
}

func TestLaterRenameWins(t *testing.T) {
	docs := newDocuments()
	other := newStore(docs)
	p := create(t, other, "a")
	for _, last := range []string{"c", "c"} {
		slow := newStore(&interrupted{Documents: docs, kind: "index/", do: func() { rename(t, other, p.ID, last) }})
		rename(t, slow, p.ID, "b")
		if got, err := other.Project(t.Context(), p.ID); err != nil || got.Name != last {
			t.Fatalf("name: got %q, %v, want the last one written", got.Name, err)
		}
		if n, err := other.CountProjects(t.Context(), last); n != 1 || err != nil {
			t.Errorf("index: name %q: got a count of %d, %v, want 1", last, n, err)
		}
	}
}

func TestOriginTakenBackMeanwhileStaysKnown(t *testing.T) {
	docs := newDocuments()
	other := newStore(docs)
	p := create(t, other, "a")
	const origin = "https://a.example"
	set := func(s *projects.Store, origins ...string) {
		t.Helper()
		if _, err := s.UpdateProject(t.Context(), p.ID, func(p *projects.Project) error { p.ViewerPolicy.Origins = origins; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	set(other, origin)
	// The first write of an origin is that of the new one, the second gives up
	// the old one: by then the project is written.
	slow := &interrupted{Documents: docs, kind: "origin/", skip: 1, do: func() { set(other, origin) }}
	set(newStore(slow), "https://c.example")
	got, err := other.Project(t.Context(), p.ID)
	if err != nil || slow.do != nil || !slices.Equal(got.ViewerPolicy.Origins, []string{origin}) {
		t.Fatalf("origins: got %v, %v, want the one that was added again", got.ViewerPolicy.Origins, err)
	}
	if known, err := other.OriginKnown(t.Context(), origin); !known || err != nil {
		t.Errorf("origin: got known %v, %v, want true", known, err)
	}
}

func TestKeyMadeWhileItsProjectIsDeletedIsGone(t *testing.T) {
	docs := newDocuments()
	other := newStore(docs)
	p := create(t, other, "a")
	slow := newStore(&interrupted{Documents: docs, kind: "apikey/", do: func() {
		if err := other.DeleteProject(t.Context(), p.ID); err != nil {
			t.Error(err)
		}
	}})
	if _, err := slow.CreateAPIKey(t.Context(), projects.APIKey{ProjectID: p.ID, Name: "k", Scopes: []projects.Scope{"mint"}}); !errors.Is(err, projects.ErrNotFound) {
		t.Error(err)
	}
	if left := docs.names("apikey"); len(left) != 0 {
		t.Errorf("after the deletion: got %d API keys left, want 0", len(left))
	}
}

// TestInterruptedRenameIsMended: the name that a project has is found, at the
// latest once the project was in a list.
func TestInterruptedRenameIsMended(t *testing.T) {
	docs := newDocuments()
	s := newStore(docs)
	p := create(t, s, "a")
	docs.failing(func(verb, name string) string {
		if verb == "write" && strings.HasPrefix(name, "index/") {
			return "not"
		}
		return ""
	})
	_, err := s.UpdateProject(t.Context(), p.ID, func(p *projects.Project) error { p.Name = "b"; return nil })
	if !errors.Is(err, store.ErrUnavailable) {
		t.Error(err)
	}
	docs.failing(nil)
	if list, err := s.Projects(t.Context(), projects.Page{}); err != nil || list.Items[0].Name != "b" {
		t.Errorf("list: got %v, %v, want the name b", names(list.Items), err)
	}
	if n, err := s.CountProjects(t.Context(), "b"); n != 1 || err != nil {
		t.Errorf("count of b: got %d, %v, want 1", n, err)
	}
}

func TestProjectIDsAreAll(t *testing.T) {
	s := defaultStore(newDocuments())
	if err := s.EnsureDefault(t.Context(), *s.DefaultProject); err != nil {
		t.Fatal(err)
	}
	want := []string{projects.Default, create(t, s, "a").ID, create(t, s, "b").ID}
	got, err := s.ProjectIDs(t.Context())
	slices.Sort(got)
	slices.Sort(want)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want the ids that are stored", got, err)
	}
}

// TestNewerVersionsDocumentIsReadAndNotWritten: while a newer version is being
// rolled out, minting goes on and nothing is forgotten.
func TestNewerVersionsDocumentIsReadAndNotWritten(t *testing.T) {
	docs := newDocuments()
	s := newStore(docs)
	p := create(t, s, "a")
	name := "project/" + p.ID
	doc := docs.docs[name]
	doc.Data = []byte(strings.Replace(string(doc.Data), "{", `{"something_new":1,`, 1))
	docs.docs[name] = doc
	if got, err := s.Project(t.Context(), p.ID); err != nil || got.Name != "a" {
		t.Error(err)
	}
	_, err := s.UpdateProject(t.Context(), p.ID, func(*projects.Project) error { return nil })
	if err == nil || strings.Contains(err.Error(), canary) {
		t.Error(err)
	}
}

// TestALargeProjectIsTidiedAwayByLists: each goes on where the one before it
// stopped, however many API keys are left.
func TestALargeProjectIsTidiedAwayByLists(t *testing.T) {
	docs, now := newDocuments(), time.Now()
	s := newStore(docs)
	s.Now = func() time.Time { return now }
	forgotten := map[string]bool{}
	var mu sync.Mutex
	s.Forget = func(_ context.Context, id string) error {
		mu.Lock()
		defer mu.Unlock()
		forgotten[id] = true
		return nil
	}
	p := create(t, s, "large")
	for range 450 {
		createKey(t, s, p.ID)
	}
	docs.failing(func(verb, name string) string {
		if verb == "delete" && strings.HasPrefix(name, "apikey/") {
			return "not"
		}
		return ""
	})
	if err := s.DeleteProject(t.Context(), p.ID); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("DeleteProject: got %v, want ErrUnavailable", err)
	}
	docs.failing(nil)
	now = now.Add(2 * time.Hour)
	for _, left := range []int{250, 50, 0} {
		if _, err := s.Projects(t.Context(), projects.Page{}); err != nil {
			t.Fatal(err)
		}
		if n := len(docs.names("apikey")); n != left || len(forgotten) != 450-left {
			t.Errorf("%d API keys are left, %d are forgotten, want %d", n, len(forgotten), left)
		}
	}
	for name, doc := range docs.docs {
		if own := strings.TrimPrefix(p.ID, "project_"); strings.Contains(name+string(doc.Data), own) {
			t.Errorf("after the deletion: document %s is left, want no trace of the project", name)
		}
	}
}
