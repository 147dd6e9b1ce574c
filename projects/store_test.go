package projects_test

import (
	"context"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"playtoken/projects"
	"playtoken/secret"
	"playtoken/store"
)

func TestProjectComesBackAsItWentIn(t *testing.T) {
	docs := newDocuments()
	s := newStore(docs)
	p := good("Ünïcode 名前")
	p.WebhookSecret = secret.New("webhook-canary")
	p.TokenPolicy = projects.TokenPolicy{DefaultTTL: 60, MaxTTL: 600, AllowedClaims: []string{"plan"}, MintsPerMinute: 7, AuditMints: true}
	p.RotationPolicy = projects.RotationPolicy{RotateEvery: 86400, PropagationDelay: 30, KeyBudget: 5}
	p.ViewerPolicy = projects.ViewerPolicy{
		Issuers: []projects.Issuer{{URL: "https://id.example", Audiences: []string{"app"}}},
		Origins: []string{"https://www.example.com"}, Rule: "true",
		Webhook: &projects.Webhook{URL: "https://hook.example/ask?x=1", Timeout: 2},
	}
	made, err := s.CreateProject(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^project_[a-z2-7]{26}$`).MatchString(made.ID) || made.CreatedAt.IsZero() || made.Version == 0 {
		t.Errorf("created: got %+v, want an id, a time and a version", made)
	}
	got, err := newStore(docs).Project(t.Context(), made.ID)
	if err != nil {
		t.Fatal(err)
	}
	values := cmp.Comparer(func(a, b secret.Value) bool { return a.Reveal() == b.Reveal() })
	if diff := cmp.Diff(made, got, values); diff != "" {
		t.Error(diff)
	}
	p.ID, p.CreatedAt, p.UpdatedAt, p.Version = got.ID, got.CreatedAt, got.UpdatedAt, got.Version
	if diff := cmp.Diff(p, got, values); diff != "" {
		t.Error(diff)
	}
}

func TestCredentialIsInOneDocumentAndNoError(t *testing.T) {
	docs := newDocuments()
	s := newStore(docs)
	p := create(t, s, "a")
	k := createKey(t, s, p.ID)
	for name, doc := range docs.docs {
		if has := strings.Contains(string(doc.Data), canary); has != (name == "project/"+p.ID) {
			t.Errorf("document %s: contains the credential: got %v, want it only in the project's", name, has)
		}
		if secretPart := k.Value.Reveal()[30:]; strings.Contains(string(doc.Data), secretPart) {
			t.Errorf("document %s contains the value of an API key, want only its hash", name)
		}
	}
	for name, change := range map[string]func(*projects.Project){
		"a platform that tells": func(p *projects.Project) {
			p.Settings["url"], p.Credential = "ftp://no", map[string]secret.Value{"api_key": secret.New(canary)}
		},
		"value and name mistaken": func(p *projects.Project) {
			p.Credential = map[string]secret.Value{canary: secret.New("api_key")}
		},
		"a line break": func(p *projects.Project) {
			p.Credential = map[string]secret.Value{"api_key": secret.New(canary + "\n")}
		},
	} {
		_, err := s.UpdateProject(t.Context(), p.ID, func(p *projects.Project) error { change(p); return nil })
		if len(fieldsOf(err)) == 0 || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: got %v, want errors about fields, without the credential", name, err)
		}
	}
}

func TestURLOfThePlatformChangesOnlyWithTheCredential(t *testing.T) {
	s := newStore(newDocuments())
	p := create(t, s, "a")
	again := map[string]secret.Value{"api_key": secret.New("another")}
	for _, c := range []struct {
		name   string
		change func(*projects.Project)
		want   []string
	}{
		{"url alone", func(p *projects.Project) { p.Settings["url"] = "https://b.example" }, []string{"platform_credential"}},
		{"url gone", func(p *projects.Project) { p.Settings = nil }, []string{"platform_credential"}},
		{"another setting", func(p *projects.Project) { p.Settings["hls_url"] = "https://x.example/{video_id}" }, nil},
		{"url and credential", func(p *projects.Project) { p.Settings["url"], p.Credential = "https://b.example", again }, nil},
		{"platform", func(p *projects.Project) { p.Platform = "other" }, []string{"platform"}},
	} {
		_, err := s.UpdateProject(t.Context(), p.ID, func(p *projects.Project) error {
			if p.Credential != nil {
				t.Error("change was given the stored credential, want none")
			}
			c.change(p)
			return nil
		})
		if !slices.Equal(fieldsOf(err), c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: got %v, want errors about %v", c.name, err, c.want)
		}
	}
	got, err := s.Project(t.Context(), p.ID)
	if err != nil || got.Credential["api_key"].Reveal() != "another" || got.Settings["url"] != "https://b.example" {
		t.Errorf("after the update: got %v, %v, want the new settings and credential", got.Settings, err)
	}
}

func TestUpdatesAtOnceAreAllMade(t *testing.T) {
	docs := newDocuments()
	id := create(t, newStore(docs), "a").ID
	done := make(chan error)
	for range 8 {
		go func() {
			_, err := newStore(docs).UpdateProject(context.Background(), id, func(p *projects.Project) error {
				p.TokenPolicy.MintsPerMinute++
				return nil
			})
			done <- err
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if p, err := newStore(docs).Project(t.Context(), id); err != nil || p.TokenPolicy.MintsPerMinute != 8 {
		t.Errorf("newer document: got %d mints per minute, %v, want 8", p.TokenPolicy.MintsPerMinute, err)
	}
}

func TestStrangeIDsNeverReachTheStore(t *testing.T) {
	docs := newDocuments()
	s := newStore(docs)
	for _, id := range []string{"", "a", "../../x", "project_A", strings.Repeat("a", 41), "deflt/x", "defa%6ct"} {
		_, err := s.Project(t.Context(), id)
		if !errors.Is(err, projects.ErrNotFound) {
			t.Errorf("id %q: got %v, want ErrNotFound", id, err)
		}
	}
	if docs.count() != 0 {
		t.Errorf("ids that cannot exist: got %d reads, want 0", docs.count())
	}
	if _, err := s.Project(t.Context(), "project_aaaaaaaaaaaaaaaaaaaaaaaaaa"); !errors.Is(err, projects.ErrNotFound) || docs.count() != 1 {
		t.Errorf("id that could exist: got %v, %d reads, want ErrNotFound after one", err, docs.count())
	}
}

func TestDeletingAProjectLeavesNothing(t *testing.T) {
	docs := newDocuments()
	s := newStore(docs)
	kept := create(t, s, "kept")
	p := create(t, s, "a")
	if _, err := s.UpdateProject(t.Context(), p.ID, func(p *projects.Project) error {
		p.ViewerPolicy.Origins = []string{"https://a.example"}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	createKey(t, s, kept.ID)
	createKey(t, s, p.ID)
	if known, err := s.OriginKnown(t.Context(), "https://a.example"); !known || err != nil {
		t.Errorf("listed origin: got known %v, %v, want true", known, err)
	}
	if err := s.DeleteProject(t.Context(), p.ID); err != nil {
		t.Fatal(err)
	}
	if known, err := s.OriginKnown(t.Context(), "https://a.example"); known || err != nil {
		t.Errorf("origin of the deleted project: got known %v, %v, want false", known, err)
	}
	for name, doc := range docs.docs {
		if own := strings.TrimPrefix(p.ID, "project_"); strings.Contains(name+string(doc.Data), own) {
			t.Errorf("after the deletion: document %s is left, want no trace of the project", name)
		}
	}
	if n := len(docs.names("apikey")); n != 1 {
		t.Errorf("other project: got %d API keys, want 1", n)
	}
	if err := s.DeleteProject(t.Context(), p.ID); !errors.Is(err, projects.ErrNotFound) {
		t.Error(err)
	}
}

// TestEveryFaultLeavesSomethingSound lets each call of each change go wrong
// in each way, once, and looks at what is left.
func TestEveryFaultLeavesSomethingSound(t *testing.T) {
	origin := []string{"https://a.example"}
	changes := map[string]func(s *projects.Store, id, key string) error{
		"create": func(s *projects.Store, _, _ string) error {
			p := good("new")
			p.ViewerPolicy.Origins = origin
			_, err := s.CreateProject(context.Background(), p)
			return err
		},
		"rename": func(s *projects.Store, id, _ string) error {
			_, err := s.UpdateProject(context.Background(), id, func(p *projects.Project) error {
				p.Name, p.ViewerPolicy.Origins = "renamed", origin
				return nil
			})
			return err
		},
		"delete": func(s *projects.Store, id, _ string) error { return s.DeleteProject(context.Background(), id) },
		"create key": func(s *projects.Store, id, _ string) error {
			_, err := s.CreateAPIKey(context.Background(), projects.APIKey{ProjectID: id, Name: "k", Scopes: []projects.Scope{"mint"}})
			return err
		},
		"rename key": func(s *projects.Store, id, key string) error {
			_, err := s.UpdateAPIKey(context.Background(), id, key, func(k *projects.APIKey) error { k.Name = "renamed"; return nil })
			return err
		},
		"delete key": func(s *projects.Store, id, key string) error { return s.DeleteAPIKey(context.Background(), id, key) },
	}
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		for _, how := range []string{"not", "lost", "conflict"} {
			for at, reached := 0, true; reached; at++ {
				reached = oneFault(t, name, how, at, changes[name])
			}
		}
	}
}

// oneFault reports whether the change made so many calls at all.
func oneFault(t *testing.T, name, how string, at int, change func(*projects.Store, string, string) error) bool {
	docs := newDocuments()
	s := newStore(docs)
	p := create(t, s, "a")
	k := createKey(t, s, p.ID)
	calls, reached := 0, false
	docs.failing(func(verb, _ string) string {
		if calls++; calls != at+1 || verb != "write" && how == "conflict" {
			reached = reached || calls == at+1
			return ""
		}
		reached = true
		return how
	})
	err := change(s, p.ID, k.ID)
	docs.failing(nil)
	// A conflict over a document with a new id is nothing that happens.
	if err != nil && !errors.Is(err, store.ErrUnavailable) && !(strings.HasPrefix(name, "create") && errors.Is(err, store.ErrConflict)) {
		t.Errorf("%s, %s at call %d: got %v, want ErrUnavailable or no error", name, how, at, err)
	}
	if err != nil { // a second attempt succeeds
		if err = change(s, p.ID, k.ID); err != nil && !(strings.HasPrefix(name, "delete") && errors.Is(err, projects.ErrNotFound)) {
			t.Errorf("%s, %s at call %d: got %v from the second attempt, want no error", name, how, at, err)
		}
	}
	sound(t, docs, s, name+", "+how)
	return reached
}

// sound holds the documents against the lists.
func sound(t *testing.T, docs *documents, s *projects.Store, what string) {
	t.Helper()
	listed := slices.Concat(walked(t, lister(s), projects.Page{SortBy: "name"}, projectID)...)
	stored := docs.names("project")
	if len(listed) != len(stored) {
		t.Errorf("after %s: got %d projects listed, %d stored, want the same", what, len(listed), len(stored))
	}
	for _, id := range listed {
		p, err := s.Project(t.Context(), id)
		if err != nil {
			t.Errorf("after %s: got %v, want no error", what, err)
		}
		if n, err := s.CountProjects(t.Context(), p.Name); n < 1 || err != nil {
			t.Errorf("after %s: name %q is not found: %v; want it in the index", what, p.Name, err)
		}
		for _, origin := range p.ViewerPolicy.Origins {
			if known, err := s.OriginKnown(t.Context(), origin); !known || err != nil {
				t.Errorf("after %s: origin: got known %v, %v, want true", what, known, err)
			}
		}
	}
	keys := 0
	for _, id := range listed {
		list, err := s.APIKeys(t.Context(), id, projects.Page{})
		keys += len(list.Items)
		if err != nil {
			t.Errorf("after %s: got %v, want no error", what, err)
		}
	}
	if stored := docs.names("apikey"); keys != len(stored) && !strings.HasPrefix(what, "delete") {
		t.Errorf("after %s: got %d API keys listed, %d stored, want the same", what, keys, len(stored))
	}
}
