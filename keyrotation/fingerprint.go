package keyrotation

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// maxPEM bounds what ParsePublicKey accepts; a 16384-bit key is under 3 KB.
const maxPEM = 8 << 10

// ParsePublicKey reads the public key in text, an *rsa.PublicKey, *ecdsa.PublicKey
// or ed25519.PublicKey: one PEM block, PUBLIC KEY, with nothing but white space
// around it. Platforms wrap and indent what they were given, so white space around
// lines is accepted too. The key may be one that our stores would not make; see
// [store.KindOf].
func ParsePublicKey(text string) (crypto.PublicKey, error) {
	if len(text) > maxPEM {
		return nil, errors.New("public key: longer than any RSA key")
	}
	block, err := onlyBlock(text)
	if err != nil {
		return nil, err
	}
	return parsePKIX(block.Bytes)
}

func parsePKIX(der []byte) (crypto.PublicKey, error) {
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, fmt.Errorf("public key: %w", err)
	}
	switch parsed.(type) {
	case *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey:
		return parsed, nil
	}
	return nil, fmt.Errorf("public key: %T, want RSA, ECDSA or Ed25519", parsed)
}

// onlyBlock is stricter than pem.Decode, which skips text before a block, and
// blocks that it cannot read.
func onlyBlock(text string) (*pem.Block, error) {
	var lines []string
	for line := range strings.Lines(strings.TrimSpace(text)) {
		lines = append(lines, strings.TrimSpace(line))
	}
	text = strings.Join(lines, "\n")
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "PUBLIC KEY" || len(block.Headers) > 0 || len(rest) > 0 ||
		!strings.HasPrefix(text, "-----BEGIN") || strings.Count(text, "-----BEGIN") != 1 {
		return nil, errors.New(`public key: want one PEM block, "BEGIN PUBLIC KEY"`)
	}
	return block, nil
}

// EncodePublicKey is the inverse of ParsePublicKey.
func EncodePublicKey(key crypto.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return "", fmt.Errorf("public key: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), nil
}

// Fingerprint is the identity of the public key in a text, in any layout that
// platforms show: lower-case hex of SHA-256 over the DER of its
// SubjectPublicKeyInfo. It is empty for anything that is not one whole key.
func Fingerprint(text string) string {
	key, ok := readShown(text)
	if !ok {
		return ""
	}
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}
