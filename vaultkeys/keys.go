package vaultkeys

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"

	"playtoken/keyrotation"
	"playtoken/store"
)

var keyName = regexp.MustCompile(`^[a-z0-9_]{7,40}$`)

// keyTypes are transit's names for the keys that we make.
var keyTypes = map[int]string{2048: "rsa-2048", 3072: "rsa-3072", 4096: "rsa-4096"}

// newKey creates a key. Nothing is left to defaults that another version of
// Vault might see differently.
type newKey struct {
	Type            string `json:"type"`
	Exportable      bool   `json:"exportable"`
	PlaintextBackup bool   `json:"allow_plaintext_backup"`
	AutoRotate      int    `json:"auto_rotate_period"`
	Derived         bool   `json:"derived"`
}

// transitKey is what transit tells about a key.
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

// Create implements store.PrivateKeys: one transit key is one
// generation, and only its version 1 is ever used. A key that is being made is
// waited for even if ctx ends, so that it cannot appear after its destruction.
func (s *Store) Create(ctx context.Context, name string, spec store.KeySpec) (store.KeyInfo, error) {
	kind, known := keyTypes[spec.Bits]
	switch {
	case !keyName.MatchString(name):
		return store.KeyInfo{}, fmt.Errorf("create key: %.60q is not a key's name", name)
	case !known:
		return store.KeyInfo{}, fmt.Errorf("create key %s: %d bits, want 2048, 3072 or 4096", name, spec.Bits)
	}
	_, err := s.send(ctx, request{
		method: http.MethodPut, path: s.transit + "/keys/" + name,
		body: newKey{Type: kind, Exportable: spec.Exportable}, timeout: max(s.timeout, createTimeout), whole: true,
	})
	if err != nil {
		return store.KeyInfo{}, fmt.Errorf("create key %s: %w", name, err)
	}
	// There is a key of that name, made now or earlier, in whatever way. What
	// counts is what it is.
	key, stored, err := s.describe(ctx, name)
	if err == nil && key.AutoRotate != 0 {
		err = errors.New("vault would rotate it behind our back (auto_rotate_period)")
	}
	if err != nil {
		return store.KeyInfo{}, fmt.Errorf("create key %s: %w", name, err)
	}
	return stored, nil
}

// Describe implements store.PrivateKeys. A key that may be backed up in
// plain text counts as exportable: either way it may leave Vault.
func (s *Store) Describe(ctx context.Context, name string) (store.KeyInfo, error) {
	if !keyName.MatchString(name) {
		return store.KeyInfo{}, fmt.Errorf("describe key: %.60q is not a key's name", name)
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
		return store.KeyInfo{}, fmt.Errorf("vault: version 1 was trimmed away, the latest is %d", k.LatestVersion)
	}
	public, err := keyrotation.ParsePublicKey(first.PublicKey)
	if err != nil {
		return store.KeyInfo{}, fmt.Errorf("vault: key of type %.20q: %w", k.Type, err)
	}
	bits := public.N.BitLen()
	if keyTypes[bits] != k.Type {
		return store.KeyInfo{}, fmt.Errorf("vault: key of type %.20q with %d bits", k.Type, bits)
	}
	text, err := keyrotation.EncodePublicKey(public)
	if err != nil {
		return store.KeyInfo{}, err
	}
	return store.KeyInfo{
		Spec:      store.KeySpec{Bits: bits, Exportable: k.Exportable || k.PlaintextBackup},
		PublicKey: text,
		Versions:  k.LatestVersion,
	}, nil
}

// Destroy implements store.PrivateKeys. It has a deadline of its own:
// Vault has been seen to leave half a deletion behind when the request for it
// was given up.
func (s *Store) Destroy(ctx context.Context, name string) error {
	if !keyName.MatchString(name) {
		return fmt.Errorf("destroy key: %.60q is not a key's name", name)
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
			refused = err // perhaps because there is no such key
			break
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	// Whatever was answered: what was asked for is that there is no such key.
	_, _, err := s.describe(ctx, name)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case refused != nil:
		return refused
	case err != nil:
		return err
	}
	return errors.New("vault says it is deleted and still shows it")
}
