package store

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"slices"
)

// Kind is the kind of a key: its algorithm, with the size or the curve. Rings and
// settings contain it, so the names never change.
type Kind string

// The kinds of keys that stores make.
const (
	RSA2048   Kind = "rsa-2048"
	RSA3072   Kind = "rsa-3072"
	RSA4096   Kind = "rsa-4096"
	ECDSAP256 Kind = "ecdsa-p256"
	ECDSAP384 Kind = "ecdsa-p384"
	Ed25519   Kind = "ed25519"
)

// Kinds lists them.
func Kinds() []Kind { return []Kind{RSA2048, RSA3072, RSA4096, ECDSAP256, ECDSAP384, Ed25519} }

// RSAKinds lists those of RSA, the smallest first.
func RSAKinds() []Kind { return []Kind{RSA2048, RSA3072, RSA4096} }

// Known reports whether stores make keys of this kind.
func (k Kind) Known() bool { return slices.Contains(Kinds(), k) }

// Bits is the size of the RSA modulus, or of the curve's field.
func (k Kind) Bits() int {
	switch k {
	case RSA2048:
		return 2048
	case RSA3072:
		return 3072
	case RSA4096:
		return 4096
	case ECDSAP256, Ed25519:
		return 256
	case ECDSAP384:
		return 384
	}
	return 0
}

// RSAKind is the kind of RSA keys whose modulus has this size, or "".
func RSAKind(bits int) Kind {
	for _, k := range RSAKinds() {
		if k.Bits() == bits {
			return k
		}
	}
	return ""
}

// KindOf is the kind of the key whose public half is given.
func KindOf(public crypto.PublicKey) (Kind, error) {
	switch key := public.(type) {
	case *rsa.PublicKey:
		if kind := RSAKind(key.N.BitLen()); kind != "" {
			return kind, nil
		}
		return "", fmt.Errorf("an RSA key of %d bits: want 2048, 3072 or 4096", key.N.BitLen())
	case *ecdsa.PublicKey:
		switch key.Curve {
		case elliptic.P256():
			return ECDSAP256, nil
		case elliptic.P384():
			return ECDSAP384, nil
		}
		return "", fmt.Errorf("an ECDSA key on the curve %s: want P-256 or P-384", key.Params().Name)
	case ed25519.PublicKey:
		return Ed25519, nil
	}
	return "", fmt.Errorf("a key of type %T: want RSA, ECDSA or Ed25519", public)
}

// NewKey makes a key pair. Making one of RSA takes up to seconds.
func (k Kind) NewKey() (crypto.Signer, error) {
	switch k {
	case RSA2048, RSA3072, RSA4096:
		return rsa.GenerateKey(rand.Reader, k.Bits())
	case ECDSAP256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case ECDSAP384:
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case Ed25519:
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	}
	return nil, fmt.Errorf("key kind %.20q: want one of %v", k, Kinds())
}
