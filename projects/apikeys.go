package projects

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"playtoken/secret"
)

// apiKeyDocument is the stored form of an API key.
type apiKeyDocument struct {
	ID        string    `json:"api_key_id"`
	ProjectID string    `json:"project_id"`
	Name      string    `json:"name"`
	Scopes    []Scope   `json:"scopes"`
	CreatedAt time.Time `json:"created_at"`
	Hash      []byte    `json:"hash"` // of the value; see Store.hash

	// What came later is left out while it says nothing.
	Description string     `json:"description,omitempty"`
	ExpiresAt   *time.Time `json:"expires_at,omitzero"`
	Videos      []string   `json:"videos,omitempty"`
	Networks    []string   `json:"networks,omitempty"`
	TokensEnded int64      `json:"tokens_ended,omitzero"`
}

// useDocument says when an API key was last used.
type useDocument struct {
	LastUsedAt time.Time `json:"last_used_at"`
}

func (d *apiKeyDocument) key(version int64) APIKey {
	return APIKey{
		ID: d.ID, ProjectID: d.ProjectID, Name: d.Name, Description: d.Description, Scopes: d.Scopes,
		Bounds:    Bounds{ExpiresAt: d.ExpiresAt, Videos: d.Videos, Networks: d.Networks},
		CreatedAt: d.CreatedAt, TokensEnded: d.TokensEnded, Version: version,
	}
}

// set takes over what may be changed of a key.
func (d *apiKeyDocument) set(k APIKey) {
	d.Name, d.Description, d.Scopes, d.TokensEnded = k.Name, k.Description, k.Scopes, k.TokensEnded
	d.ExpiresAt, d.Videos, d.Networks = k.Bounds.ExpiresAt, k.Bounds.Videos, k.Bounds.Networks
}

func (k *APIKey) entry() entry {
	return entry{id: k.ID, name: k.Name, created: k.CreatedAt, version: k.Version}
}

// CreateAPIKey creates an API key of a project under a new id. Only the result
// contains its value; the store keeps a hash.
func (s *Store) CreateAPIKey(ctx context.Context, k APIKey) (NewAPIKey, error) {
	k.Scopes, k.CreatedAt, k.LastUsedAt, k.TokensEnded = slices.Clone(k.Scopes), s.now(), nil, 0
	if err := checkAPIKey(k, nil, k.CreatedAt); err != nil {
		return NewAPIKey{}, err
	}
	if _, err := s.Project(ctx, k.ProjectID); err != nil {
		return NewAPIKey{}, err
	}
	var err error
	if k.ID, err = s.newID(ctx, apiKeyPrefix); err != nil {
		return NewAPIKey{}, fmt.Errorf("create API key: %w", err)
	}
	created := NewAPIKey{APIKey: k, Value: newValue(valuePrefix, k.ID)}
	if created.Version, err = s.storeNewKey(ctx, k, created.Value); err != nil {
		return NewAPIKey{}, fmt.Errorf("create API key: %w", err)
	}
	if _, err := s.Project(ctx, k.ProjectID); errors.Is(err, ErrNotFound) { // deleted meanwhile
		return NewAPIKey{}, errors.Join(err, s.dropAPIKey(ctx, k.ProjectID, k.ID))
	}
	return created, nil
}

// storeNewKey writes the key's row in the index, and then the key.
func (s *Store) storeNewKey(ctx context.Context, k APIKey, value secret.Value) (int64, error) {
	hash, err := s.hash(ctx, value)
	if err != nil {
		return 0, err
	}
	row := k.entry()
	row.version = 1
	if err := s.addRow(ctx, keysOf(k.ProjectID), row, false); err != nil {
		return 0, err
	}
	held := apiKeyDocument{ID: k.ID, ProjectID: k.ProjectID, CreatedAt: k.CreatedAt, Hash: hash}
	held.set(k)
	return s.save(ctx, apiKeyName(k.ID), held, 0)
}

// APIKey returns an API key of a project, read from the store. The error is
// ErrNotFound for a key of another project.
func (s *Store) APIKey(ctx context.Context, projectID, id string) (APIKey, error) {
	held, version, err := s.apiKey(ctx, id, s.readOnly)
	if err == nil && held.ProjectID != projectID {
		err = fmt.Errorf("API key %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return APIKey{}, err
	}
	k := held.key(version)
	k.LastUsedAt, err = s.lastUse(ctx, id)
	return k, err
}

func (s *Store) apiKey(ctx context.Context, id string, read reader) (held apiKeyDocument, version int64, err error) {
	if !idForm.MatchString(id) {
		return held, 0, ErrNotFound
	}
	if version, err = read(ctx, apiKeyName(id), &held); err != nil {
		return held, 0, fmt.Errorf("read API key %s: %w", id, notFound(err))
	}
	return held, version, nil
}

// UpdateAPIKey changes the name, the scopes and the bounds of an API key. Change is called
// again after a conflict with another writer, and its error ends the update.
func (s *Store) UpdateAPIKey(ctx context.Context, projectID, id string, change func(*APIKey) error) (APIKey, error) {
	var k APIKey
	var renamed bool
	err := retryConflicts("update API key "+id, func() (err error) {
		k, renamed, err = s.updateKeyOnce(ctx, projectID, id, change)
		return err
	})
	s.changed(id)
	if err == nil {
		err = s.addRow(ctx, keysOf(projectID), k.entry(), renamed)
	}
	if err != nil {
		return APIKey{}, err
	}
	return k, nil
}

func (s *Store) updateKeyOnce(ctx context.Context, projectID, id string, change func(*APIKey) error) (k APIKey, renamed bool, err error) {
	if k, err = s.APIKey(ctx, projectID, id); err != nil {
		return k, false, err
	}
	held, version, err := s.apiKey(ctx, id, s.readForUpdate)
	if err != nil {
		return k, false, err
	}
	used := k.LastUsedAt
	k = held.key(version)
	k.LastUsedAt, k.Scopes = used, slices.Clone(k.Scopes)
	if err = change(&k); err != nil {
		return k, false, err
	}
	if err = checkAPIKey(k, held.ExpiresAt, s.now()); err != nil {
		return k, false, err
	}
	renamed = held.Name != k.Name
	held.set(k)
	k = held.key(version)
	k.LastUsedAt = used
	k.Version, err = s.save(ctx, apiKeyName(id), held, version)
	return k, renamed, err
}

// EndTokens ends every access token and refresh token that an API key was exchanged
// for so far; the key itself stays.
func (s *Store) EndTokens(ctx context.Context, projectID, id string) error {
	_, err := s.UpdateAPIKey(ctx, projectID, id, func(k *APIKey) error { k.TokensEnded++; return nil })
	return err
}

// DeleteAPIKey deletes an API key.
func (s *Store) DeleteAPIKey(ctx context.Context, projectID, id string) error {
	held, _, err := s.apiKey(ctx, id, s.readOnly)
	if err == nil && held.ProjectID != projectID {
		err = fmt.Errorf("API key %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return err
	}
	return s.dropAPIKey(ctx, projectID, id)
}
