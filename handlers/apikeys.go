package handlers

import (
	"context"
	"slices"

	"playtoken/projects"
)

// CreatedAPIKey is a new API key with its value, which is shown only once.
type CreatedAPIKey struct {
	projects.APIKey
	Value string `json:"value"`
}

var _ withCreated = CreatedAPIKey{}

func (k CreatedAPIKey) created() (project, subject string) { return k.ProjectID, k.ID }

// apiKeyBody is what a caller may set of an API key.
type apiKeyBody struct {
	Name        string           `json:"name"`
	Description string           `json:"description"`
	Scopes      []projects.Scope `json:"scopes"` // absent: mint
	Bounds      projects.Bounds  `json:",embed"`
	Reason      string           `json:"reason"` // of the change, for the record
}

var (
	_ withCheck  = apiKeyBody{}
	_ withReason = apiKeyBody{}
)

func (b apiKeyBody) reason() string { return b.Reason }
func (b apiKeyBody) check() error   { return invalidFields(checkReason(b.Reason, false)...) }

func apiKeyBodyOf(k projects.APIKey) apiKeyBody {
	return apiKeyBody{Name: k.Name, Description: k.Description, Scopes: slices.Clone(k.Scopes), Bounds: projects.Bounds{
		ExpiresAt: k.Bounds.ExpiresAt, Videos: slices.Clone(k.Bounds.Videos), Networks: slices.Clone(k.Bounds.Networks),
	}}
}

func (b apiKeyBody) fill(k *projects.APIKey) {
	if b.Scopes == nil {
		b.Scopes = []projects.Scope{projects.ScopeMint}
	}
	k.Name, k.Description, k.Scopes, k.Bounds = b.Name, b.Description, b.Scopes, b.Bounds
}

func (s *server) apiKeysOf(c call) string { return projectsPath + "/" + c.project + "/api-keys" }

func (s *server) listAPIKeys(ctx context.Context, c call, q pageQuery) (Page[projects.APIKey], error) {
	page := q.withDefaults()
	list, err := s.Store.APIKeys(ctx, c.project, page)
	if err != nil {
		return Page[projects.APIKey]{}, err
	}
	return newPage(s.apiKeysOf(c), page, list.Items, list.Number, list.Next, list.Previous), nil
}

func (s *server) countAPIKeys(ctx context.Context, c call, q nameQuery) (count, error) {
	n, err := s.Store.CountAPIKeys(ctx, c.project, q.name)
	return count{n}, err
}

func (s *server) showAPIKey(ctx context.Context, c call, _ noBody) (projects.APIKey, error) {
	return s.Store.APIKey(ctx, c.project, c.vars["api_key_id"])
}

func (s *server) createAPIKey(ctx context.Context, c call, body apiKeyBody) (CreatedAPIKey, error) {
	key := projects.APIKey{ProjectID: c.project}
	body.fill(&key)
	ctx, cancel := detached(ctx)
	defer cancel()
	created, err := s.Store.CreateAPIKey(ctx, key)
	if err != nil {
		return CreatedAPIKey{}, err
	}
	return CreatedAPIKey{APIKey: created.APIKey, Value: created.Value.Reveal()}, nil
}

func (s *server) updateAPIKey(ctx context.Context, c call, patch mergePatch[apiKeyBody]) (projects.APIKey, error) {
	ctx, cancel := detached(ctx)
	defer cancel()
	return s.Store.UpdateAPIKey(ctx, c.project, c.vars["api_key_id"], func(key *projects.APIKey) error {
		body := apiKeyBodyOf(*key)
		if err := patch.apply(&body); err != nil {
			return err
		}
		body.fill(key)
		return nil
	})
}

func (s *server) endTokens(ctx context.Context, c call, _ whyBody) (noContent, error) {
	ctx, cancel := detached(ctx)
	defer cancel()
	return noContent{}, s.Store.EndTokens(ctx, c.project, c.vars["api_key_id"])
}

func (s *server) deleteAPIKey(ctx context.Context, c call, _ whyBody) (noContent, error) {
	ctx, cancel := detached(ctx)
	defer cancel()
	return noContent{}, s.Store.DeleteAPIKey(ctx, c.project, c.vars["api_key_id"])
}
