package vaultkeys

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"playtoken/signer"
	"playtoken/store"
)

var _ signer.Exporter = (*Store)(nil)

// Export implements signer.Exporter. It wipes its own copies of the encoded key.
// Copies in the buffers of the HTTP and TLS libraries last until their memory
// is used again.
func (s *Store) Export(ctx context.Context, storeName string) (crypto.Signer, error) {
	if !keyName.MatchString(storeName) {
		return nil, fmt.Errorf("export key: %.60q is not a valid name of a key", storeName)
	}
	key, err := s.export(ctx, storeName)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, fmt.Errorf("export key %s: %w", storeName, signer.ErrKeyGone)
	case err != nil:
		return nil, fmt.Errorf("export key %s: %w: %w", storeName, signer.ErrUnavailable, err)
	}
	return key, nil
}

// export requests version 1, whose public key the platforms have.
func (s *Store) export(ctx context.Context, name string) (crypto.Signer, error) {
	r := request{method: http.MethodGet, path: s.transit + "/export/signing-key/" + name + "/1", timeout: s.signTimeout()}
	body, err := s.send(ctx, r)
	if err != nil {
		return nil, err
	}
	defer clear(body)
	response, err := decode[struct {
		Keys map[string]jsontext.Value `json:"keys"`
	}](r, body)
	if err != nil {
		return nil, err
	}
	text := response.Keys["1"]
	defer clear(text)
	return privateKey(text)
}

// privateKey parses a private key in Vault's format: PEM in a JSON string. Its
// errors quote no part of it.
func privateKey(quoted jsontext.Value) (crypto.Signer, error) {
	text, err := jsontext.AppendUnquote(nil, quoted)
	defer clear(text)
	if err != nil {
		return nil, errors.New("vault: the response has no private key")
	}
	key, err := parsePrivate(text)
	if err != nil {
		return nil, errors.New("vault: the private key in the response is malformed")
	}
	return key, nil
}

// parsePrivate tells the kinds apart by their forms. Of Ed25519, Vault shows the
// bare 64 bytes in base64.
func parsePrivate(text []byte) (crypto.Signer, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		bare := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
		n, err := base64.StdEncoding.Decode(bare, text)
		if err != nil || n != ed25519.PrivateKeySize {
			clear(bare)
			return nil, errors.New("neither PEM nor an Ed25519 key")
		}
		return ed25519.PrivateKey(bare[:n]), nil
	}
	defer clear(block.Bytes)
	if block.Type == "EC PRIVATE KEY" {
		return x509.ParseECPrivateKey(block.Bytes)
	}
	return x509.ParsePKCS1PrivateKey(block.Bytes)
}
