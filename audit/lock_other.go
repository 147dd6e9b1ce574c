//go:build !unix

package audit

import (
	"errors"
	"io/fs"
	"os"
)

// tryLock refuses: the log relies on renaming and removing files that are open, which
// Windows does not do, and what a log there would lose was never tested.
func tryLock(*os.File) (locked bool, err error) {
	return false, errors.New("a file with the audit record is not supported on Windows: leave PLAYTOKEN_AUDIT unset, and keep what is written to stderr")
}

func release(*os.File) {}

func giveTo(*os.File, fs.FileInfo) {}
