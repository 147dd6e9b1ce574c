// Package npmtest has packages of npm for tests, each fetched once per machine.
//
// The decision a newcomer would get wrong: a folder that npm writes is incomplete
// until npm has ended, and tests of several packages run at the same time. So each
// fetch has a folder of its own, which gets its name only when it is complete.
package npmtest

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// patience is how long npm may take.
const patience = 3 * time.Minute

// Packages returns a folder whose node_modules has packages, each name@version. It
// skips the test on a machine that cannot have them, and in short runs.
func Packages(t testing.TB, packages ...string) (dir string) {
	t.Helper()
	name := strings.NewReplacer("/", "-", "@", "-").Replace(strings.Join(packages, "+"))
	return fetched(t, name, nil, append([]string{"install"}, packages...)...)
}

// Project is Packages for the lock file of a project.
func Project(t testing.TB, name string, project fs.FS) (dir string) {
	t.Helper()
	return fetched(t, name, project, "ci")
}

// fetched returns a folder in which npm did what it was told.
func fetched(t testing.TB, name string, project fs.FS, told ...string) (dir string) {
	t.Helper()
	if testing.Short() {
		t.Skipf("NOT TESTED with %s of npm: -short", name)
	}
	npm, err := exec.LookPath("npm")
	cache, nowhere := os.UserCacheDir()
	if _, node := exec.LookPath("node"); err != nil || node != nil || nowhere != nil {
		t.Skipf("NOT TESTED with %s of npm: this machine has no node with npm, or no cache", name)
	}
	all := filepath.Join(cache, "playtoken-npm")
	dir = filepath.Join(all, name)
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	if err := os.MkdirAll(all, 0o700); err != nil {
		t.Fatal(err)
	}
	fresh, err := os.MkdirTemp(all, "unfinished-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(fresh)
	if project != nil {
		if err := os.CopyFS(fresh, project); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	told = append(told, "--prefix", fresh, "--no-audit", "--no-fund", "--ignore-scripts")
	if out, err := exec.CommandContext(ctx, npm, told...).CombinedOutput(); err != nil {
		t.Skipf("NOT TESTED with %s of npm: it cannot be fetched: %v\n%s", name, err, out)
	}
	if err := os.Rename(fresh, dir); err != nil {
		if _, there := os.Stat(dir); there != nil { // no other test was faster
			t.Fatal(err)
		}
	}
	return dir
}
