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

// signTimeout bounds one signature, however long its callers would wait.
const signTimeout = 5 * time.Second

// Signatures makes verified signatures, each only once. RS256 is
// deterministic, so whoever asks for the same digest under the same key is
// owed the same bytes; when everybody arrives in the same second, one
// signature serves them all. It is safe for concurrent use.
type Signatures struct {
	keys  PrivateKeys
	made  *lru.Cache[signatureID, []byte]
	calls *flights[signatureID, []byte]

	shared atomic.Uint64
}

// signatureID is all that an RS256 signature depends on.
type signatureID struct {
	fingerprint string
	digest      [sha256.Size]byte
}

// NewSignatures remembers the given number of signatures, of all projects
// together; at least one. Close must be called.
func NewSignatures(keys PrivateKeys, remembered int) (*Signatures, error) {
	made, err := lru.New[signatureID, []byte](remembered)
	if err != nil {
		return nil, fmt.Errorf("remember signatures: %w", err)
	}
	return &Signatures{keys: keys, made: made, calls: newFlights[signatureID, []byte](signTimeout)}, nil
}

// Close ends the calls that are under way and waits for them.
func (s *Signatures) Close() { s.calls.close() }

// Shared is how many signatures were handed out so far that had been made for
// somebody else.
func (s *Signatures) Shared() uint64 { return s.shared.Load() }

// sign returns the signature of input by the active key of a view. Errors:
// ErrKeyGone, ErrUnavailable.
func (s *Signatures) sign(ctx context.Context, by *view, input string) ([]byte, error) {
	id := signatureID{by.key.Fingerprint, sha256.Sum256([]byte(input))}
	if signature, ok := s.made.Get(id); ok {
		s.shared.Add(1)
		return signature, nil
	}
	store, public := by.key.StoreName, by.public
	ours := false // whether it was our call that made it; known once there is an answer
	signature, err := s.calls.start(id, func(ctx context.Context) ([]byte, error) {
		if signature, ok := s.made.Get(id); ok {
			return signature, nil // the call before ours ended after we had looked
		}
		ours = true
		return s.make(ctx, store, public, id)
	}).wait(ctx)
	if err == nil && !ours {
		s.shared.Add(1)
	}
	return signature, err
}

// make signs, verifies, and only then lets anybody see the signature.
func (s *Signatures) make(ctx context.Context, store string, public *rsa.PublicKey, id signatureID) ([]byte, error) {
	signature, err := s.keys.SignSHA256(ctx, store, id.digest)
	if err != nil {
		return nil, err
	}
	if err := rsa.VerifyPKCS1v15(public, crypto.SHA256, id.digest[:], signature); err != nil {
		return nil, fmt.Errorf("verify with the recorded public key: %w", err)
	}
	s.made.Add(id, signature)
	return signature, nil
}
