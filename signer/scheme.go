package signer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" // CloudFront assumes it unless it is told otherwise
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"playtoken/store"
)

// Scheme is a way to sign bytes: with which kinds of keys, over which hash, and how
// the signature is written. Those of JWTs have the names that JOSE gives them.
type Scheme string

// The schemes.
const (
	RS256 Scheme = "RS256" // RSASSA-PKCS1-v1_5 over SHA-256, for JWTs and other bytes
	ES256 Scheme = "ES256" // ECDSA P-256 over SHA-256, written as r and s
	ES384 Scheme = "ES384" // ECDSA P-384 over SHA-384, written as r and s
	EdDSA Scheme = "EdDSA" // Ed25519, over the message itself

	RSASHA1     Scheme = "RSA-SHA1"     // RSASSA-PKCS1-v1_5 over SHA-1
	ECDSASHA1   Scheme = "ECDSA-SHA1"   // ECDSA P-256 over SHA-1, written in DER
	ECDSASHA256 Scheme = "ECDSA-SHA256" // ECDSA P-256 over SHA-256, written in DER
)

// schemeTrait is what a scheme means.
type schemeTrait struct {
	kinds []store.Kind // of keys that it fits
	hash  crypto.Hash  // of the message; 0: the message itself is signed
	der   bool         // of ECDSA: the signature is written in DER
	jwt   bool         // a JWT may be signed with it
}

var schemes = map[Scheme]schemeTrait{
	RS256:       {kinds: store.RSAKinds(), hash: crypto.SHA256, jwt: true},
	ES256:       {kinds: []store.Kind{store.ECDSAP256}, hash: crypto.SHA256, jwt: true},
	ES384:       {kinds: []store.Kind{store.ECDSAP384}, hash: crypto.SHA384, jwt: true},
	EdDSA:       {kinds: []store.Kind{store.Ed25519}, jwt: true},
	RSASHA1:     {kinds: store.RSAKinds(), hash: crypto.SHA1},
	ECDSASHA1:   {kinds: []store.Kind{store.ECDSAP256}, hash: crypto.SHA1, der: true},
	ECDSASHA256: {kinds: []store.Kind{store.ECDSAP256}, hash: crypto.SHA256, der: true},
}

// Schemes lists them.
func Schemes() []Scheme {
	return []Scheme{RS256, ES256, ES384, EdDSA, RSASHA1, ECDSASHA1, ECDSASHA256}
}

// JWTScheme is the scheme of the JWTs that a key of this kind signs: exactly one,
// so that a verifier knows it from the key.
func JWTScheme(kind store.Kind) Scheme {
	for scheme, t := range schemes {
		if t.jwt && slices.Contains(t.kinds, kind) {
			return scheme
		}
	}
	return ""
}

// Fits reports whether keys of this kind sign under the scheme.
func (s Scheme) Fits(kind store.Kind) bool { return slices.Contains(schemes[s].kinds, kind) }

// Hash is the hash of the message that is signed; 0 if it is the message itself.
func (s Scheme) Hash() crypto.Hash { return schemes[s].hash }

// DER reports whether ECDSA signatures are written in DER, and not as r and s.
func (s Scheme) DER() bool { return schemes[s].der }

// Input is what is signed of a message: its hash, or the message itself.
func (s Scheme) Input(message []byte) []byte {
	switch s.Hash() {
	case crypto.SHA1:
		sum := sha1.Sum(message)
		return sum[:]
	case crypto.SHA256:
		sum := sha256.Sum256(message)
		return sum[:]
	case crypto.SHA384:
		sum := sha512.Sum384(message)
		return sum[:]
	}
	return message
}

var errScheme = errors.New("the scheme does not fit the key")

// check refuses a key and an input that do not belong to the scheme.
func (s Scheme) check(public crypto.PublicKey, input []byte) error {
	kind, err := store.KindOf(public)
	if err != nil {
		return err
	}
	if !s.Fits(kind) || s.Hash() != 0 && len(input) != s.Hash().Size() {
		return fmt.Errorf("%w: %s, %s, %d bytes", errScheme, s, kind, len(input))
	}
	return nil
}

// Sign signs what Input returned. It is for stores that have private keys at hand.
func (s Scheme) Sign(private crypto.Signer, input []byte) ([]byte, error) {
	if err := s.check(private.Public(), input); err != nil {
		return nil, err
	}
	switch key := private.(type) {
	case *rsa.PrivateKey: // in constant time, so it needs no random numbers
		return rsa.SignPKCS1v15(nil, key, s.Hash(), input)
	case *ecdsa.PrivateKey:
		if s.DER() {
			return ecdsa.SignASN1(rand.Reader, key, input)
		}
		return signPair(key, input)
	case ed25519.PrivateKey:
		return ed25519.Sign(key, input), nil
	}
	return nil, fmt.Errorf("%w: %T", errScheme, private)
}

// signPair writes r and s as big-endian numbers of the curve's size (RFC 7518,
// section 3.4).
func signPair(key *ecdsa.PrivateKey, input []byte) ([]byte, error) {
	r, s, err := ecdsa.Sign(rand.Reader, key, input)
	if err != nil {
		return nil, err
	}
	size := fieldSize(&key.PublicKey)
	signature := make([]byte, 2*size)
	r.FillBytes(signature[:size])
	s.FillBytes(signature[size:])
	return signature, nil
}

func fieldSize(key *ecdsa.PublicKey) int { return (key.Params().BitSize + 7) / 8 }

var errSignature = errors.New("the signature is not that of the key")

// Verify returns nil if the signature of the input is that of the key.
func (s Scheme) Verify(public crypto.PublicKey, input, signature []byte) error {
	if err := s.check(public, input); err != nil {
		return err
	}
	good := false
	switch key := public.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(key, s.Hash(), input, signature)
	case *ecdsa.PublicKey:
		good = s.DER() && ecdsa.VerifyASN1(key, input, signature) || !s.DER() && verifyPair(key, input, signature)
	case ed25519.PublicKey:
		good = ed25519.Verify(key, input, signature)
	}
	if !good {
		return errSignature
	}
	return nil
}

func verifyPair(key *ecdsa.PublicKey, input, signature []byte) bool {
	size := fieldSize(key)
	if len(signature) != 2*size {
		return false
	}
	var r, s big.Int
	return ecdsa.Verify(key, input, r.SetBytes(signature[:size]), s.SetBytes(signature[size:]))
}

// signatureSize is the size of the signatures of JWTs by a key, in bytes.
func signatureSize(public crypto.PublicKey) int {
	switch key := public.(type) {
	case *rsa.PublicKey:
		return key.Size()
	case *ecdsa.PublicKey:
		return 2 * fieldSize(key)
	}
	return ed25519.SignatureSize
}
