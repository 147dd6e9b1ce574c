package projects_test

import (
	"errors"
	"strings"
	"testing"

	"playtoken/keyrotation"
	"playtoken/projects"
	"playtoken/secret"
	"playtoken/store"
)

func defaultStore(d store.Documents) *projects.Store {
	s := newStore(d)
	env := good("default")
	env.ID, env.TokenPolicy.DefaultTTL = projects.Default, 60
	s.DefaultProject = &env
	return s
}

func TestDefaultIsListedAndHasKeys(t *testing.T) {
	docs := newDocuments()
	s := defaultStore(docs)
	for range 2 { // each start does it
		if err := s.EnsureDefault(t.Context(), *s.DefaultProject); err != nil {
			t.Fatal(err)
		}
	}
	list, err := s.Projects(t.Context(), projects.Page{})
	if err != nil || len(list.Items) != 1 || list.Items[0].ID != "default" || list.Items[0].Credential["api_key"].Reveal() != canary {
		t.Errorf("list: got %+v, %v, want the default project with the environment's credential", list, err)
	}
	k := createKey(t, s, projects.Default)
	v := newView(t, s, 0)
	if got, err := v.Identify(t.Context(), k.Value); err != nil || got.ProjectID != projects.Default {
		t.Errorf("API key of the default project: got %+v, %v, want a caller of it", got, err)
	}
	if keys, err := s.APIKeys(t.Context(), projects.Default, projects.Page{}); err != nil || len(keys.Items) != 1 {
		t.Errorf("API keys of the default project: got %+v, %v, want one", keys, err)
	}
	if stored := string(docs.docs["project/default"].Data); strings.Contains(stored, canary) || strings.Contains(stored, "a.example") {
		t.Error("got fields of the environment in the stored document, want none")
	}
	// Another deployment of the same store, whose environment describes none.
	other := newStore(docs)
	if list, err := other.Projects(t.Context(), projects.Page{}); err != nil || len(list.Items) != 0 {
		t.Errorf("list without an environment: got %+v, %v, want no projects", list, err)
	}
	if _, err := newView(t, other, 0).Identify(t.Context(), k.Value); !errors.Is(err, projects.ErrUnknownCaller) {
		t.Error(err)
	}
}

func TestDefaultFollowsTheEnvironment(t *testing.T) {
	for name, ensured := range map[string]bool{"ensured": true, "never written": false} {
		docs := newDocuments()
		s := defaultStore(docs)
		if ensured {
			if err := s.EnsureDefault(t.Context(), *s.DefaultProject); err != nil {
				t.Fatal(err)
			}
		}
		if p, err := s.Project(t.Context(), projects.Default); err != nil || p.Platform != "fake" || p.Name != "default" {
			t.Errorf("%s: got %+v, %v, want the environment's platform and name", name, p, err)
		}
		if _, err := s.UpdateProject(t.Context(), projects.Default, func(p *projects.Project) error {
			p.Name, p.TokenPolicy.AllowAllVideos, p.TokenPolicy.AllowedClaims = "ours", true, []string{"plan"}
			p.ViewerPolicy.Origins = []string{"https://a.example"}
			return nil
		}); err != nil {
			t.Errorf("%s: update: got %v, want no error", name, err)
		}
		restarted := defaultStore(docs)
		restarted.DefaultProject.TokenPolicy.DefaultTTL = 30
		p, err := restarted.Project(t.Context(), projects.Default)
		if err != nil || !p.TokenPolicy.AllowAllVideos || p.TokenPolicy.DefaultTTL != 30 || p.Name != "ours" || p.CreatedAt.IsZero() {
			t.Errorf("%s: got %+v, %v, want the stored change under the new environment", name, p, err)
		}
		if n, err := restarted.CountProjects(t.Context(), "ours"); n != 1 || err != nil {
			t.Errorf("%s: count of the new name: got %d, %v, want 1", name, n, err)
		}
	}
}

func TestEnvironmentIsChangedInTheEnvironment(t *testing.T) {
	s := defaultStore(newDocuments())
	if err := s.EnsureDefault(t.Context(), *s.DefaultProject); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*projects.Project)
		want   bool
	}{
		"nothing":    {func(*projects.Project) {}, true},
		"mints":      {func(p *projects.Project) { p.TokenPolicy.MintsPerMinute = 5 }, true},
		"platform":   {func(p *projects.Project) { p.Platform = "other" }, false},
		"settings":   {func(p *projects.Project) { p.Settings["hls_url"] = "https://x" }, false},
		"credential": {func(p *projects.Project) { p.Credential = map[string]secret.Value{"api_key": secret.New("x")} }, false},
		"ttl":        {func(p *projects.Project) { p.TokenPolicy.DefaultTTL = 61 }, false},
		"longest":    {func(p *projects.Project) { p.TokenPolicy.MaxTTL = 61 }, false},
		"rotation":   {func(p *projects.Project) { p.RotationPolicy.KeyBudget = 6 }, false},
	} {
		_, err := s.UpdateProject(t.Context(), projects.Default, func(p *projects.Project) error { c.change(p); return nil })
		guard, ok := errors.AsType[*keyrotation.Guard](err)
		if ok == c.want || ok && !strings.Contains(guard.Why, "environment") || c.want && err != nil {
			t.Errorf("%s: got %v, want a guard that names the environment, or no error", name, err)
		}
	}
	err := s.DeleteProject(t.Context(), projects.Default)
	if _, ok := errors.AsType[*keyrotation.Guard](err); !ok {
		t.Error(err)
	}
	if s.DefaultProject.Settings["hls_url"] != "" {
		t.Error("got the environment's own settings changed, want a copy")
	}
}
