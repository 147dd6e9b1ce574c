// Package rsakey signs RS256 with RSA private keys in memory.
//
// The decision a newcomer would get wrong: only the build tag openssl decides which
// library does the arithmetic. RSASSA-PKCS1-v1_5 is deterministic, so both libraries
// give the same bytes, and only their speed differs.
package rsakey

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"sync"
)

// ErrClosed: the key has been closed.
var ErrClosed = errors.New("the private key is closed")

// Key is a private key in memory. It is safe for concurrent use; callers sign in
// parallel.
type Key struct {
	mu   sync.RWMutex // held for reading while a signature is made
	size int          // of a signature, in bytes
	own  *engine      // nil once closed
}

// New takes ownership of a key. Its numbers are wiped at Close or before; the caller
// must not use it, or anything that shares memory with it, again.
func New(private *rsa.PrivateKey) (*Key, error) {
	if err := private.Validate(); err != nil {
		return nil, errors.New("private key: its numbers are inconsistent")
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

// Close wipes the key after running signatures have ended. A key that is never
// closed is freed when it is garbage-collected.
func (k *Key) Close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.own != nil {
		k.own.close()
		k.own = nil
	}
}
