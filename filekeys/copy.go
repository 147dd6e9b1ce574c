package filekeys

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt"

	"playtoken/secret"
)

// Both verbs here make a whole new file, value by value, under another name, and
// give it its name when it is on the disk. Every value is decrypted on the way,
// so a copy that exists is a store that opens; what was destroyed is not in it.

// Rekey gives the file another password, and encrypts every value with a new key:
// neither the old password nor a key taken from an older copy opens the file
// afterwards. It is one step: after a crash, too, the file at the path has either
// the old password or the new one. Processes that have the store open return
// ErrRekeyed from then on, unless they were given the new one with ReplacePassword; this
// Store knows it.
//
// The file is replaced by another one in the same directory, which must be
// writable; so a file that is a mount of its own cannot be given another password.
// Errors: those of [LongEnough]; ErrDamaged; store.ErrUnavailable; those of the file
// system. Unless the error is that of making the new name durable, nothing changed.
func (s *Store) Rekey(ctx context.Context, password secret.Value) error {
	if err := s.rekey(ctx, password); err != nil {
		return fmt.Errorf("change the password of %s: %w", s.db.path, err)
	}
	return nil
}

func (s *Store) rekey(ctx context.Context, password secret.Value) error {
	if err := LongEnough(password); err != nil {
		return err
	}
	path, err := filepath.EvalSymlinks(s.db.path)
	if err != nil {
		return err
	}
	header, err := newDataKey(password, s.options.WorkFactor)
	if err != nil {
		return err
	}
	next, err := unwrap(header, password)
	if err != nil {
		return err
	}
	err = s.update(ctx, func(tx *bolt.Tx, by *sealing) error {
		// No other process reads or writes the file, and it is the one at path.
		if err := replace(path, func(to string) error { return copyTo(to, tx, by, next) }); err != nil {
			return err
		}
		return errReplacedByUs
	})
	if errors.Is(err, errReplacedByUs) {
		s.sealing.Store(next)
		return syncDirectory(filepath.Dir(path))
	}
	return err
}

// errReplacedByUs ends the transaction on the file that has no name any more.
var errReplacedByUs = errors.New("the file was replaced by this call")

// Backup writes a copy of the store, as it is at one moment, to a new file that
// only the owner may open, and which the same password opens. Other processes may
// use the store meanwhile; their writes wait. Errors: fs.ErrExist; ErrDamaged;
// store.ErrUnavailable; of the file system. After an error there is no such file.
func (s *Store) Backup(ctx context.Context, path string) error {
	if err := s.backup(ctx, path); err != nil {
		return fmt.Errorf("back up %s: %w", s.db.path, err)
	}
	return nil
}

func (s *Store) backup(ctx context.Context, path string) error {
	if _, err := os.Lstat(path); err == nil {
		return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	err := s.view(ctx, func(tx *bolt.Tx, by *sealing) error {
		return replace(path, func(to string) error { return copyTo(to, tx, by, by) })
	})
	if err != nil {
		return err
	}
	return syncDirectory(filepath.Dir(path))
}

// replace writes a file under another name in the same directory, and gives it
// the name path when it is on the disk, with the owner and the mode of the file
// that is there, if one is.
func replace(path string, write func(to string) error) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".playtoken-*") // mode 0600
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		return &fs.PathError{Op: "make a file in the folder", Path: dir, Err: failed.Err}
	}
	if err != nil {
		return err
	}
	defer f.Close()
	defer os.Remove(f.Name()) // unless it has the other name by then
	if err := write(f.Name()); err != nil {
		return err
	}
	if err := becomeLike(f, path); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// becomeLike gives a file the owner and the mode of the one at path: another user
// may run the service than the one who runs this process.
func becomeLike(f *os.File, path string) error {
	there, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	ours, err2 := f.Stat()
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	if was, is := ids(there), ids(ours); was != is {
		if err := f.Chown(was.user, was.group); err != nil {
			return err
		}
	}
	return f.Chmod(there.Mode().Perm())
}

// copyTo makes a store of an empty file, with every value of another one.
func copyTo(path string, tx *bolt.Tx, from, to *sealing) error {
	return initialise(path, to.header, func(out *bolt.Tx) error {
		for _, bucket := range []string{bucketKeys, bucketDocuments} {
			b, err := openBucket(tx, bucket)
			if err != nil {
				return err
			}
			err = b.ForEach(func(name, sealed []byte) error {
				text, err := from.unseal(place(bucket, string(name)), sealed)
				if err != nil {
					return err
				}
				defer clear(text)
				return put(out, bucket, string(name), to.seal(place(bucket, string(name)), text))
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}
