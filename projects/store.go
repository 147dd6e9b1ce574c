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
	"playtoken/secret"
	"playtoken/signer"
	"playtoken/store"
)

const (
	// attempts bounds how often a change is tried again after a conflict. After
	// each conflict another writer has made progress.
	attempts = 32
	// parallel bounds how many reads of one request run at once.
	parallel = 8
)

// Store keeps projects and their API keys as documents. Each change is one
// check-and-set write. Lists are read from an index of a fixed number of documents;
// a row is written before its document and removed after it. So a crash can leave
// a row without a document, which is not shown and removed later, but never a
// document that no list shows.
//
// Its exported fields are set before it is first used. It is safe for
// concurrent use. Errors are ErrNotFound, *Invalid, *keyrotation.Guard,
// store.ErrConflict (after many conflicts in a row) and store.ErrUnavailable, after
// which a change may or may not have been made.
type Store struct {
	// DefaultProject is what the environment says of the project [Default]:
	// platform, settings, credential, lifetimes of tokens and rotation policy. The
	// rest is read from the store. Nil: the project does not exist.
	DefaultProject *Project

	// InForce returns a project's policies with the deployment's defaults. Nil:
	// policies are checked without them.
	InForce func(Project) (signer.Policy, keyrotation.Policy)

	// CheckViewers reports errors of a viewer policy that is well-formed. May be
	// nil.
	CheckViewers func(ViewerPolicy) []FieldError
	// CheckAccount refuses the account of a new project, or of one that gets a new
	// credential, before it is stored. It may be called again for the same
	// change. Nil: every account is accepted.
	CheckAccount func(context.Context, Project) error
	// Added is called after a project was created; nil: it is not.
	Added func()
	// AdminKeySet says that the environment sets an admin key, which the list of
	// admin keys shows, too.
	AdminKeySet bool
	// Changed is called after an API key or an admin key was changed or deleted;
	// nil: it is not.
	Changed func(id string)
	// Forget removes what other packages store about a deleted API key. It succeeds
	// if nothing is left, and is called again after an interrupted deletion. May be
	// nil.
	Forget func(ctx context.Context, apiKeyID string) error

	Now func() time.Time // nil: time.Now

	documents store.Documents
	kinds     Kinds
	root      atomic.Pointer[[]byte]
	secrets   sync.Map // purpose -> []byte
	// credential takes the place of DefaultProject's once it is replaced.
	credential atomic.Pointer[map[string]secret.Value]

	// shardLocks serialise the changes of one shard in this process, so that
	// conflicts can come only from other processes.
	shardLocks [shards]chan struct{}
}

// NewStore returns the projects in a store of documents.
func NewStore(documents store.Documents, kinds Kinds) *Store {
	s := &Store{documents: documents, kinds: kinds}
	for i := range s.shardLocks {
		s.shardLocks[i] = make(chan struct{}, 1)
	}
	return s
}

func (s *Store) changed(id string) {
	if s.Changed != nil {
		s.Changed(id)
	}
}

// now is the current time in UTC, to the microsecond, as it is stored.
func (s *Store) now() time.Time {
	if s.Now != nil {
		return s.Now().UTC().Truncate(time.Microsecond)
	}
	return time.Now().UTC().Truncate(time.Microsecond)
}

// readOnly reads a document that will not be written: unknown members, of a newer
// version, are ignored.
func (s *Store) readOnly(ctx context.Context, name string, into any) (int64, error) {
	return s.read(ctx, name, into, json.RejectUnknownMembers(false))
}

// readForUpdate reads a document that will be written again. Unknown members are an
// error, because writing would lose what a newer version stored.
func (s *Store) readForUpdate(ctx context.Context, name string, into any) (int64, error) {
	return s.read(ctx, name, into, json.RejectUnknownMembers(true))
}

func (s *Store) read(ctx context.Context, name string, into any, how json.Options) (int64, error) {
	doc, err := s.documents.Read(ctx, name)
	if err != nil {
		return 0, err
	}
	if json.Unmarshal(doc.Data, into, how) != nil { // the error could quote a credential
		return 0, fmt.Errorf("decode %s: it was not written by playtoken, or by a newer version", name)
	}
	return doc.Version, nil
}

// save writes a document; see write.
func (s *Store) save(ctx context.Context, name string, value any, version int64) (int64, error) {
	data, err := json.Marshal(value, json.Deterministic(true))
	if err != nil {
		return 0, fmt.Errorf("encode %s: not UTF-8", name)
	}
	return s.write(ctx, name, data, version)
}

// write writes a document. If the outcome of the write is unknown, it reads the
// document to find out.
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

// remove deletes a document. If the outcome is unknown, it reads the document to
// find out.
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

// retryConflicts runs try until it ends without a conflict.
func retryConflicts(what string, try func() error) error {
	for range attempts {
		if err := try(); !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("%s: %w, %d times in a row", what, store.ErrConflict, attempts)
}
