// Package keyrotation decides, and carries out, every move in the life of a
// signing key: made in the store, registered with the video platform, used,
// retired, deleted.
//
// The decision a newcomer would get wrong: nothing here remembers what it was
// doing. [Plan] is a pure function of the clock, one document (the [Ring]) and
// what the platform shows; a [Rotator] carries out one move of it at a time,
// and every outside change has its intent committed to the ring first. A crash
// anywhere is therefore continued, not recovered from: the next pass, by this
// process or another one, sees the intent and finishes it. Signing never calls
// this package and this package never signs; the two meet only in the ring.
package keyrotation

import (
	"context"
	"errors"
	"time"
)

// Errors of the stores and platforms that a Rotator works with.
var (
	// ErrNotFound: there is no such document, key or generation.
	ErrNotFound = errors.New("not found")
	// ErrConflict: the document is no longer at the version that was read.
	ErrConflict = errors.New("changed by somebody else")
	// ErrUnavailable: the store does not answer, is sealed, or has not let us
	// log in. Nothing is known about what a write did.
	ErrUnavailable = errors.New("store unavailable")
	// ErrRefused: the platform will never accept this request. It did nothing.
	ErrRefused = errors.New("refused by the platform")
	// ErrUnauthorized: the platform does not accept our credential. It did
	// nothing.
	ErrUnauthorized = errors.New("credential not accepted by the platform")
	// ErrThrottled: the platform asks us to come back later. It did nothing.
	// An error that also has a method RetryAfter() time.Duration says when.
	ErrThrottled = errors.New("throttled by the platform")
)

// Document is what a store holds under a name. Version 0 means that there is
// no document; versions only rise.
type Document struct {
	Data    []byte
	Version int64
}

// Documents stores small documents with check-and-set. A name is a kind and a
// server-made id, "ring/default": lower-case letters, then [a-z0-9_]{7,40}.
// Implementations are safe for concurrent use, durable when they return, and
// shared by every process that works with the same store.
type Documents interface {
	// Read returns the newest document, ErrNotFound when there is none, or
	// ErrUnavailable. It never returns a document older than one that a
	// finished Write of any process made.
	Read(ctx context.Context, name string) (Document, error)

	// Write replaces the document if its version still is version (0: if there
	// is none) and returns the new version. ErrConflict means that nothing was
	// written. After any other error the write may or may not have happened;
	// the caller reads again. Write itself never retries.
	Write(ctx context.Context, name string, data []byte, version int64) (int64, error)
}

// KeySpec is how a key is made.
type KeySpec struct {
	Bits       int  `json:"bits"`            // RSA modulus: 2048, 3072 or 4096
	Exportable bool `json:"exportable"`      // may leave the store, for signing in memory
	Issued     bool `json:"issued,omitzero"` // made by the platform; see Issuer. The others mean nothing then
}

// StoredKey is what a store tells about a private key it holds.
type StoredKey struct {
	KeySpec
	PublicKey string // PEM, SubjectPublicKeyInfo
	Versions  int    // 1, unless somebody rotated the key behind our back
}

// PrivateKeys makes and destroys RSA keys by name. Names are made by this
// package ([a-z0-9_]{7,40}) and never used twice.
type PrivateKeys interface {
	// Create makes the key, or finds the one made by an earlier call: after a
	// lost answer, calling again is right and yields the same key. Spec is
	// obeyed only by the call that makes the key.
	Create(ctx context.Context, name string, spec KeySpec) (StoredKey, error)

	// Describe returns ErrNotFound when there is no such key.
	Describe(ctx context.Context, name string) (StoredKey, error)

	// Destroy is a success if there is no such key. It runs to its end even if
	// ctx is cancelled meanwhile.
	Destroy(ctx context.Context, name string) error
}

// PlatformKey is one public key that a platform shows.
type PlatformKey struct {
	ID          string
	Name        string
	PublicKey   string    // as the platform spells it
	Fingerprint string    // see Fingerprint; empty if PublicKey cannot be read
	CreatedAt   time.Time // zero if the platform does not say
}

// Registrar is a platform that takes our public keys. No method retries a
// write. An error is ErrRefused, ErrUnauthorized or ErrThrottled when the
// platform said so and did nothing; after any other error of Register or
// Delete nobody knows whether it was applied, or will be.
type Registrar interface {
	// Register hands over a public key (PEM, SubjectPublicKeyInfo) under a
	// name for people, at most 50 characters, by exactly one request.
	Register(ctx context.Context, name, publicKey string) (keyID string, err error)

	// List returns every key of the account, or an error: never a part.
	List(ctx context.Context) ([]PlatformKey, error)

	// Get is the platform's own word on one id; ErrNotFound if it has none.
	Get(ctx context.Context, keyID string) (PlatformKey, error)

	// Delete is a success if the platform has no such key.
	Delete(ctx context.Context, keyID string) error
}
