package main

import (
	"debug/buildinfo"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/contents.txt")

// pages fits the manual pages, which have one name in the list.
var pages = regexp.MustCompile(`playtoken(-[a-z-]+)?\.1`)

// TestContents holds the list of everything that is released against what the program
// would make. goreleaser's configuration is held against the same list.
func TestContents(t *testing.T) {
	path := filepath.Join(t.TempDir(), "playtoken")
	if err := os.WriteFile(path, []byte("program"), 0o755); err != nil {
		t.Fatal(err)
	}
	s := source{folder: "../..", version: "1.2.3"}
	papers := somePapers(t)
	var lines []string
	for _, target := range allTargets() {
		p := program{target: target, path: path, info: &buildinfo.BuildInfo{GoVersion: runtime.Version()}}
		files, err := s.archiveFiles(p, papers)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			lines = append(lines, fmt.Sprintf("%s %s", s.archiveName(target), pages.ReplaceAllString(f.name, "*.1")))
		}
	}
	all, err := s.installedFiles(program{path: path, info: &buildinfo.BuildInfo{GoVersion: runtime.Version()}}, papers)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		for _, format := range packageFormats() {
			if i.packager == "" || i.packager == format {
				lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s", format, pages.ReplaceAllString(i.to, "*.1"), i.kind)))
			}
		}
	}
	slices.Sort(lines)
	got := strings.Join(slices.Compact(lines), "\n") + "\n"
	if *update {
		if err := os.WriteFile("testdata/contents.txt", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := string(read(t, "testdata/contents.txt")); got != want {
		t.Errorf("got the contents %s, want %s; after a change that is meant, go test -run Contents -update, and see tools/goreleaser", got, want)
	}
}

// somePapers are those of this checkout, with two manual pages.
func somePapers(t *testing.T) (p papers) {
	t.Helper()
	p, err := source{folder: "../.."}.ownPapers()
	if err != nil {
		t.Fatal(err)
	}
	p.manual = []file{{name: "playtoken.1", mode: 0o644}, {name: "playtoken-serve.1", mode: 0o644}}
	for _, name := range []string{"playtoken", "playtoken.fish", "_playtoken"} {
		p.completions = append(p.completions, file{name: name, mode: 0o644})
	}
	return p
}
