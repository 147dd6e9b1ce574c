// Package datafile is the store of a gate that stands alone: one file, in which
// nothing is encrypted.
//
// The decision a newcomer would get wrong: the file belongs to one process at a
// time, which keeps it open. Two gates on one file would each be right about
// it, but the second could not tell that it was meant to have a file of its
// own; several gates share a Vault.
package datafile

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"playtoken/store"
)

// File is an open data file. It implements store.Documents.
type File struct{ db *bbolt.DB }

var _ store.Documents = (*File)(nil)

var documents = []byte("documents") // name: version, 8 bytes big-endian, then the data

var documentName = regexp.MustCompile(`^[a-z]{1,32}/[a-z0-9_]{7,40}$`)

var errBusy = errors.New("another process is using it")

// Open opens or creates a file. It refuses one that other users of the machine
// can open: with the secrets in it they could make tickets.
func Open(path string) (*File, error) {
	if err := checkMode(path); err != nil {
		return nil, err
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second})
	if errors.Is(err, bolterrors.ErrTimeout) {
		err = errBusy
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return &File{db: db}, nil
}

func checkMode(path string) error {
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS == "windows" || info.Mode().Perm()&0o007 == 0 { // there, modes say nothing
		return nil // a file that cannot be looked at cannot be opened either
	}
	return fmt.Errorf("every user of this machine may open %s (mode %04o); run: chmod 600 %[1]s", path, info.Mode().Perm())
}

// Close closes the file. Later calls return store.ErrUnavailable.
func (f *File) Close() error { return f.db.Close() }

// Read implements store.Documents.
func (f *File) Read(ctx context.Context, name string) (doc store.Document, err error) {
	err = f.run(ctx, f.db.View, name, func(tx *bbolt.Tx) error {
		doc = read(tx.Bucket(documents), name)
		if doc.Version == 0 {
			return store.ErrNotFound
		}
		return nil
	})
	if err != nil {
		return store.Document{}, fmt.Errorf("read %.60q: %w", name, err)
	}
	return doc, nil
}

// Write implements store.Documents. The data is on the disk when it returns.
func (f *File) Write(ctx context.Context, name string, data []byte, version int64) (int64, error) {
	err := f.run(ctx, f.db.Update, name, func(tx *bbolt.Tx) error {
		bucket, err := tx.CreateBucketIfNotExists(documents)
		if err != nil {
			return err
		}
		if read(bucket, name).Version != version {
			return store.ErrConflict
		}
		return bucket.Put([]byte(name), append(binary.BigEndian.AppendUint64(nil, uint64(version+1)), data...))
	})
	if err != nil {
		return 0, fmt.Errorf("write %.60q: %w", name, err)
	}
	return version + 1, nil
}

// Delete implements store.Documents.
func (f *File) Delete(ctx context.Context, name string) error {
	err := f.run(ctx, f.db.Update, name, func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(documents)
		if bucket == nil {
			return nil
		}
		return bucket.Delete([]byte(name))
	})
	if err != nil {
		return fmt.Errorf("delete %.60q: %w", name, err)
	}
	return nil
}

// read returns a document. Version 0 means that it does not exist.
func read(bucket *bbolt.Bucket, name string) store.Document {
	if bucket == nil {
		return store.Document{}
	}
	value := bucket.Get([]byte(name))
	if len(value) < 8 {
		return store.Document{}
	}
	return store.Document{Data: slices.Clone(value[8:]), Version: int64(binary.BigEndian.Uint64(value))}
}

// run runs a job in one transaction. An error that is not about the document is
// store.ErrUnavailable.
func (f *File) run(ctx context.Context, transaction func(func(*bbolt.Tx) error) error, name string, job func(*bbolt.Tx) error) error {
	if !documentName.MatchString(name) {
		return errors.New("not a valid name of a document")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	err := transaction(job)
	if err == nil || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) {
		return err
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}
