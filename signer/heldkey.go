package signer

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"sync"

	"playtoken/signer/rsakey"
)

// heldKey is a private key in memory. It is safe for concurrent use.
type heldKey interface {
	// sign signs as [PrivateKeys] does. Errors: rsakey.ErrClosed,
	// rsakey.ErrStopped.
	sign(ctx context.Context, scheme Scheme, input []byte) (Signature, error)

	// Close wipes the key after running signatures have ended.
	Close()
}

// hold takes ownership of a key: its numbers are wiped when the heldKey is closed.
func (m *Memory) hold(private crypto.Signer) (heldKey, error) {
	own, isRSA := private.(*rsa.PrivateKey)
	if !isRSA {
		return &curveKey{private: private}, nil
	}
	key, err := rsakey.New(own)
	if err != nil {
		return nil, err
	}
	return &rsaKey{key: key, workers: m.workers}, nil
}

// rsaKey signs RS256 with the workers, many at once; the rare RSASSA over SHA-1 one
// at a time.
type rsaKey struct {
	key     *rsakey.Key
	workers *rsakey.Workers
}

func (k *rsaKey) sign(ctx context.Context, scheme Scheme, input []byte) (Signature, error) {
	if err := scheme.check(k.key.Public(), input); err != nil {
		return Signature{}, err
	}
	if scheme != RS256 {
		value, err := k.key.Sign(scheme.Hash(), input)
		return Signature{Value: value}, err
	}
	made, err := k.workers.Sign(ctx, k.key, [32]byte(input))
	if err != nil || !made.Verified {
		return Signature{Value: made.Value}, err
	}
	return Signature{Value: made.Value, VerifiedBy: k.key.Public()}, nil
}

func (k *rsaKey) Close() { k.key.Close() }

// curveKey signs with ECDSA and Ed25519. That takes some tens of microseconds, so
// callers do not queue for it.
type curveKey struct {
	mu      sync.RWMutex
	private crypto.Signer // nil once it is wiped
}

func (k *curveKey) sign(_ context.Context, scheme Scheme, input []byte) (Signature, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if k.private == nil {
		return Signature{}, rsakey.ErrClosed
	}
	value, err := scheme.Sign(k.private, input)
	return Signature{Value: value}, err
}

func (k *curveKey) Close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.private != nil {
		wipe(k.private)
		k.private = nil
	}
}

// wipe overwrites the numbers of a private key, as far as Go allows: what the
// library derived from them stays until its memory is used again.
func wipe(private crypto.Signer) {
	switch key := private.(type) {
	case *rsa.PrivateKey:
		rsakey.Wipe(key)
	case *ecdsa.PrivateKey:
		//lint:ignore SA1019 no other way leads to the number, which is not used again
		d := key.D
		words := d.Bits()
		clear(words[:cap(words)])
		d.SetInt64(0)
	case ed25519.PrivateKey:
		clear(key)
	}
}
