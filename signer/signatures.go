package signer

import (
	"context"
	"crypto"
	"crypto/sha256"
	"fmt"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// signTimeout bounds one signature, independently of its callers' deadlines.
const signTimeout = 5 * time.Second

// Signatures makes verified signatures, each only once: every caller that asks for
// the same bytes under the same scheme and key gets the same signature, also with
// ECDSA, whose signatures of one message differ and are all as good. When a crowd
// of viewers arrives in one second, one signature serves them all. It is safe for
// concurrent use.
type Signatures struct {
	config SignaturesConfig
	made   *lru.Cache[signatureID, []byte]
	calls  *flights[signatureID, []byte]

	shared atomic.Uint64
}

// signatureID is everything that a signature has to fit.
type signatureID struct {
	fingerprint string
	scheme      Scheme
	digest      [sha256.Size]byte // of the message, under every scheme
}

// input is what is signed of the message that the id is of.
func (id signatureID) input(message []byte) []byte {
	if id.scheme.Hash() == crypto.SHA256 {
		return id.digest[:]
	}
	return id.scheme.Input(message)
}

// SignaturesConfig is what Signatures are made with.
type SignaturesConfig struct {
	Keys PrivateKeys
	// Remembered is how many signatures are kept to be shared, of all projects
	// together: at least one.
	Remembered int
	// InMemory reports whether the named key is in this process's memory. A
	// signature by such a key is made by the goroutine of the caller who asks
	// first; that of another key by a goroutine of its own, because a
	// caller may leave while the store signs. It may be nil: none is.
	InMemory func(storeName string) bool
}

// NewSignatures returns Signatures without any. Close must be called.
func NewSignatures(config SignaturesConfig) (*Signatures, error) {
	made, err := lru.New[signatureID, []byte](config.Remembered)
	if err != nil {
		return nil, fmt.Errorf("remember signatures: %w", err)
	}
	return &Signatures{config: config, made: made, calls: newFlights[signatureID, []byte](signTimeout)}, nil
}

// Close cancels running calls and waits for them.
func (s *Signatures) Close() { s.calls.close() }

// Shared is how many signatures were returned so far that another request had
// caused.
func (s *Signatures) Shared() uint64 { return s.shared.Load() }

// sign returns the signature of a message by the active key of a view, which the
// scheme has to fit. The message must not be changed. Errors: ErrKeyGone,
// ErrUnavailable.
func (s *Signatures) sign(ctx context.Context, by *view, scheme Scheme, message []byte) ([]byte, error) {
	id := signatureID{fingerprint: by.key.Fingerprint, scheme: scheme, digest: sha256.Sum256(message)}
	if signature, ok := s.made.Get(id); ok {
		s.shared.Add(1)
		return signature, nil
	}
	own := false // whether this call made the signature; set once there is a result
	asked := context.WithoutCancel(ctx)
	call := func(ctx context.Context) ([]byte, error) {
		if signature, ok := s.made.Get(id); ok {
			return signature, nil // the previous call ended after the check above
		}
		own = true
		return s.make(withValues{Context: ctx, of: asked}, signing{store: by.key.StoreName, public: by.public, input: id.input(message)}, id)
	}
	signature, err := s.begin(by.key.StoreName)(id, call).wait(ctx)
	if err == nil && !own {
		s.shared.Add(1)
	}
	return signature, err
}

// begin is how a signature by the named key begins.
func (s *Signatures) begin(storeName string) func(signatureID, func(context.Context) ([]byte, error)) *flight[[]byte] {
	if s.config.InMemory != nil && s.config.InMemory(storeName) {
		return s.calls.lead
	}
	return s.calls.start
}

// signing is what one signature is made of.
type signing struct {
	store  string // name of the private key
	public crypto.PublicKey
	input  []byte // see [Scheme.Input]
}

// make signs and verifies, and only then caches and returns the signature.
func (s *Signatures) make(ctx context.Context, what signing, id signatureID) ([]byte, error) {
	signature, err := s.config.Keys.Sign(ctx, what.store, id.scheme, what.input)
	if err != nil {
		return nil, err
	}
	if err := signature.verify(what.public, id.scheme, what.input); err != nil {
		return nil, fmt.Errorf("verify with the recorded public key: %w", err)
	}
	s.made.Add(id, signature.Value)
	return signature.Value, nil
}

// verify verifies a signature, unless its maker has done that with the same public
// key: those of a batch are verified together, which costs a fraction.
func (s Signature) verify(public crypto.PublicKey, scheme Scheme, input []byte) error {
	if s.VerifiedBy != nil && s.VerifiedBy.Equal(public) {
		return nil
	}
	return scheme.Verify(public, input, s.Value)
}
