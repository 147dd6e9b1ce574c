package filekeys

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"playtoken/store"
)

// database runs one transaction at a time on a file that it shares with other
// processes. The file's flock decides between processes, turn within this one.
type database struct {
	path     string
	patience time.Duration
	turn     chan struct{} // a semaphore; its owner may open the file

	// damaged is set once the file is found damaged. The file stays mapped in
	// memory then, so there is no second attempt. The owner of turn guards it.
	damaged error
}

func newDatabase(path string, patience time.Duration) *database {
	return &database{path: path, patience: patience, turn: make(chan struct{}, 1)}
}

// view runs job in a read-only transaction and returns its error. Any other error
// is ErrUnavailable.
func (d *database) view(ctx context.Context, job func(*bolt.Tx) error) error {
	return d.run(ctx, false, job)
}

// update runs job in a transaction that is durable if update returns nil, and
// rolled back if job returns an error.
func (d *database) update(ctx context.Context, job func(*bolt.Tx) error) error {
	return d.run(ctx, true, job)
}

func (d *database) run(ctx context.Context, write bool, job func(*bolt.Tx) error) error {
	waiting, cancel := context.WithTimeout(ctx, d.patience)
	defer cancel()
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	case <-waiting.Done():
		return d.gaveUp(ctx)
	}
	for waiting.Err() == nil {
		// No other goroutine of this process has the file open.
		err := d.attempt(write, job)
		if !errors.Is(err, berrors.ErrTimeout) && !errors.Is(err, errReplaced) {
			return err
		}
		// Another process has locked it, or put another file in its place. The database would retry every 50 ms,
		// which is long beside transactions of 1 ms.
		pause(waiting, time.Millisecond/2+rand.N(time.Millisecond))
	}
	return d.gaveUp(ctx)
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// gaveUp is the error of a call that could not open the file in time.
func (d *database) gaveUp(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: wait for %s: %w", store.ErrUnavailable, d.path, err)
	}
	return fmt.Errorf("%w: other processes or calls had %s open for %s", store.ErrUnavailable, d.path, d.patience)
}

// attempt runs job if the file is not locked; otherwise the error is ErrTimeout.
//
// The database maps the file and follows the references in it. If they are
// wrong, it panics or accesses memory beyond the end. Attempt turns both into
// ErrDamaged, and this process does not use the file again.
func (d *database) attempt(write bool, job func(*bolt.Tx) error) (err error) {
	if d.damaged != nil {
		return d.damaged
	}
	var file *os.File
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if why := recover(); why != nil {
			d.damaged = fmt.Errorf("%w: %v; restore a backup, then restart", ErrDamaged, why)
			err = d.damaged
			release(file)
		}
	}()
	db, err := bolt.Open(d.path, 0, &bolt.Options{
		ReadOnly:     !write,
		Timeout:      1, // try once
		NoStatistics: true,
		OpenFile: func(path string, flag int, _ os.FileMode) (_ *os.File, err error) {
			file, err = openFile(path, flag)
			return file, err
		},
	})
	if err != nil {
		return opening(err)
	}
	// The file is locked, and unchanged since it was opened.
	err = transact(db, write, file, job)
	db.Close() // its error does not matter: commits are on the disk
	return err
}

// release unlocks and closes a file that is still mapped. The mapping alone would
// keep the lock.
func release(file *os.File) {
	if file != nil {
		unlock(file)
		file.Close()
	}
}

// transact runs job and returns its error unchanged.
func transact(db *bolt.DB, write bool, file *os.File, job func(*bolt.Tx) error) error {
	begin := db.View
	if write {
		begin = db.Update
	}
	var verdict error
	err := begin(func(tx *bolt.Tx) error {
		if verdict = current(file, db.Path()); verdict == nil {
			verdict = complete(tx, file)
		}
		if verdict == nil {
			verdict = job(tx)
		}
		return verdict
	})
	if verdict != nil {
		return verdict
	}
	return unavailable(err)
}

// errReplaced: another file is at the path by now. What is written to this one
// would be lost.
var errReplaced = errors.New("the file was replaced")

// current returns errReplaced unless the locked file is the one at path.
func current(file *os.File, path string) error {
	locked, err := file.Stat()
	if err != nil {
		return unavailable(err)
	}
	there, err := os.Stat(path)
	switch {
	case err != nil:
		return unavailable(err)
	case !os.SameFile(locked, there):
		return errReplaced
	}
	return nil
}

// complete returns an error for a truncated file.
func complete(tx *bolt.Tx, file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return unavailable(err)
	}
	if info.Size() < tx.Size() {
		return fmt.Errorf("%w: the file has %d bytes, want at least %d", ErrDamaged, info.Size(), tx.Size())
	}
	return nil
}

// smallest is less than the size of an empty store.
const smallest = 16 << 10

// openFile opens an existing file. It does not create one, although the database
// asks for that, and refuses an empty file, which the database would initialise.
func openFile(path string, flag int) (*os.File, error) {
	f, err := os.OpenFile(path, flag&^os.O_CREATE, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = fmt.Errorf("%w: not a regular file", ErrDamaged)
	case info.Size() < smallest:
		err = fmt.Errorf("%w: the file has only %d bytes", ErrDamaged, info.Size())
	default:
		return f, nil
	}
	f.Close()
	return nil, err
}

// opening distinguishes a file that is not a database, or a damaged one, from one
// that cannot be opened now.
func opening(err error) error {
	if errors.Is(err, ErrDamaged) {
		return err
	}
	for _, e := range []error{berrors.ErrInvalid, berrors.ErrVersionMismatch, berrors.ErrChecksum} {
		if errors.Is(err, e) {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
	}
	return unavailable(err)
}

// unavailable marks an error of the file system or the database.
func unavailable(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}
