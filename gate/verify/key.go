package verify

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lestrrat-go/jwx/v2/jwa"
)

const (
	minBits = 2048
	maxBits = 8192 // a larger key makes every refusal expensive
	minE    = 65537
)

// ParsePublicKey reads one public key: a single PEM block "PUBLIC KEY"
// (SubjectPublicKeyInfo in DER), with nothing before or after it but white
// space. It is an *rsa.PublicKey of 2048 to 8192 bits with an odd exponent of
// 65537 or more, an *ecdsa.PublicKey on P-256 or P-384, or an ed25519.PublicKey.
// Errors say what is wrong with the key and never contain any of it.
func ParsePublicKey(text string) (crypto.PublicKey, error) {
	der, err := onlyBlock(strings.TrimSpace(text))
	if err != nil {
		return nil, fmt.Errorf("parse public key: %w", err)
	}
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, errors.New("parse public key: the block is not a SubjectPublicKeyInfo")
	}
	if err := sound(parsed); err != nil {
		return nil, fmt.Errorf("parse public key: %w", err)
	}
	if again, err := x509.MarshalPKIXPublicKey(parsed); err != nil || !bytes.Equal(again, der) {
		return nil, errors.New("parse public key: not in canonical DER")
	}
	return parsed, nil
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

func sound(key crypto.PublicKey) error {
	if own, ok := key.(*rsa.PublicKey); ok {
		return soundRSA(own)
	}
	if algorithmOf(key) == jwa.NoSignature {
		return errors.New("not a key of RSA, of ECDSA on P-256 or P-384, or of Ed25519")
	}
	return nil
}

// algorithms are those that tokens may name.
var algorithms = []jwa.SignatureAlgorithm{jwa.RS256, jwa.ES256, jwa.ES384, jwa.EdDSA}

func isAlgorithm(name string) bool {
	return slices.ContainsFunc(algorithms, func(a jwa.SignatureAlgorithm) bool { return a.String() == name })
}

// algorithmOf is the one algorithm of the tokens that a key signs.
func algorithmOf(key crypto.PublicKey) jwa.SignatureAlgorithm {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return jwa.RS256
	case *ecdsa.PublicKey:
		switch key.Curve {
		case elliptic.P256():
			return jwa.ES256
		case elliptic.P384():
			return jwa.ES384
		}
	case ed25519.PublicKey:
		return jwa.EdDSA
	}
	return jwa.NoSignature
}

// equal reports whether two keys are the same.
func equal(a, b crypto.PublicKey) bool {
	comparable, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && comparable.Equal(b)
}

func soundRSA(key *rsa.PublicKey) error {
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
