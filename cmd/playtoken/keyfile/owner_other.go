//go:build !unix

package keyfile

import (
	"io/fs"
	"os"
)

func keepOwner(path string, _ fs.FileInfo, mode fs.FileMode) error { return os.Chmod(path, mode) }
