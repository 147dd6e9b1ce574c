//go:build unix

package keyfile

import (
	"io/fs"
	"os"
	"syscall"
)

// keepOwner gives a file the owner of another one, and a mode: who may read a verifier's
// keys is the operator's choice.
func keepOwner(path string, as fs.FileInfo, mode fs.FileMode) error {
	if was, ok := as.Sys().(*syscall.Stat_t); ok && (int(was.Uid) != os.Getuid() || int(was.Gid) != os.Getgid()) {
		if err := os.Chown(path, int(was.Uid), int(was.Gid)); err != nil {
			return err
		}
	}
	return os.Chmod(path, mode)
}
