// Package store is what playtoken asks of the place where it keeps private keys
// and documents: the contracts, and the errors that they are written in.
// vaultkeys and filekeys implement them; package storetest has the tests that
// every implementation passes.
//
// The decision a newcomer would get wrong: there are no transactions. All that
// several processes share is changed by a check-and-set write of one document,
// so everything that has to change together stands in the same document.
package store

import (
	"context"
	"errors"
)

// Errors of a store. Implementations wrap them; callers use errors.Is.
var (
	// ErrNotFound means that there is no such document or key.
	ErrNotFound = errors.New("not found")

	// ErrConflict means that the document is not at the version that the caller
	// named, because another process has written or deleted it since.
	ErrConflict = errors.New("version conflict")

	// ErrUnavailable means that the store does not respond, is sealed, or
	// refuses our login. A write that failed with it may have been made.
	ErrUnavailable = errors.New("store unavailable")
)

// Document is the content of a document at one version.
type Document struct {
	Data    []byte
	Version int64 // rises with every write; 0 means that there is no document
}

// Documents holds small documents and changes them by check-and-set.
//
// The name of a document is a kind and an id made by the server, such as
// "ring/default": lower-case letters, a slash, then 7 to 40 of [a-z0-9_].
// Implementations are safe for concurrent use, shared by every process that
// opens the same store, and durable when a method returns. No method retries.
type Documents interface {
	// Read returns the newest version of a document. It is never older than a
	// Write that has returned, in any process. Errors: ErrNotFound,
	// ErrUnavailable.
	Read(ctx context.Context, name string) (Document, error)

	// Write replaces the document if it is still at the given version; version
	// 0 creates a document that does not exist yet. It returns the new version.
	// ErrConflict means that nothing was written. After any other error the
	// write may have been made: the caller reads again to find out.
	Write(ctx context.Context, name string, data []byte, version int64) (int64, error)

	// Delete removes a document for good, and succeeds if it does not exist. From
	// then on Read returns ErrNotFound, and a Write of an earlier version
	// ErrConflict. After an error the document may be gone; calling Delete
	// again is always right. A deletion that has begun is completed even if
	// ctx is cancelled.
	//
	// A new document under the same name starts again at the first version, so
	// a process that remembers an old one could overwrite it unnoticed. Names
	// are therefore made for one use.
	Delete(ctx context.Context, name string) error
}

// KeySpec says which private key to make.
type KeySpec struct {
	Kind       Kind
	Exportable bool // the key may leave the store, to sign in memory
}

// KeyInfo describes a private key that a store holds.
type KeyInfo struct {
	Spec      KeySpec
	PublicKey string // PEM, SubjectPublicKeyInfo
	Versions  int    // 1, unless the key was rotated inside the store by hand
}

// PrivateKeys makes and destroys keys of every [Kind]. A name is made by the server, 7 to
// 40 of [a-z0-9_], and used for one key only. Implementations are safe for
// concurrent use. Errors that are not named below: ErrUnavailable.
type PrivateKeys interface {
	// Create makes a key. If an earlier call has made one under this name, Create
	// returns that key and ignores spec: a caller that did not get the response
	// calls again and gets the same key.
	Create(ctx context.Context, name string, spec KeySpec) (KeyInfo, error)

	// Describe returns what is known about a key, or ErrNotFound.
	Describe(ctx context.Context, name string) (KeyInfo, error)

	// Destroy removes a key for good, and succeeds if it does not exist. Once
	// begun it is completed even if ctx is cancelled.
	Destroy(ctx context.Context, name string) error
}
