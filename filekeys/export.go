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

// errNotExportable is the answer about a key that was made to stay.
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
	stored, err := s.unsealKey(sealed)
	if err != nil {
		return nil, err
	}
	defer clear(stored.der)
	if !stored.exportable {
		return nil, errNotExportable
	}
	// Not one of the parsed keys, which are shared: this one will be wiped.
	parsed, err := x509.ParsePKCS8PrivateKey(stored.der)
	key, ok := parsed.(*rsa.PrivateKey)
	if err != nil || !ok {
		return nil, fmt.Errorf("%w: no RSA key in %s", ErrDamaged, name)
	}
	return key, nil
}
