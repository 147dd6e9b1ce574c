//go:build !openssl

package rsakey

import (
	"crypto"
	"crypto/rsa"
)

// libraryCost is what a signature costs, in signatures of crypto/rsa.
const libraryCost = 1.0

// Library is the library that does the arithmetic.
const Library = "crypto/rsa"

type engine struct{ private *rsa.PrivateKey }

func newEngine(private *rsa.PrivateKey) (*engine, error) {
	private.Precompute() // makes signatures about ten times as fast
	return &engine{private}, nil
}

// sign fills signature. crypto/rsa works in constant time, so it needs no blinding
// and no source of random numbers.
func (e *engine) sign(signature []byte, hash crypto.Hash, digest []byte) error {
	made, err := rsa.SignPKCS1v15(nil, e.private, hash, digest)
	copy(signature, made)
	return err
}

func (e *engine) close() { Wipe(e.private) }
