package projects

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"

	"playtoken/keyrotation"
	"playtoken/signer"
	"playtoken/store"
)

const (
	// attempts bounds how often a change is tried again because somebody else
	// was faster. Each time, somebody else has got on.
	attempts = 32
	// parallel bounds the reads of one request that are under way at once.
	parallel = 8
)

// Store keeps projects and their API keys as documents. Each change of one is
// one check-and-set write. Every list is found in an index of a fixed number of
// documents; a row of it is written before its document, and removed after it.
// So a crash leaves a row too many, which is not shown and goes away, and never
// a document that no list shows.
//
// Its exported fields are set before it is first used. It is safe for
// concurrent use. Errors are ErrNotFound, *Invalid, *keyrotation.Guard,
// store.ErrConflict (others were faster, many times in a row),
// store.ErrUnavailable; after the last one a change may or may not have
// been made.
type Store struct {
	// DefaultProject is the project [Default]; nil: there is none. What the
	// environment sets (platform, settings, credential, lifetimes of tokens,
	// rotation policy) is taken from here, and the rest from the store.
	DefaultProject *Project

	// InForce fills in what a project leaves to the deployment; nil: those
	// policies are checked by themselves.
	InForce func(Project) (signer.Policy, keyrotation.Policy)

	// CheckViewers says what is wrong with a viewer policy whose form is right;
	// nil: nothing.
	CheckViewers func(ViewerPolicy) []FieldError
	// Forget removes what others keep about an API key that was deleted; nil:
	// nobody keeps anything. It is a success if nothing is left, and called
	// again if a deletion was interrupted.
	Forget func(ctx context.Context, apiKeyID string) error

	Now func() time.Time // nil: time.Now

	documents store.Documents
	kinds     Kinds
	root      atomic.Pointer[[]byte]
	secrets   sync.Map // purpose -> []byte

	// turns lets the changes of one part of an index take turns in this
	// process, so that only other processes are ever in the way.
	turns [shards]chan struct{}
}

// NewStore returns the projects in a store.
func NewStore(documents store.Documents, kinds Kinds) *Store {
	s := &Store{documents: documents, kinds: kinds}
	for i := range s.turns {
		s.turns[i] = make(chan struct{}, 1)
	}
	return s
}

// now is when something happens: UTC, to the microsecond, as it is stored.
func (s *Store) now() time.Time {
	if s.Now != nil {
		return s.Now().UTC().Truncate(time.Microsecond)
	}
	return time.Now().UTC().Truncate(time.Microsecond)
}

// look reads a document to look at it only: members of a newer version are
// passed over.
func (s *Store) look(ctx context.Context, name string, into any) (int64, error) {
	return s.read(ctx, name, into, json.RejectUnknownMembers(false))
}

// edit reads a document to write it again. What a newer version put there must
// not be lost, so members that are not known are an error.
func (s *Store) edit(ctx context.Context, name string, into any) (int64, error) {
	return s.read(ctx, name, into, json.RejectUnknownMembers(true))
}

func (s *Store) read(ctx context.Context, name string, into any, how json.Options) (int64, error) {
	doc, err := s.documents.Read(ctx, name)
	if err != nil {
		return 0, err
	}
	if json.Unmarshal(doc.Data, into, how) != nil { // the error could show what is in it
		return 0, fmt.Errorf("decode %s: not written by playtoken, or by a newer version", name)
	}
	return doc.Version, nil
}

// save writes a document. If the answer is lost, it looks what became of it.
func (s *Store) save(ctx context.Context, name string, value any, version int64) (int64, error) {
	data, err := json.Marshal(value, json.Deterministic(true))
	if err != nil {
		return 0, fmt.Errorf("encode %s: not UTF-8", name)
	}
	return s.write(ctx, name, data, version)
}

func (s *Store) write(ctx context.Context, name string, data []byte, version int64) (int64, error) {
	written, err := s.documents.Write(ctx, name, data, version)
	if err == nil || errors.Is(err, store.ErrConflict) {
		return written, err
	}
	if doc, again := s.documents.Read(ctx, name); again == nil && doc.Version > version && bytes.Equal(doc.Data, data) {
		return doc.Version, nil
	}
	return 0, err
}

// remove deletes a document. If the answer is lost, it looks what became of it.
func (s *Store) remove(ctx context.Context, name string) error {
	err := s.documents.Delete(ctx, name)
	if err == nil {
		return nil
	}
	if _, again := s.documents.Read(ctx, name); errors.Is(again, store.ErrNotFound) {
		return nil
	}
	return err
}

// again runs try until nobody else was faster.
func again(what string, try func() error) error {
	for range attempts {
		if err := try(); !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("%s: %w, %d times in a row", what, store.ErrConflict, attempts)
}
