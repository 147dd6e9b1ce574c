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

// Errors of platforms.
var (
	// ErrRefused: the platform will never accept this request. It did nothing.
	ErrRefused = errors.New("refused by the platform")
	// ErrUnauthorized: the platform does not accept our credential. It did
	// nothing.
	ErrUnauthorized = errors.New("credential not accepted by the platform")
	// ErrThrottled: the platform wants fewer requests. It did nothing.
	// An error that also has a method RetryAfter() time.Duration says when to
	// retry.
	ErrThrottled = errors.New("throttled by the platform")
)

// PlatformError is an error from the platform, or from the way to it, as
// opposed to one from the store. Every call of a [Registrar] or [Issuer] that
// fails inside a Rotator is reported as one.
type PlatformError struct{ Cause error }

func (e *PlatformError) Error() string { return e.Cause.Error() }
func (e *PlatformError) Unwrap() error { return e.Cause }

// fromPlatform marks an error of a call to the platform; nil stays nil.
func fromPlatform(err error) error {
	if err == nil {
		return nil
	}
	return &PlatformError{Cause: err}
}

// KeySpec says what kind of key a ring gets.
type KeySpec struct {
	Bits       int  `json:"bits"`            // RSA modulus: 2048, 3072 or 4096
	Exportable bool `json:"exportable"`      // may leave the store, for signing in memory
	Issued     bool `json:"issued,omitzero"` // made by the platform, see Issuer; the other fields are then zero
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

	// Get returns what the platform says about one id, or store.ErrNotFound.
	Get(ctx context.Context, keyID string) (PlatformKey, error)

	// Delete is a success if the platform has no such key.
	Delete(ctx context.Context, keyID string) error
}
