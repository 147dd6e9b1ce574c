package operators

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"fmt"

	"github.com/go-json-experiment/json"
)

// maxSealed is the longest sealed text that is read, in bytes.
const maxSealed = 4 << 10

// sealer seals texts for later, with a key that all replicas share. What a text is
// about has to be the same when it is opened.
type sealer struct {
	secrets Secrets
	purpose string // of the key
}

// sealing returns the cipher that all replicas share.
func (s sealer) sealing(ctx context.Context) (cipher.AEAD, error) {
	key, err := s.secrets.Secret(ctx, s.purpose)
	if err != nil {
		return nil, fmt.Errorf("secret of %s: %w", s.purpose, err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("secret of %s: %w", s.purpose, err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func (s sealer) seal(ctx context.Context, about string, content any) (string, error) {
	with, err := s.sealing(ctx)
	if err != nil {
		return "", err
	}
	plain, err := json.Marshal(content)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(with.Seal(nil, nil, plain, []byte(about))), nil
}

// open reads a sealed text. Errors: ErrRequest, store.ErrUnavailable.
func (s sealer) open(ctx context.Context, about, sealed string, into any) error {
	with, err := s.sealing(ctx)
	if err != nil {
		return err
	}
	data, err := base64.RawURLEncoding.DecodeString(sealed[:min(len(sealed), maxSealed)])
	if err != nil || len(sealed) > maxSealed || base64.RawURLEncoding.EncodeToString(data) != sealed {
		return ErrRequest
	}
	plain, err := with.Open(nil, nil, data, []byte(about))
	if err != nil || json.Unmarshal(plain, into) != nil {
		return ErrRequest
	}
	return nil
}
