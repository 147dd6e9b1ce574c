package vaultkeys

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"regexp"

	"playtoken/keyrotation"
	"playtoken/store"
)

var keyName = regexp.MustCompile(`^[a-z0-9_]{7,40}$`)

// newKey is the request for a key. It names every parameter, because versions
// of Vault differ in their defaults. The types of transit have the names of our
// kinds.
type newKey struct {
	Type            store.Kind `json:"type"`
	Exportable      bool       `json:"exportable"`
	PlaintextBackup bool       `json:"allow_plaintext_backup"`
	AutoRotate      int        `json:"auto_rotate_period"`
	Derived         bool       `json:"derived"`
}

// transitKey describes a key in transit.
type transitKey struct {
	Type            string `json:"type"`
	Exportable      bool   `json:"exportable"`
	PlaintextBackup bool   `json:"allow_plaintext_backup"`
	AutoRotate      int64  `json:"auto_rotate_period"`
	LatestVersion   int    `json:"latest_version"`
	Keys            map[string]struct {
		PublicKey string `json:"public_key"`
	} `json:"keys"`
}

// Create implements store.PrivateKeys: each generation is a transit key, of which
// only version 1 is used. Create continues when ctx ends, so that the key
// cannot appear after a later Destroy.
func (s *Store) Create(ctx context.Context, name string, spec store.KeySpec) (store.KeyInfo, error) {
	switch {
	case !keyName.MatchString(name):
		return store.KeyInfo{}, fmt.Errorf("create key: %.60q is not a valid name of a key", name)
	case !spec.Kind.Known():
		return store.KeyInfo{}, fmt.Errorf("create key %s: key kind %.20q: want one of %v", name, spec.Kind, store.Kinds())
	}
	_, err := s.send(ctx, request{
		method: http.MethodPut, path: s.transit + "/keys/" + name,
		body: newKey{Type: spec.Kind, Exportable: spec.Exportable}, timeout: max(s.timeout, createTimeout), detached: true,
	})
	if err != nil {
		return store.KeyInfo{}, fmt.Errorf("create key %s: %w", name, err)
	}
	// A key of that name exists, made now or before. Its properties decide
	// whether it is the one that was requested.
	key, stored, err := s.describe(ctx, name)
	if err == nil && key.AutoRotate != 0 {
		err = errors.New("vault rotates this key by itself (auto_rotate_period is set)")
	}
	if err != nil {
		return store.KeyInfo{}, fmt.Errorf("create key %s: %w", name, err)
	}
	return stored, nil
}

// Describe implements store.PrivateKeys. A key that may be backed up in plain
// text counts as exportable: in both cases it may leave Vault.
func (s *Store) Describe(ctx context.Context, name string) (store.KeyInfo, error) {
	if !keyName.MatchString(name) {
		return store.KeyInfo{}, fmt.Errorf("describe key: %.60q is not a valid name of a key", name)
	}
	_, stored, err := s.describe(ctx, name)
	if err != nil {
		return store.KeyInfo{}, fmt.Errorf("describe key %s: %w", name, err)
	}
	return stored, nil
}

func (s *Store) describe(ctx context.Context, name string) (transitKey, store.KeyInfo, error) {
	r := request{method: http.MethodGet, path: s.transit + "/keys/" + name, timeout: s.timeout}
	body, err := s.send(ctx, r)
	if err != nil {
		return transitKey{}, store.KeyInfo{}, err
	}
	key, err := decode[transitKey](r, body)
	if err != nil {
		return transitKey{}, store.KeyInfo{}, err
	}
	stored, err := key.stored()
	return key, stored, err
}

func (k transitKey) stored() (store.KeyInfo, error) {
	first, ok := k.Keys["1"]
	if !ok {
		return store.KeyInfo{}, fmt.Errorf("vault: the key no longer has version 1; its latest is %d", k.LatestVersion)
	}
	public, err := k.public(first.PublicKey)
	if err != nil {
		return store.KeyInfo{}, fmt.Errorf("vault: key of type %.20q: %w", k.Type, err)
	}
	kind, err := store.KindOf(public)
	if err == nil && string(kind) != k.Type {
		err = fmt.Errorf("its public key is of the kind %s", kind)
	}
	if err != nil {
		return store.KeyInfo{}, fmt.Errorf("vault: key of type %.20q: %w", k.Type, err)
	}
	text, err := keyrotation.EncodePublicKey(public)
	if err != nil {
		return store.KeyInfo{}, err
	}
	return store.KeyInfo{
		Spec:      store.KeySpec{Kind: kind, Exportable: k.Exportable || k.PlaintextBackup},
		PublicKey: text,
		Versions:  k.LatestVersion,
	}, nil
}

// public parses the public half of a version. Of Ed25519, Vault shows the bare 32
// bytes; of the other types, PEM.
func (k transitKey) public(text string) (crypto.PublicKey, error) {
	if k.Type != string(store.Ed25519) {
		return keyrotation.ParsePublicKey(text)
	}
	bare, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(bare) != ed25519.PublicKeySize {
		return nil, errors.New("its public key is not 32 bytes in base64")
	}
	return ed25519.PublicKey(bare), nil
}

// Destroy implements store.PrivateKeys. It continues when ctx ends: Vault can
// leave a key half deleted if the request is abandoned.
func (s *Store) Destroy(ctx context.Context, name string) error {
	if !keyName.MatchString(name) {
		return fmt.Errorf("destroy key: %.60q is not a valid name of a key", name)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), destroyTimeout)
	defer cancel()
	if err := s.destroy(ctx, name); err != nil {
		return fmt.Errorf("destroy key %s: %w", name, err)
	}
	return nil
}

func (s *Store) destroy(ctx context.Context, name string) error {
	path := s.transit + "/keys/" + name
	allow := map[string]bool{"deletion_allowed": true}
	steps := []request{
		{method: http.MethodPut, path: path + "/config", body: allow, timeout: s.timeout},
		{method: http.MethodDelete, path: path, timeout: s.timeout},
	}
	var refused error
	for _, step := range steps {
		_, err := s.send(ctx, step)
		if _, no := refusal(err); no {
			refused = err // possibly because the key does not exist
			break
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	// Destroy has succeeded if the key does not exist, whichever responses came.
	_, _, err := s.describe(ctx, name)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case refused != nil:
		return refused
	case err != nil:
		return err
	}
	return errors.New("vault confirmed the deletion, but the key still exists")
}
