package access_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/platforms"
	"playtoken/projects"
	"playtoken/projects/access"
	"playtoken/secret"
)

var (
	_ access.Keys    = (*projects.View)(nil)
	_ access.Secrets = (*projects.Store)(nil)
)

// TestTokensFollowTheirAPIKey is about the real projects: an API key that is
// deleted ends its tokens, and so does its project, within the view age.
func TestTokensFollowTheirAPIKey(t *testing.T) {
	for what, remove := range map[string]func(context.Context, *projects.Store, projects.APIKey) error{
		"API key": func(ctx context.Context, s *projects.Store, k projects.APIKey) error {
			return s.DeleteAPIKey(ctx, k.ProjectID, k.ID)
		},
		"project": func(ctx context.Context, s *projects.Store, k projects.APIKey) error {
			return s.DeleteProject(ctx, k.ProjectID)
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			documents := newMemory()
			store := projects.NewStore(documents, projects.Kinds{"vidbeo": platforms.Kind{
				Name: "vidbeo", Open: func(platforms.Account) (platforms.Platform, error) { return platforms.Platform{}, nil },
			}})
			view := projects.NewView(store, viewAge, 0)
			defer view.Close()
			project, err := store.CreateProject(t.Context(), projects.Project{Name: "a site", Platform: "vidbeo"})
			if err != nil {
				t.Fatal(err)
			}
			key, err := store.CreateAPIKey(t.Context(), project.ID, "frontend", []projects.Scope{"mint"})
			if err != nil {
				t.Fatal(err)
			}
			keys := access.WithEnvironment(view, environment, store)
			a, err := access.New(access.Config{Documents: documents, Keys: keys, Secrets: store, Signer: unsigned{}, ViewAge: viewAge})
			if err != nil {
				t.Fatal(err)
			}
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
				t.Errorf("Identify = %+v, %v", caller, err)
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

// tokenOf makes an access token of an API key, with a key that is published.
func tokenOf(t *testing.T, documents *memory, key projects.APIKey) secret.Value {
	t.Helper()
	return sign(ours(), header(publish(t, documents, ours())), claimsOf(key.ID, -60, 600))
}
