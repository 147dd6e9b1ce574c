//go:build unix

package filekeys

import (
	"io/fs"
	"os"
	"syscall"
)

func ids(info fs.FileInfo) owners {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return owners{user: int(stat.Uid), group: int(stat.Gid)}
	}
	return owners{}
}

func unlock(file *os.File) {
	_ = syscall.Flock(int(file.Fd()), syscall.LOCK_UN) // cannot fail for an open file
}
