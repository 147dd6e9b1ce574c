package audit

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// lockedByte lies beyond the end of every log, because a lock on Windows keeps others
// from reading what it covers.
func lockedByte() *windows.Overlapped { return &windows.Overlapped{OffsetHigh: 1 << 30} }

// tryLock locks an open file, unless another process has locked it.
func tryLock(file *os.File) (locked bool, err error) {
	err = windows.LockFileEx(windows.Handle(file.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, lockedByte())
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return false, nil
	}
	return err == nil, err
}

func release(file *os.File) {
	_ = windows.UnlockFileEx(windows.Handle(file.Fd()), 0, 1, 0, lockedByte()) // closing the file does it, too
}

// giveTo does nothing: files have no owners of this kind.
func giveTo(*os.File, fs.FileInfo) {}

// syncDirectory does nothing: Windows refuses to flush a folder, and makes a new name
// durable in its own time.
func syncDirectory(string) error { return nil }

// maySetAside refuses: an entry that was set aside is removed while its file is locked,
// which Windows does not do, so that it would be taken over again and again.
func maySetAside() error {
	return errors.New("this is not supported on Windows: run it on the system that keeps the log")
}
