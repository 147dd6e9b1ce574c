package gate

import (
	"io/fs"
	"os"
	"syscall"
)

// Folder is a media folder on a disk, out of which no link leads. Opening a file in
// it never waits, as that of a pipe without a writer does otherwise.
type Folder struct{ root *os.Root }

// OpenFolder opens a folder. Errors: those of os.OpenRoot.
func OpenFolder(path string) (Folder, error) {
	root, err := os.OpenRoot(path)
	return Folder{root: root}, err
}

// Close closes the folder. Files that were opened in it stay open.
func (f Folder) Close() error { return f.root.Close() }

// Open opens a file or folder.
func (f Folder) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	file, err := f.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err // no file, in place of a nil one
	}
	return file, nil
}

// Stat follows links within the folder.
func (f Folder) Stat(name string) (fs.FileInfo, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrInvalid}
	}
	return f.root.Stat(name)
}
