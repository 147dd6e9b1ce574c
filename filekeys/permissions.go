package filekeys

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Exposed is a file or directory that other users of this machine may open or
// replace. The values in the file are encrypted nevertheless.
type Exposed struct {
	Path   string
	Mode   fs.FileMode
	Why    string
	Remedy string // a command for a shell
}

func (e *Exposed) Error() string {
	return fmt.Sprintf("%s (mode %04o); run: %s", e.Why, e.Mode.Perm(), e.Remedy)
}

// Exposures returns the ways in which other users may open or replace the store
// at path.
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
	// A user who may write to the directory can replace the file, unless the
	// directory is sticky and the file belongs to another user.
	if mode := above.Mode(); modesSay && mode&0o002 != 0 && mode&fs.ModeSticky == 0 {
		found = append(found, &Exposed{
			Path: dir, Mode: mode, Why: "every user of this machine may replace files in the store's directory", Remedy: "chmod o-w " + dir,
		})
	}
	ours, theirs := ids(info).user, ids(above).user
	if theirs != 0 && theirs != ours {
		found = append(found, &Exposed{
			Path: dir, Mode: above.Mode(), Why: fmt.Sprintf("the store's directory belongs to another user, number %d, who may replace files in it", theirs),
			Remedy: fmt.Sprintf("chown %d %s", ours, dir),
		})
	}
	return found, nil
}

// exposedFile returns how users other than the owner and the group may open the
// file, or nil. The group may open it, because volume mounts of containers
// require that and the values are encrypted.
func exposedFile(path string, info fs.FileInfo) *Exposed {
	if !modesSay || info.Mode().Perm()&0o007 == 0 {
		return nil
	}
	return &Exposed{Path: path, Mode: info.Mode(), Why: "every user of this machine may open it", Remedy: "chmod 600 " + path}
}

// owners are the ids of a file's user and group.
type owners struct{ user, group int }
