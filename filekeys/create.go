package filekeys

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"unicode/utf8"

	bolt "go.etcd.io/bbolt"

	"playtoken/secret"
)

// The buckets of the file, and the format of its header.
const (
	bucketHeader    = "playtoken"
	bucketKeys      = "keys"
	bucketDocuments = "documents"

	format = "1"
)

var (
	keyFormat  = []byte("format")
	keyDataKey = []byte("data_key")
)

// minPassword is how many characters the password of a new file has at least.
const minPassword = 16

// LongEnough returns an error for a password with which no file is created,
// because a thief of the file could guess it. A file that has it already opens.
func LongEnough(password secret.Value) error {
	if n := utf8.RuneCountInString(password.Reveal()); n < minPassword {
		return fmt.Errorf("the password has %d characters, want at least %d: %w", n, minPassword, ErrShort)
	}
	return nil
}

// create creates the file unless it exists. It writes the file under another name
// and links it to path once it is complete, and only if no other process has
// created it meanwhile. So no process ever sees an incomplete store or a second
// one.
func create(path string, password secret.Value, work int) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := LongEnough(password); err != nil {
		return err
	}
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".playtoken-*") // mode 0600
	if err != nil {
		return err
	}
	f.Close()
	defer os.Remove(f.Name())
	header, err := newDataKey(password, work)
	if err != nil {
		return err
	}
	if err := initialise(f.Name(), header, func(*bolt.Tx) error { return nil }); err != nil {
		return err
	}
	// The new store is complete and on the disk.
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	// A store exists at path, created by this process or by another one.
	return syncDirectory(dir)
}

// initialise makes a store of an empty file. fill puts values into it.
func initialise(path string, header []byte, fill func(*bolt.Tx) error) error {
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		return err
	}
	defer db.Close()
	return db.Update(func(tx *bolt.Tx) error {
		for _, name := range []string{bucketHeader, bucketKeys, bucketDocuments} {
			if _, err := tx.CreateBucket([]byte(name)); err != nil {
				return err
			}
		}
		b := tx.Bucket([]byte(bucketHeader))
		return errors.Join(b.Put(keyFormat, []byte(format)), b.Put(keyDataKey, header), fill(tx))
	})
}

// readHeader returns the encrypted data key.
func readHeader(tx *bolt.Tx) ([]byte, error) {
	header := tx.Bucket([]byte(bucketHeader))
	if header == nil {
		return nil, fmt.Errorf("%w: the database is not a store", ErrDamaged)
	}
	if f := header.Get(keyFormat); string(f) != format {
		return nil, fmt.Errorf("the store has format %q; this version of playtoken supports format %q", f, format)
	}
	return append([]byte(nil), header.Get(keyDataKey)...), nil
}
