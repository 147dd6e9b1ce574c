// Package filekeys is the store for the demo, for development and for a single
// small machine: encrypted private keys and documents in one local file.
//
// The decision a newcomer would get wrong: the file is not kept open. Every call
// opens and locks it, runs one transaction and closes it again (measured: 0.05
// ms for a read, beside 1.5 ms for a signature). So commands work on the store
// while the service runs, a key that one process destroys signs in no other,
// and a killed process leaves no lock behind.
//
// A person with the file but without the password learns the names in it, their
// sizes and how often they change. With write access, that person cannot change
// or swap values undetected, but can restore an older copy of the file. The
// bytes of a destroyed key, still encrypted, stay in the file until their space
// is used again or the password is changed, and in copies made by other programs.
package filekeys

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"playtoken/secret"
	"playtoken/store"
)

// Errors of Open. Every method may return ErrDamaged too.
var (
	// ErrMissing means that there is no file, and none was to be made.
	ErrMissing = errors.New("there is no store yet")
	// ErrShort means that a new file may not have this password.
	ErrShort = errors.New("a shorter one could be guessed")
	// ErrPassword means that the file is encrypted with another password.
	ErrPassword = errors.New("wrong password")
	// ErrDamaged means that the file is not a store, or was changed by another
	// program. Restore a backup.
	ErrDamaged = fmt.Errorf("%w: not a store of playtoken, or damaged", store.ErrUnavailable)
	// ErrRekeyed means that the file got another password after this process had
	// opened it, and the process does not know it.
	ErrRekeyed = fmt.Errorf("%w: the store's password was changed while this process ran", store.ErrUnavailable)
)

// Options of a store. The zero value is the safe choice.
type Options struct {
	// Create creates the file unless it exists. The directory must exist. If
	// two processes create it at the same time, both use the same file.
	Create bool

	// Patience is how long a call waits for other processes and calls before
	// it returns ErrUnavailable, unless its context ends first. Default: 10s.
	Patience time.Duration

	// WorkFactor sets the cost of trying a password of a new file, to
	// 2^WorkFactor rounds of scrypt. Default and maximum: 15. Only tests need
	// less.
	WorkFactor int
}

// Store holds private keys and documents in a file. It is safe for concurrent
// use and needs no closing. It implements [store.Documents],
// [store.PrivateKeys] and signer.PrivateKeys.
//
// Any error other than a mistake of the caller, not found, conflict and gone wraps
// [store.ErrUnavailable].
type Store struct {
	db      *database
	sealing atomic.Pointer[sealing]
	options Options

	password  atomic.Pointer[secret.Value] // of ReplacePassword; nil before its first call
	reopening sync.Mutex
	refused   refusal // the newest, guarded by reopening

	// parsed caches private keys by their encrypted value, which each call reads
	// from the file first. So a destroyed key is never used from the cache.
	parsed *lru.Cache[sealedKey, crypto.Signer]
}

// parsedKeys is the size of the cache. It saves 0.2 ms for each signature, and
// takes about 6 KB for each key.
const parsedKeys = 512

// Open opens the store in the file at path. Checking the password takes about 0.1
// s and 32 MB of memory.
//
// Errors: ErrPassword; ErrDamaged; store.ErrUnavailable if other processes keep
// the file locked; *Exposed if other users may open the file; or an error of
// the file system.
func Open(path string, password secret.Value, o Options) (*Store, error) {
	if o.Patience <= 0 {
		o.Patience = 10 * time.Second
	}
	if o.WorkFactor <= 0 {
		o.WorkFactor = workFactor
	}
	s, err := open(path, password, o)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, err)
	}
	return s, nil
}

func open(path string, password secret.Value, o Options) (*Store, error) {
	if password.IsZero() {
		return nil, errors.New("a password is needed")
	}
	if o.Create {
		if err := create(path, password, o.WorkFactor); err != nil {
			return nil, err
		}
	}
	if err := inspect(path); err != nil {
		return nil, err
	}
	s, err := newStore(newDatabase(path, o.Patience), o)
	if err != nil {
		return nil, err
	}
	header, err := s.header(context.Background())
	if err != nil {
		return nil, err
	}
	by, err := unwrap(header, password)
	if err != nil {
		return nil, err
	}
	s.sealing.Store(by)
	return s, nil
}

func newStore(db *database, o Options) (*Store, error) {
	parsed, err := lru.New[sealedKey, crypto.Signer](parsedKeys)
	if err != nil {
		return nil, err
	}
	return &Store{db: db, options: o, parsed: parsed}, nil
}

// inspect checks the file before anything is read from it.
func inspect(path string) error {
	f, err := openFile(path, os.O_RDWR)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w: %w", ErrMissing, err)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if e := exposedFile(path, info); e != nil {
		return e
	}
	return nil
}

// Now returns the time of this machine. All processes that use the file run on
// the machine and so use the same clock.
func (s *Store) Now(context.Context) (time.Time, error) { return time.Now(), nil }
