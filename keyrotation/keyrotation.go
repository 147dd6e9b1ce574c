// Package keyrotation decides, and carries out, every move in the life of a
// signing key: made in the store, registered with the video platform, used,
// retired, deleted.
//
// The decision a newcomer would get wrong: no process remembers what it was
// doing. [Plan] is a pure function of the clock, one document (the [Ring]) and
// what platform and store hold (an [Observation]); a [Rotator] carries out one
// move of it at a time, and writes the intent of every outside change to the
// ring first. So a crash needs no recovery: the next pass, by this process or
// another one, finds the intent in the ring and finishes the move. Signing never
// calls this package and this package never signs; the two meet only in the
// ring.
package keyrotation

import (
	"context"
	"errors"
	"time"
)

// Errors of platforms. With any of them, the platform did nothing.
var (
	// ErrRefused means that the platform will never accept this request.
	ErrRefused = errors.New("refused by the platform")
	// ErrUnauthorized means that the platform does not accept our credential.
	ErrUnauthorized = errors.New("credential not accepted by the platform")
	// ErrThrottled means that the platform wants fewer requests. An error that
	// also has a method RetryAfter() time.Duration says when to retry.
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

// PlatformKey is one public key that a platform shows.
type PlatformKey struct {
	ID          string
	Name        string
	PublicKey   string    // as the platform formats it
	Fingerprint string    // see Fingerprint; empty if PublicKey cannot be read
	CreatedAt   time.Time // zero if the platform does not say

	// Unlisted: the platform holds the key and does not accept its tokens, because
	// a second object, a list of keys, does not name it. To register the same key
	// again names it.
	Unlisted bool
	// Deploying: not every server of the platform accepts its tokens yet, by what
	// the platform says; the propagation delay is waited for in any case.
	Deploying bool
}

// Registrar is a platform that takes our public keys. No method retries a
// write. After ErrRefused, ErrUnauthorized and ErrThrottled the platform did
// nothing; after any other error of Register or Delete it may have done what it
// was asked, or may do it later.
type Registrar interface {
	// Register hands over a public key (PEM, SubjectPublicKeyInfo) under a
	// name for people, of at most 50 characters, with exactly one request. Where
	// a key takes two objects, it makes those that there are not; see
	// PlatformKey.Unlisted.
	Register(ctx context.Context, name, publicKey string) (keyID string, err error)

	// List returns every key of the account, or an error; never a part of the
	// list.
	List(ctx context.Context) ([]PlatformKey, error)

	// Get returns what the platform says about one id, or store.ErrNotFound.
	Get(ctx context.Context, keyID string) (PlatformKey, error)

	// Delete succeeds if the platform has no such key, or has begun to remove it:
	// it is called again, a settle time later, while the platform shows the key.
	Delete(ctx context.Context, keyID string) error
}
