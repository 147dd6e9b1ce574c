//go:build unix

package filekeys

import (
	"io/fs"
	"os"
	"syscall"
)

// modesSay: the mode of a file says who may open it.
const modesSay = true

func ids(info fs.FileInfo) owners {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return owners{user: int(stat.Uid), group: int(stat.Gid)}
	}
	return owners{}
}

func unlock(file *os.File) {
	_ = syscall.Flock(int(file.Fd()), syscall.LOCK_UN) // cannot fail for an open file
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
