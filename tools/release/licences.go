package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"

	"golang.org/x/mod/module"
)

// licenceName fits the names of the files in which modules say what may be done with
// them.
var licenceName = regexp.MustCompile(`(?i)^(hls-licen|licen[cs]e|copying|notice|copyright)`)

// licencesOf are the licences of what is linked into a program: those of Go and of the
// modules that the go tool wrote down. Most of them ask to be with every copy.
func (s source) licencesOf(p program) (file, error) {
	var all bytes.Buffer
	fmt.Fprintf(&all, "What playtoken for %s is made of, and the licences of that. The licence of playtoken is in LICENSE.\n", p.target)
	root, err := output(exec.Command("go", "env", "GOROOT"))
	if err != nil {
		return file{}, err
	}
	if err := appendLicences(&all, "Go "+strings.TrimPrefix(p.info.GoVersion, "go"), root); err != nil {
		return file{}, err
	}
	cache, err := output(exec.Command("go", "env", "GOMODCACHE"))
	if err != nil {
		return file{}, err
	}
	for _, m := range p.info.Deps {
		m = used(m)
		dir, err := folderOf(cache, m)
		if err != nil {
			return file{}, err
		}
		if err := appendLicences(&all, m.Path+" "+m.Version, dir); err != nil {
			return file{}, err
		}
	}
	if s.hls {
		if err := appendLicences(&all, "hls.js", filepath.Join(s.folder, "web/fetched")); err != nil {
			return file{}, err
		}
	}
	return file{name: "LICENSES.txt", mode: 0o644, body: all.Bytes()}, nil
}

// used is the module that was compiled in the place of another one.
func used(m *debug.Module) *debug.Module {
	if m.Replace != nil {
		return m.Replace
	}
	return m
}

// folderOf is where the go tool keeps a module.
func folderOf(cache string, m *debug.Module) (string, error) {
	path, err := module.EscapePath(m.Path)
	if err != nil {
		return "", err
	}
	version, err := module.EscapeVersion(m.Version)
	return filepath.Join(cache, path+"@"+version), err
}

// appendLicences refuses a module without a licence: it may not be passed on.
func appendLicences(all *bytes.Buffer, title, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("licence of %s: %w", title, err)
	}
	found := false
	for _, e := range entries {
		if e.IsDir() || !licenceName.MatchString(e.Name()) || strings.HasSuffix(e.Name(), ".go") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		found = true
		fmt.Fprintf(all, "\n%[1]s\n%[2]s, %[3]s\n%[1]s\n\n%[4]s\n", strings.Repeat("=", 80), title, e.Name(), bytes.TrimSpace(text))
	}
	if !found {
		return fmt.Errorf("%s has no file with a licence in %s: ask its authors, or do without it", title, dir)
	}
	return nil
}
