// Package goreleaser_test holds goreleaser.yaml against goreleaser's own types, and
// against the list of what make release makes.
//
// The decision a newcomer would get wrong: goreleaser is not run. To compile all of it
// takes many minutes, and what it does with a good file is its authors' to test.
package goreleaser_test

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goreleaser/goreleaser/v2/pkg/config"
)

const top = "../.."

// project has goreleaser read the file, strictly: an unknown member is an error.
func project(t *testing.T) config.Project {
	t.Helper()
	p, err := config.Load("goreleaser.yaml")
	if err != nil {
		t.Fatalf("goreleaser.yaml: got %v, want a file that goreleaser reads", err)
	}
	return p
}

// contents are the lines of the list that make release is held against.
func contents(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(top, "tools/release/testdata/contents.txt"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestGoreleaserReadsStrictly(t *testing.T) {
	if _, err := config.LoadReader(strings.NewReader("version: 2\nno_such_member: 1\n")); err == nil {
		t.Error("an unknown member = no error, want goreleaser to refuse it")
	}
}

func TestBothMakeTheSame(t *testing.T) {
	p := project(t)
	var lines []string
	for _, build := range p.Builds {
		if build.Main != "./cmd/playtoken" || !slices.Equal(build.Env, []string{"CGO_ENABLED=0"}) ||
			!slices.Equal(build.Flags, []string{"-trimpath", "-buildvcs=true"}) || !slices.Equal(build.Ldflags, []string{"-s -w"}) {
			t.Errorf("build %s: got %+v, want the flags of make release", build.ID, build)
		}
		for _, archive := range p.Archives {
			if slices.Equal(archive.IDs, []string{build.ID}) {
				lines = append(lines, archiveLines(t, build, archive)...)
			}
		}
	}
	for _, n := range p.NFPMs {
		for _, format := range n.Formats {
			lines = append(lines, format+" "+path.Join(n.Bindir, "playtoken"))
			for _, c := range n.Contents {
				checkSource(t, c.Source)
				if c.Packager == "" || c.Packager == format {
					lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s", format, placed(c.Source, c.Destination), c.Type)))
				}
			}
		}
	}
	slices.Sort(lines)
	if got, want := strings.Join(slices.Compact(lines), "\n")+"\n", contents(t); got != want {
		t.Errorf("goreleaser makes %s, want what make release makes, %s", got, want)
	}
}

// placed is where a file goes: a folder ends with a slash.
func placed(source, destination string) string {
	if strings.HasSuffix(destination, "/") {
		return destination + path.Base(source)
	}
	return destination
}

// checkSource: what does not lie in the repository is written by make papers.
func checkSource(t *testing.T, source string) {
	t.Helper()
	if strings.HasPrefix(source, "artifacts/papers/") {
		return
	}
	if found, err := filepath.Glob(filepath.Join(top, source)); err != nil || len(found) == 0 {
		t.Errorf("%s: got no such file, %v, want one of the repository", source, err)
	}
}

func archiveLines(t *testing.T, build config.Build, archive config.Archive) (lines []string) {
	t.Helper()
	for _, system := range build.Goos {
		for _, processor := range build.Goarch {
			name := strings.NewReplacer("{{ .Version }}", "1.2.3", "{{ .Os }}", system, "{{ .Arch }}", processor).Replace(archive.NameTemplate) + "." + archive.Formats[0]
			program := build.Binary
			if system == "windows" {
				program += ".exe" // as goreleaser names it
			}
			lines = append(lines, name+" "+program)
			for _, f := range archive.Files {
				for _, inside := range filesOf(t, f) {
					lines = append(lines, name+" "+inside)
				}
			}
		}
	}
	return lines
}

// filesOf are the names in an archive of what a line of its files brings.
func filesOf(t *testing.T, f config.File) (names []string) {
	t.Helper()
	checkSource(t, f.Source)
	sources := []string{f.Source}
	switch {
	case f.Source == "artifacts/papers/completions/*":
		sources = []string{"playtoken", "playtoken.fish", "_playtoken"}
	case strings.HasPrefix(f.Source, "deploy/"):
		sources, _ = filepath.Glob(filepath.Join(top, f.Source)) // checkSource has seen its error
	}
	for _, s := range sources {
		if f.Destination != "" && !f.StripParent {
			t.Errorf("%s: got parents in the archive, want them left out", f.Source)
		}
		names = append(names, path.Join(f.Destination, path.Base(s)))
	}
	return names
}

func TestTheRestIsAsMakeReleaseDoesIt(t *testing.T) {
	p := project(t)
	if p.Checksum.NameTemplate != "SHA256SUMS" || p.Checksum.Algorithm != "sha256" || len(p.Signs) != 1 || p.Signs[0].Cmd != "minisign" || p.Signs[0].Signature != "${artifact}.minisig" {
		t.Errorf("got the checksum %+v and the signature %+v, want SHA256SUMS and minisign's", p.Checksum, p.Signs)
	}
	n := p.NFPMs[0]
	for _, script := range []string{n.Scripts.PostInstall, n.Scripts.PreRemove, n.Scripts.PostRemove} {
		checkSource(t, script)
	}
	code, err := os.ReadFile(filepath.Join(top, "tools/release/packages.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{n.Maintainer, n.Description, n.License, n.Section, n.RPM.Group, n.RPM.BuildHost} {
		if want == "" || !strings.Contains(string(code), `"`+want+`"`) {
			t.Errorf("got %q in a package of goreleaser, want it in tools/release/packages.go, too", want)
		}
	}
}
