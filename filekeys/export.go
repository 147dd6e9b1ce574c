package filekeys

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"

	"playtoken/signer"
)

var _ signer.Exporter = (*Store)(nil)

// errNotExportable is the error for a key that was created without the right to
// be exported.
var errNotExportable = errors.New("the key was not made exportable")

// Export implements [signer.Exporter].
func (s *Store) Export(ctx context.Context, storeName string) (*rsa.PrivateKey, error) {
	key, err := s.export(ctx, storeName)
	if err != nil {
		return nil, fmt.Errorf("export key %.60q: %w", storeName, forSigner(err))
	}
	return key, nil
}

func (s *Store) export(ctx context.Context, name string) (*rsa.PrivateKey, error) {
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
	parsed, err := x509.ParsePKCS8PrivateKey(stored.der)
	key, ok := parsed.(*rsa.PrivateKey)
	if err != nil || !ok {
		return nil, fmt.Errorf("%w: %s is not an RSA key", ErrDamaged, name)
	}
	return key, nil
}
