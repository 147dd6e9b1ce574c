package verify

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

const (
	minBits = 2048
	maxBits = 8192 // a larger key makes every refusal expensive
	minE    = 65537
)

// ParsePublicKey reads one RSA public key: a single PEM block "PUBLIC KEY"
// (SubjectPublicKeyInfo in DER), with nothing before or after it but white
// space. The key has 2048 to 8192 bits and an odd exponent of 65537 or more.
// Errors say what is wrong with the key and never contain any of it.
func ParsePublicKey(text string) (*rsa.PublicKey, error) {
	der, err := onlyBlock(strings.TrimSpace(text))
	if err != nil {
		return nil, fmt.Errorf("parse public key: %w", err)
	}
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, errors.New("parse public key: the block is not a SubjectPublicKeyInfo")
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("parse public key: not an RSA key")
	}
	if err := sound(key); err != nil {
		return nil, fmt.Errorf("parse public key: %w", err)
	}
	if again, err := x509.MarshalPKIXPublicKey(key); err != nil || !bytes.Equal(again, der) {
		return nil, errors.New("parse public key: not in canonical DER")
	}
	return key, nil
}

func onlyBlock(text string) ([]byte, error) {
	const begin = "-----BEGIN PUBLIC KEY-----"
	if strings.Contains(text, "PRIVATE KEY-----") {
		return nil, errors.New("this is a private key; only its public half may be sent")
	}
	block, rest := pem.Decode([]byte(text))
	if !strings.HasPrefix(text, begin) || block == nil || len(block.Headers) > 0 || len(rest) > 0 ||
		strings.Count(text, "-----BEGIN") != 1 {
		return nil, errors.New("not exactly one PEM block " + begin)
	}
	return block.Bytes, nil
}

func sound(key *rsa.PublicKey) error {
	switch bits := key.N.BitLen(); {
	case bits < minBits || bits > maxBits:
		return fmt.Errorf("the key has %d bits, want %d to %d", bits, minBits, maxBits)
	case key.N.Bit(0) == 0:
		return errors.New("the modulus is even")
	case key.E < minE || key.E%2 == 0:
		return fmt.Errorf("the exponent is %d, want an odd number from %d", key.E, minE)
	}
	return nil
}
