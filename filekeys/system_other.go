//go:build !unix

package filekeys

import (
	"io/fs"
	"os"
)

// modesSay: on Windows, every file that may be written has mode 0666. Who may open it
// is in lists that this package does not read.
const modesSay = false

// ids are 0 where files have no owners of this kind.
func ids(fs.FileInfo) owners { return owners{} }

// unlock does nothing: the system releases the lock of a file that is closed.
func unlock(*os.File) {}

// syncDirectory does nothing: Windows refuses to flush a folder, and makes a new name
// durable in its own time.
func syncDirectory(string) error { return nil }
