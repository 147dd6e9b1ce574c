package access

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"playtoken/projects"
	"playtoken/secret"
)

// environment adds the API key that the environment sets to other Keys. The id of
// that key in tokens depends on its value, so that its tokens end when the
// environment sets another.
type environment struct {
	Keys
	callers func() projects.EnvironmentKeys
	secrets Secrets
}

// WithEnvironment adds the API key of the environment, as it is at each call, to
// those of the store. The admin key is not an API key and cannot be exchanged.
func WithEnvironment(keys Keys, callers func() projects.EnvironmentKeys, secrets Secrets) Keys {
	return &environment{Keys: keys, callers: callers, secrets: secrets}
}

// Identify implements [Keys].
func (e *environment) Identify(ctx context.Context, apiKey secret.Value) (projects.Caller, error) {
	now := e.callers()
	caller, err := now.Identify(ctx, apiKey)
	switch {
	case errors.Is(err, projects.ErrUnknownCaller):
		return e.Keys.Identify(ctx, apiKey)
	case err != nil || caller.Operates():
		return caller, err
	}
	caller.ID, err = e.id(ctx, now.APIKey)
	return caller, err
}

// Key implements [Keys]. The key that it returns has the id that the key's own
// requests have, so that audit log and limits see one caller.
func (e *environment) Key(ctx context.Context, id string) (projects.APIKey, error) {
	return e.key(ctx, id, e.Keys.Key)
}

// NewestKey implements [Keys].
func (e *environment) NewestKey(ctx context.Context, id string) (projects.APIKey, error) {
	return e.key(ctx, id, e.Keys.NewestKey)
}

func (e *environment) key(ctx context.Context, id string, other func(context.Context, string) (projects.APIKey, error)) (projects.APIKey, error) {
	now := e.callers()
	caller, err := now.Identify(ctx, now.APIKey)
	if err != nil { // the environment sets no API key
		return other(ctx, id)
	}
	own, err := e.id(ctx, now.APIKey)
	switch {
	case err != nil:
		return projects.APIKey{}, err
	case id != own:
		return other(ctx, id)
	}
	return projects.APIKey{ID: caller.ID, ProjectID: caller.ProjectID, Scopes: caller.Scopes}, nil
}

// id reveals nothing about the key without the secret.
func (e *environment) id(ctx context.Context, apiKey secret.Value) (string, error) {
	key, err := e.secrets.Secret(ctx, "name of the environment's API key")
	if err != nil {
		return "", fmt.Errorf("API key of the environment: %w", err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(apiKey.Reveal()))
	return "environment_" + hex.EncodeToString(mac.Sum(nil)[:10]), nil
}
