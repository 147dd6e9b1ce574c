// Package rsakey signs RS256 with RSA private keys in memory.
//
// A key signs for one caller at a time with the library that the build tag openssl
// chooses; [Workers] sign for several callers at once where the processor can.
//
// The decision a newcomer would get wrong: none of this changes a signature.
// RSASSA-PKCS1-v1_5 is deterministic, so all ways give the same bytes, and only
// their speed differs.
package rsakey

import (
	"crypto"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"
	"sync/atomic"

	"playtoken/signer/rsakey/eight"
)

// ErrClosed: the key has been closed.
var ErrClosed = errors.New("the private key is closed")

// Key is a private key in memory. It is safe for concurrent use; callers sign in
// parallel.
type Key struct {
	users  inUse
	size   int // of a signature, in bytes
	own    *engine
	lanes  *eight.Key // nil: not of a kind that is signed with in batches
	public rsa.PublicKey

	checked atomic.Bool // whether crypto/rsa has checked a signature of a batch
}

// New takes ownership of a key. Its numbers are wiped at Close or before; the caller
// must not use it, or anything that shares memory with it, again.
func New(private *rsa.PrivateKey) (*Key, error) {
	if err := private.Validate(); err != nil {
		return nil, errors.New("private key: its numbers are inconsistent")
	}
	k := &Key{size: private.Size(), public: rsa.PublicKey{N: new(big.Int).Set(private.N), E: private.E}}
	if eight.Fast() {
		k.lanes, _ = eight.NewKey(private) // an unsuitable key is signed with one at a time
	}
	var err error
	if k.own, err = newEngine(private); err != nil {
		return nil, fmt.Errorf("private key: %w", err)
	}
	return k, nil
}

// Public is the public key. It must not be modified.
func (k *Key) Public() *rsa.PublicKey { return &k.public }

// batchSize is the size of the key's signatures, which those of a batch have in
// common, or 0 if the key is signed with one at a time.
func (k *Key) batchSize() int {
	if k.lanes == nil {
		return 0
	}
	return k.size
}

// SignSHA256 returns the RSASSA-PKCS1-v1_5 signature of a SHA-256 digest.
func (k *Key) SignSHA256(digest [32]byte) ([]byte, error) {
	if !k.users.enter() {
		return nil, ErrClosed
	}
	defer k.users.leave()
	return k.sign(digest)
}

// Sign returns the RSASSA-PKCS1-v1_5 signature of a digest by SHA-1 or SHA-256.
func (k *Key) Sign(hash crypto.Hash, digest []byte) ([]byte, error) {
	if !k.users.enter() {
		return nil, ErrClosed
	}
	defer k.users.leave()
	return k.signDigest(hash, digest)
}

// sign is SignSHA256 of a user who has entered.
func (k *Key) sign(digest [32]byte) ([]byte, error) { return k.signDigest(crypto.SHA256, digest[:]) }

func (k *Key) signDigest(hash crypto.Hash, digest []byte) ([]byte, error) {
	signature := make([]byte, k.size)
	if err := k.own.sign(signature, hash, digest); err != nil {
		return nil, fmt.Errorf("sign in memory: %w", err)
	}
	return signature, nil
}

// Close wipes the key after running signatures have ended. A key that is never
// closed is freed when it is garbage-collected.
func (k *Key) Close() {
	if !k.users.close() {
		return
	}
	k.own.close()
	if k.lanes != nil {
		k.lanes.Wipe()
	}
}
