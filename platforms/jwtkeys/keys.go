package jwtkeys

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"playtoken/keyrotation"
	"playtoken/platforms"
	"playtoken/platforms/client"
	"playtoken/store"
)

const (
	keysPath    = "/jwt_keys"
	listTimeout = time.Minute // all pages of one list
)

// Register sends the key once. Besides what the platform refuses, a name or a
// key that it would refuse is keyrotation.ErrRefused. An answer without a
// usable id, or legibly about another key, tells nothing about what was
// registered.
func (a *API) Register(ctx context.Context, name, publicKey string) (string, error) {
	id, err := a.register(ctx, name, publicKey)
	if err != nil {
		return "", fmt.Errorf("register key: %w", err)
	}
	return id, nil
}

func (a *API) register(ctx context.Context, name, publicKey string) (string, error) {
	if err := platforms.CheckKey(name, publicKey); err != nil {
		return "", err
	}
	key, err := a.one(ctx, client.Call{
		Method: http.MethodPost,
		Path:   keysPath,
		Body:   newKey{Name: name, PublicKey: publicKey},
	})
	if err != nil {
		return "", err
	}
	if keyrotation.MatchPublicKey(key.PublicKey, publicKey) == keyrotation.Different {
		return "", errors.New("the answer is about another public key")
	}
	return key.ID, nil
}

// Get asks for one key.
func (a *API) Get(ctx context.Context, keyID string) (keyrotation.PlatformKey, error) {
	key, err := a.get(ctx, keyID)
	if err != nil {
		return keyrotation.PlatformKey{}, fmt.Errorf("get key: %w", err)
	}
	return key, nil
}

func (a *API) get(ctx context.Context, keyID string) (keyrotation.PlatformKey, error) {
	path, err := KeyPath(keyID)
	if err != nil {
		return keyrotation.PlatformKey{}, err
	}
	key, err := a.one(ctx, client.Call{Method: http.MethodGet, Path: path})
	if IsNotFound(err) {
		return keyrotation.PlatformKey{}, fmt.Errorf("%w: %w", store.ErrNotFound, err)
	}
	if err == nil && key.ID != keyID {
		return keyrotation.PlatformKey{}, errors.New("the answer is about another key id")
	}
	return key, err
}

// Delete removes one key.
func (a *API) Delete(ctx context.Context, keyID string) error {
	path, err := KeyPath(keyID)
	if err != nil {
		return fmt.Errorf("delete key: %w", err)
	}
	err = a.Call(ctx, client.Call{Method: http.MethodDelete, Path: path}, nil)
	if err != nil && !IsNotFound(err) {
		return fmt.Errorf("delete key: %w", err)
	}
	return nil
}

// List reads all pages, at most a hundred. It names no page size: the largest
// that is allowed is not documented, and one that the platform cuts down or
// refuses would gain less than it risks.
func (a *API) List(ctx context.Context) ([]keyrotation.PlatformKey, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	keys, err := client.Pages(nil, func(query url.Values) ([]keyrotation.PlatformKey, url.Values, error) {
		return a.page(ctx, query)
	})
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	return keys, nil
}

// page reads one page and returns the query of the next, nil if it is the
// last.
func (a *API) page(ctx context.Context, query url.Values) ([]keyrotation.PlatformKey, url.Values, error) {
	var answer envelope
	if err := a.calls.Do(ctx, client.Call{Method: http.MethodGet, Path: keysPath, Query: query, Into: &answer}); err != nil {
		return nil, nil, err
	}
	keys, err := answer.keys()
	if err != nil {
		return nil, nil, err
	}
	next, err := answer.next(a.calls.URL(keysPath, query))
	return keys, next, err
}

// one makes a call that is answered with one key.
func (a *API) one(ctx context.Context, call client.Call) (keyrotation.PlatformKey, error) {
	var answer envelope
	call.Into = &answer
	if err := a.calls.Do(ctx, call); err != nil {
		return keyrotation.PlatformKey{}, err
	}
	return answer.key()
}

// KeyPath is the path of one key.
func KeyPath(keyID string) (string, error) {
	if !IsID(keyID) {
		return "", errors.New("not a key id of this platform")
	}
	return keysPath + "/" + keyID, nil
}

// IsNotFound reports whether the platform answered that it has no such thing.
func IsNotFound(err error) bool {
	var status *client.StatusError
	return errors.As(err, &status) && status.Status == http.StatusNotFound
}
