// Package rsakey signs RS256 with RSA private keys that this process holds.
//
// The decision a newcomer would get wrong: which library does the arithmetic
// is decided when the program is built, by the tag openssl, and by nothing
// else. RSASSA-PKCS1-v1_5 is deterministic, so both give the same bytes and no
// caller can tell them apart but by their speed.
package rsakey

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"sync"
)

// ErrClosed: the key has been forgotten.
var ErrClosed = errors.New("private key closed")

// Key is a private key in memory. It is safe for concurrent use; signatures
// are made on as many cores as there are callers.
type Key struct {
	mu   sync.RWMutex // held for reading while the engine works
	size int          // of a signature, in bytes
	own  *engine      // nil once closed
}

// New takes the key over: its numbers may be wiped at once, and are at Close.
// The caller must not use it, or anything that shares memory with it, again.
func New(private *rsa.PrivateKey) (*Key, error) {
	if err := private.Validate(); err != nil {
		return nil, errors.New("private key: its numbers do not belong together")
	}
	size := private.Size()
	own, err := newEngine(private)
	if err != nil {
		return nil, fmt.Errorf("private key: %w", err)
	}
	return &Key{size: size, own: own}, nil
}

// SignSHA256 returns the RSASSA-PKCS1-v1_5 signature of a SHA-256 digest.
func (k *Key) SignSHA256(digest [32]byte) ([]byte, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if k.own == nil {
		return nil, ErrClosed
	}
	signature := make([]byte, k.size)
	if err := k.own.sign(signature, &digest); err != nil {
		return nil, fmt.Errorf("sign in memory: %w", err)
	}
	return signature, nil
}

// Close forgets the key, as soon as signatures that are being made are done. A
// key that is never closed is forgotten when nobody can reach it any more.
func (k *Key) Close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.own != nil {
		k.own.close()
		k.own = nil
	}
}
