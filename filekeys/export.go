package filekeys

import (
	"context"
	"crypto"
	"errors"
	"fmt"

	"playtoken/signer"
)

var _ signer.Exporter = (*Store)(nil)

// errNotExportable is the error for a key that was created without the right to
// be exported.
var errNotExportable = errors.New("the key was not made exportable")

// Export implements [signer.Exporter].
func (s *Store) Export(ctx context.Context, storeName string) (crypto.Signer, error) {
	key, err := s.export(ctx, storeName)
	if err != nil {
		return nil, fmt.Errorf("export key %.60q: %w", storeName, forSigner(err))
	}
	return key, nil
}

func (s *Store) export(ctx context.Context, name string) (crypto.Signer, error) {
	sealed, err := s.find(ctx, name)
	if err != nil {
		return nil, err
	}
	stored, err := sealed.open()
	if err != nil {
		return nil, err
	}
	defer clear(stored.der)
	if !stored.exportable {
		return nil, errNotExportable
	}
	// The caller wipes this key, so it is not one of the shared parsed keys.
	return stored.parse(name)
}
