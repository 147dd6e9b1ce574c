package handlers

import (
	"context"

	"playtoken/projects"
)

// APIKeyMade is an API key with its value, which is shown this once.
type APIKeyMade struct {
	projects.APIKey
	Value string `json:"value"`
}

// made is what the record calls an API key that was made.
func (k APIKeyMade) made() (project, subject string) { return k.ProjectID, k.ID }

// apiKeyBody is all of an API key that a caller may set.
type apiKeyBody struct {
	Name   string           `json:"name"`
	Scopes []projects.Scope `json:"scopes"` // absent: to mint
}

func (s *server) apiKeysOf(c call) string { return projectsPath + "/" + c.project + "/api-keys" }

func (s *server) listAPIKeys(ctx context.Context, c call, q pageQuery) (Page[projects.APIKey], error) {
	page := q.asked()
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

func (s *server) createAPIKey(ctx context.Context, c call, body apiKeyBody) (APIKeyMade, error) {
	if body.Scopes == nil {
		body.Scopes = []projects.Scope{projects.ScopeMint}
	}
	ctx, cancel := detached(ctx)
	defer cancel()
	made, err := s.Store.CreateAPIKey(ctx, c.project, body.Name, body.Scopes)
	if err != nil {
		return APIKeyMade{}, err
	}
	return APIKeyMade{made.APIKey, made.Value.Reveal()}, nil
}

func (s *server) updateAPIKey(ctx context.Context, c call, patch mergePatch[apiKeyBody]) (projects.APIKey, error) {
	ctx, cancel := detached(ctx)
	defer cancel()
	return s.Store.UpdateAPIKey(ctx, c.project, c.vars["api_key_id"], func(key *projects.APIKey) error {
		body := apiKeyBody{Name: key.Name}
		body.Scopes = append(body.Scopes, key.Scopes...)
		if err := patch.over(&body); err != nil {
			return err
		}
		if body.Scopes == nil {
			body.Scopes = []projects.Scope{projects.ScopeMint}
		}
		key.Name, key.Scopes = body.Name, body.Scopes
		return nil
	})
}

func (s *server) deleteAPIKey(ctx context.Context, c call, _ noBody) (noContent, error) {
	ctx, cancel := detached(ctx)
	defer cancel()
	return noContent{}, s.Store.DeleteAPIKey(ctx, c.project, c.vars["api_key_id"])
}
