package projects

import (
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	"playtoken/store"
)

const (
	secretsDocument = "deployment/secrets"
	secretSize      = 32 // bytes
)

// deploymentSecrets is the document that all processes of a deployment share, and
// that no other deployment has.
type deploymentSecrets struct {
	Root []byte `json:"root"`
}

// Secret returns 32 bytes that every process of this deployment derives for a
// purpose from the same root, which is created when it is first needed. The result
// must not be modified.
func (s *Store) Secret(ctx context.Context, purpose string) ([]byte, error) {
	if kept, ok := s.secrets.Load(purpose); ok {
		return kept.([]byte), nil
	}
	root, err := s.rootSecret(ctx)
	if err != nil {
		return nil, fmt.Errorf("secret of the deployment: %w", err)
	}
	key, err := hkdf.Key(sha256.New, root, nil, "playtoken "+purpose, secretSize)
	if err != nil {
		return nil, fmt.Errorf("derive a secret: %w", err)
	}
	kept, _ := s.secrets.LoadOrStore(purpose, key)
	return kept.([]byte), nil
}

// SecretsExist reports whether the deployment's root secret is stored. It never
// creates one. Errors: store.ErrUnavailable.
func (s *Store) SecretsExist(ctx context.Context) (bool, error) {
	_, err := s.documents.Read(ctx, secretsDocument)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// rootSecret reads the root, or creates it. If two processes create one at the same
// time, both use the one that was stored.
func (s *Store) rootSecret(ctx context.Context) ([]byte, error) {
	if kept := s.root.Load(); kept != nil {
		return *kept, nil
	}
	var held deploymentSecrets
	_, err := s.readOnly(ctx, secretsDocument, &held)
	if errors.Is(err, store.ErrNotFound) {
		held.Root = make([]byte, secretSize)
		rand.Read(held.Root) // never fails
		if _, err = s.save(ctx, secretsDocument, held, 0); errors.Is(err, store.ErrConflict) {
			held = deploymentSecrets{}
			_, err = s.readOnly(ctx, secretsDocument, &held)
		}
	}
	if err == nil && len(held.Root) != secretSize {
		err = fmt.Errorf("%s has the wrong size: it must have %d bytes", secretsDocument, secretSize)
	}
	if err != nil {
		return nil, err
	}
	s.root.Store(&held.Root)
	return held.Root, nil
}
