package access_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/platforms"
	"playtoken/projects"
	"playtoken/projects/access"
	"playtoken/secret"
	"playtoken/store"
)

var (
	_ access.Keys    = (*projects.View)(nil)
	_ access.Secrets = (*projects.Store)(nil)
)

// site is a store of projects that forgets tokens with their API keys.
func site(documents store.Documents) *projects.Store {
	store := projects.NewStore(documents, projects.Kinds{"vidbeo": platforms.Kind{
		Name: "vidbeo", Open: func(platforms.Account) (platforms.Platform, error) { return platforms.Platform{}, nil },
	}})
	store.Forget = func(ctx context.Context, id string) error { return access.Forget(ctx, documents, id) }
	return store
}

// frontend makes a project and its API key.
func frontend(t *testing.T, store *projects.Store) (projects.Project, projects.NewAPIKey) {
	t.Helper()
	project, err := store.CreateProject(t.Context(), projects.Project{Name: "a site", Platform: "vidbeo"})
	if err != nil {
		t.Fatal(err)
	}
	key, err := store.CreateAPIKey(t.Context(), projects.APIKey{ProjectID: project.ID, Name: "frontend", Scopes: []projects.Scope{"mint"}})
	if err != nil {
		t.Fatal(err)
	}
	return project, key
}

// removals are the ways in which an API key goes.
var removals = map[string]func(context.Context, *projects.Store, projects.APIKey) error{
	"API key": func(ctx context.Context, s *projects.Store, k projects.APIKey) error {
		return s.DeleteAPIKey(ctx, k.ProjectID, k.ID)
	},
	"project": func(ctx context.Context, s *projects.Store, k projects.APIKey) error {
		return s.DeleteProject(ctx, k.ProjectID)
	},
}

// TestTokensFollowTheirAPIKey is about the real projects: an API key that is
// deleted ends its tokens, and so does its project, within the view age.
func TestTokensFollowTheirAPIKey(t *testing.T) {
	for what, remove := range removals {
		synctest.Test(t, func(t *testing.T) {
			documents := newMemory()
			store := site(documents)
			view := projects.NewView(store, viewAge, 0)
			defer view.Close()
			project, key := frontend(t, store)
			keys := access.WithEnvironment(view, always(environment), store)
			a, err := access.New(access.Config{Documents: documents, Keys: keys, Secrets: store, Signer: unsigned{}, ViewAge: viewAge})
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			got, err := a.Exchange(t.Context(), key.Value)
			if err != nil {
				t.Fatal(err)
			}
			if got, err = a.Refresh(t.Context(), got.Refresh); err != nil {
				t.Fatal(err)
			}
			token := tokenOf(t, documents, key.APIKey)
			caller, err := a.Identify(t.Context(), token)
			if err != nil || caller.ID != key.ID || caller.ProjectID != project.ID || !slices.Equal(caller.Scopes, key.Scopes) {
				t.Errorf("Identify: got %+v, %v, want the API key's caller", caller, err)
			}
			if err := remove(t.Context(), store, key.APIKey); err != nil {
				t.Fatal(err)
			}
			time.Sleep(viewAge + time.Second)
			_, err = a.Identify(t.Context(), token)
			refused(t, "Identify without its "+what, err)
			_, err = a.Refresh(t.Context(), got.Refresh)
			refused(t, "Refresh without its "+what, err)
			_, err = a.Exchange(t.Context(), key.Value)
			refused(t, "Exchange without its "+what, err)
		})
	}
}

// deaf is a store that does not hear the nth deletion, once.
type deaf struct {
	*memory
	nth int
}

func (d *deaf) Delete(ctx context.Context, name string) error {
	if d.nth--; d.nth == 0 {
		return errLost
	}
	return d.memory.Delete(ctx, name)
}

// TestNothingIsLeftOfTokensWithoutTheirAPIKey, whichever step of its deletion
// was in vain at first: a list goes on with it, and for a project its deletion
// again.
func TestNothingIsLeftOfTokensWithoutTheirAPIKey(t *testing.T) {
	for what, remove := range removals {
		for _, goOn := range []string{"list", "again"} {
			for nth, reached := 1, what == "project" || goOn == "list"; reached; nth++ {
				synctest.Test(t, func(t *testing.T) { reached = forgotten(t, remove, nth, goOn) })
			}
		}
	}
}

// forgotten reports whether the removal made so many deletions.
func forgotten(t *testing.T, remove func(context.Context, *projects.Store, projects.APIKey) error, nth int, goOn string) bool {
	documents := &deaf{memory: newMemory()}
	store := site(documents)
	view := projects.NewView(store, viewAge, 0)
	defer view.Close()
	project, key := frontend(t, store)
	_, other := frontend(t, store)
	a := replica(t, documents, view, unsigned{})
	for _, value := range []secret.Value{key.Value, key.Value, other.Value} {
		if _, err := a.Exchange(t.Context(), value); err != nil {
			t.Fatal(err)
		}
	}
	documents.nth = nth
	err := remove(t.Context(), store, key.APIKey)
	reached := documents.nth <= 0
	if err != nil && !reached {
		t.Error(err)
	}
	if nth == 1 || err != nil && goOn == "again" {
		remove(t.Context(), store, key.APIKey)
	}
	if goOn == "list" {
		time.Sleep(2 * time.Hour) // no exchange is still writing it
		store.Projects(t.Context(), projects.Page{})
		store.APIKeys(t.Context(), project.ID, projects.Page{})
	}
	families, lists := documents.named("family"), documents.named("families")
	if len(families) != 1 || len(lists) != 1 || !strings.Contains(families[0], other.ID) {
		t.Errorf("after deletion %d, interrupted, %s: got %d families and %d lists left, want only the other key's", nth, goOn, len(families), len(lists))
	}
	return reached
}

// tokenOf makes an access token of an API key, with a key that is published.
func tokenOf(t *testing.T, documents *memory, key projects.APIKey) secret.Value {
	t.Helper()
	return sign(ours(), header(publish(t, documents, ours())), claimsOf(key.ID, -60, 600))
}
