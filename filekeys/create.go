package filekeys

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt"

	"playtoken/secret"
)

// The buckets of the file, and what is in the first.
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

// create makes the file if there is none. It is written under another name and
// gets its own in one step, complete, and only if nobody else was faster: at no
// moment does anybody see half a store, or two of them.
func create(path string, password secret.Value, work int) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".playtoken-*") // mode 0600
	if err != nil {
		return err
	}
	f.Close()
	defer os.Remove(f.Name())
	if err := initialise(f.Name(), password, work); err != nil {
		return err
	}
	// The new store is complete and on the disk.
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	// There is a store at path, ours or the one of whoever was faster.
	return syncDirectory(dir)
}

func initialise(path string, password secret.Value, work int) error {
	wrapped, err := newDataKey(password, work)
	if err != nil {
		return err
	}
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
		header := tx.Bucket([]byte(bucketHeader))
		return errors.Join(header.Put(keyFormat, []byte(format)), header.Put(keyDataKey, wrapped))
	})
}

// syncDirectory makes a new name in dir durable.
func syncDirectory(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// readHeader returns the wrapped data key.
func readHeader(tx *bolt.Tx) ([]byte, error) {
	header := tx.Bucket([]byte(bucketHeader))
	if header == nil {
		return nil, fmt.Errorf("%w: a database of something else", ErrDamaged)
	}
	if f := header.Get(keyFormat); string(f) != format {
		return nil, fmt.Errorf("format %q; this version of playtoken knows format %q", f, format)
	}
	return append([]byte(nil), header.Get(keyDataKey)...), nil
}
