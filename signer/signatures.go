package signer

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// signTimeout bounds one signature, independently of its callers' deadlines.
const signTimeout = 5 * time.Second

// Signatures makes verified signatures, each only once. RS256 is deterministic, so
// every caller that asks for the same digest under the same key gets the same
// bytes; when a crowd of viewers arrives in one second, one signature serves them
// all. It is safe for concurrent use.
type Signatures struct {
	keys  PrivateKeys
	made  *lru.Cache[signatureID, []byte]
	calls *flights[signatureID, []byte]

	shared atomic.Uint64
}

// signatureID is everything that an RS256 signature depends on.
type signatureID struct {
	fingerprint string
	digest      [sha256.Size]byte
}

// NewSignatures caches a number of signatures, at least one, of all projects
// together. Close must be called.
func NewSignatures(keys PrivateKeys, remembered int) (*Signatures, error) {
	made, err := lru.New[signatureID, []byte](remembered)
	if err != nil {
		return nil, fmt.Errorf("remember signatures: %w", err)
	}
	return &Signatures{keys: keys, made: made, calls: newFlights[signatureID, []byte](signTimeout)}, nil
}

// Close cancels running calls and waits for them.
func (s *Signatures) Close() { s.calls.close() }

// Shared is how many signatures were returned so far that another request had
// caused.
func (s *Signatures) Shared() uint64 { return s.shared.Load() }

// sign returns the signature of input by the active key of a view. Errors:
// ErrKeyGone, ErrUnavailable.
func (s *Signatures) sign(ctx context.Context, by *view, input []byte) ([]byte, error) {
	id := signatureID{fingerprint: by.key.Fingerprint, digest: sha256.Sum256(input)}
	if signature, ok := s.made.Get(id); ok {
		s.shared.Add(1)
		return signature, nil
	}
	store, public := by.key.StoreName, by.public
	own := false // whether this call made the signature; set once there is a result
	asked := context.WithoutCancel(ctx)
	signature, err := s.calls.start(id, func(ctx context.Context) ([]byte, error) {
		if signature, ok := s.made.Get(id); ok {
			return signature, nil // the previous call ended after the check above
		}
		own = true
		return s.make(withValues{Context: ctx, of: asked}, store, public, id)
	}).wait(ctx)
	if err == nil && !own {
		s.shared.Add(1)
	}
	return signature, err
}

// make signs and verifies, and only then caches and returns the signature.
func (s *Signatures) make(ctx context.Context, store string, public *rsa.PublicKey, id signatureID) ([]byte, error) {
	signature, err := s.keys.SignSHA256(ctx, store, id.digest)
	if err != nil {
		return nil, err
	}
	if err := signature.verify(public, id.digest); err != nil {
		return nil, fmt.Errorf("verify with the recorded public key: %w", err)
	}
	s.made.Add(id, signature.Value)
	return signature.Value, nil
}

// verify verifies a signature, unless its maker has done that with the same public
// key: those of a batch are verified together, which costs a fraction.
func (s Signature) verify(public *rsa.PublicKey, digest [sha256.Size]byte) error {
	if s.VerifiedBy != nil && s.VerifiedBy.Equal(public) {
		return nil
	}
	return rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], s.Value)
}
