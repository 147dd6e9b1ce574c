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
	secretsName = "deployment/secrets"
	secretSize  = 32 // bytes
)

// deploymentSecrets is the document that every process of a deployment, and
// no other deployment, has.
type deploymentSecrets struct {
	Root []byte `json:"root"`
}

// Secret returns 32 bytes that every process of this deployment derives for a
// purpose from the same root, which is made when it is first needed. The result
// must not be changed.
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

// rootSecret reads the root, or makes it. Only what the store is known to hold
// is ever used: of two that are made at once, one is kept.
func (s *Store) rootSecret(ctx context.Context) ([]byte, error) {
	if kept := s.root.Load(); kept != nil {
		return *kept, nil
	}
	var held deploymentSecrets
	_, err := s.look(ctx, secretsName, &held)
	if errors.Is(err, store.ErrNotFound) {
		held.Root = make([]byte, secretSize)
		rand.Read(held.Root) // never fails
		if _, err = s.save(ctx, secretsName, held, 0); errors.Is(err, store.ErrConflict) {
			held = deploymentSecrets{}
			_, err = s.look(ctx, secretsName, &held)
		}
	}
	if err == nil && len(held.Root) != secretSize {
		err = fmt.Errorf("%s: want %d bytes", secretsName, secretSize)
	}
	if err != nil {
		return nil, err
	}
	s.root.Store(&held.Root)
	return held.Root, nil
}
