package filekeys

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Exposed is a file or directory that others on this machine can open, or
// replace. The values in the file are sealed all the same.
type Exposed struct {
	Path   string
	Mode   fs.FileMode
	Why    string
	Remedy string // a command
}

func (e *Exposed) Error() string {
	return fmt.Sprintf("%s (mode %04o); run: %s", e.Why, e.Mode.Perm(), e.Remedy)
}

// Exposures looks at who may open, or replace, the store at path.
func Exposures(path string) ([]*Exposed, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	dir := filepath.Dir(path)
	above, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	var found []*Exposed
	if e := exposedFile(path, info); e != nil {
		found = append(found, e)
	}
	// Who may write the directory puts a store of their own in the file's
	// place, unless it is sticky and the file is somebody else's.
	if mode := above.Mode(); mode&0o002 != 0 && mode&fs.ModeSticky == 0 {
		found = append(found, &Exposed{dir, mode, "everybody on this machine may replace what is in the store's directory", "chmod o-w " + dir})
	}
	ours, theirs := owner(info), owner(above)
	if theirs != 0 && theirs != ours {
		found = append(found, &Exposed{dir, above.Mode(), fmt.Sprintf("the store's directory is another user's, number %d, who may replace what is in it", theirs),
			fmt.Sprintf("chown %d %s", ours, dir)})
	}
	return found, nil
}

// exposedFile: the group is let in, since volume mounts of containers insist
// on it and the values are sealed.
func exposedFile(path string, info fs.FileInfo) *Exposed {
	if info.Mode().Perm()&0o007 == 0 {
		return nil
	}
	return &Exposed{path, info.Mode(), "everybody on this machine may open it", "chmod 600 " + path}
}

func owner(info fs.FileInfo) uint32 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Uid
	}
	return 0
}
