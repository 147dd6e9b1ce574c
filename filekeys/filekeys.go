// Package filekeys is the store for the demo, for development and for one
// small machine: private keys and documents, sealed, in one local file.
//
// The decision a newcomer would get wrong: nothing is held open. Every call
// opens the file, locks it, runs one transaction and closes it again (measured:
// 0.05 ms to read, a signature takes 1.5 ms), so that a command works on the
// store while the service runs, a key destroyed by one process signs in none,
// and a process that was killed leaves nothing behind.
//
// Who has the file but not the password learns the names in it, the sizes and
// how often it changed. Who may write to it as well cannot alter or exchange a
// value unnoticed, but can put back an older copy. The bytes of a destroyed
// key, still sealed, stay in the file until their place is used again, and in
// backups for as long as those exist.
package filekeys

import (
	"context"
	"crypto/cipher"
	"crypto/rsa"
	"errors"
	"fmt"
	"os"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	bolt "go.etcd.io/bbolt"

	"playtoken/secret"
	"playtoken/store"
)

// Errors of Open; the second one of every method, too.
var (
	// ErrPassword: the file is sealed with another password.
	ErrPassword = errors.New("wrong password")
	// ErrDamaged: what is in the file is not what a store wrote there. Only a
	// backup helps.
	ErrDamaged = fmt.Errorf("%w: not a store of playtoken, or damaged", store.ErrUnavailable)
)

// Options of a store. The zero value is the careful choice.
type Options struct {
	// Create makes the file if there is none. The directory must exist. If
	// two processes do it at once, both work with the same file afterwards.
	Create bool

	// Patience is how long a call waits for its turn, at most, before it
	// returns ErrUnavailable, if its context does not end sooner. Default 10s.
	Patience time.Duration

	// WorkFactor makes trying the password of a new file cost 2^WorkFactor
	// rounds of scrypt. Default, and most: 15. Only tests have reason for less.
	WorkFactor int
}

// Store holds private keys and documents in a file. It is safe for concurrent
// use and needs no closing. It implements [store.Documents],
// [store.PrivateKeys] and signer.PrivateKeys.
//
// Any error that is not the caller's mistake or an answer (not found,
// conflict, gone) wraps [store.ErrUnavailable].
type Store struct {
	db   *database
	aead cipher.AEAD

	// parsed keeps private keys by what the file says at this moment, which is
	// read each time: a key that is no longer there is never looked up here.
	parsed *lru.Cache[sealedKey, *rsa.PrivateKey]
}

// parsedKeys is how many private keys are kept parsed: 0.2 ms saved for each
// signature, some 6 KB spent for each key.
const parsedKeys = 512

// Open opens the store in the file at path. Opening costs about 0.1 s and, for
// that time, 32 MB: the price of trying a password.
//
// Errors: ErrPassword, ErrDamaged, ErrUnavailable if other processes did not
// let go of the file, or whatever is wrong with the file, in words that say
// what to do.
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
	db := newDatabase(path, o.Patience)
	var wrapped []byte
	err := db.view(context.Background(), func(tx *bolt.Tx) (err error) {
		wrapped, err = readHeader(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	aead, err := unwrap(wrapped, password)
	if err != nil {
		return nil, err
	}
	parsed, err := lru.New[sealedKey, *rsa.PrivateKey](parsedKeys)
	if err != nil {
		return nil, err
	}
	return &Store{db: db, aead: aead, parsed: parsed}, nil
}

// inspect refuses a file that would not do, before anything is read from it.
func inspect(path string) error {
	f, err := openFile(path, os.O_RDWR)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w (a store is created only when that is asked for)", err)
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

// Now is the clock of this machine. The file has no clock of its own, and
// needs none: every process that shares the file shares the machine, so there
// is no other clock that ours could disagree with.
func (s *Store) Now(context.Context) (time.Time, error) { return time.Now(), nil }
