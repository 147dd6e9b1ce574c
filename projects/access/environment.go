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

// environment is Keys, and the API key that the environment names. In tokens
// its id depends on its value: they end when the environment has another one.
type environment struct {
	Keys
	callers projects.EnvironmentKeys
	secrets Secrets
}

// WithEnvironment adds the API key of the environment to those of the store.
// The admin key is none: it is not exchanged.
func WithEnvironment(keys Keys, callers projects.EnvironmentKeys, secrets Secrets) Keys {
	return &environment{keys, callers, secrets}
}

// Identify implements [Keys].
func (e *environment) Identify(ctx context.Context, apiKey secret.Value) (projects.Caller, error) {
	caller, err := e.callers.Identify(ctx, apiKey)
	switch {
	case errors.Is(err, projects.ErrUnknownCaller):
		return e.Keys.Identify(ctx, apiKey)
	case err != nil || caller.Admin:
		return caller, err
	}
	caller.ID, err = e.id(ctx)
	return caller, err
}

// Key implements [Keys]. What it returns is called as it is when it presents
// itself: for records and limits it is one caller.
func (e *environment) Key(ctx context.Context, id string) (projects.APIKey, error) {
	caller, err := e.callers.Identify(ctx, e.callers.APIKey)
	if err != nil { // there is none
		return e.Keys.Key(ctx, id)
	}
	own, err := e.id(ctx)
	switch {
	case err != nil:
		return projects.APIKey{}, err
	case id != own:
		return e.Keys.Key(ctx, id)
	}
	return projects.APIKey{ID: caller.ID, ProjectID: caller.ProjectID, Scopes: caller.Scopes}, nil
}

// id tells nothing about the key to those who do not know the secret.
func (e *environment) id(ctx context.Context) (string, error) {
	key, err := e.secrets.Secret(ctx, "name of the environment's API key")
	if err != nil {
		return "", fmt.Errorf("API key of the environment: %w", err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(e.callers.APIKey.Reveal()))
	return "environment_" + hex.EncodeToString(mac.Sum(nil)[:10]), nil
}
