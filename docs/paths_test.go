package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// inTree fits spans that name a file or a folder of the tree.
var inTree = regexp.MustCompile(`^[a-z]+(/[A-Za-z0-9_*.-]+)+/?$|^[a-z]+/$`)

// TestFilesOfThePagesExist checks what the pages for developers name. Names
// with capital letters, such as platforms/NAME, are for the reader to fill in, and
// what is in artifacts is made.
func TestFilesOfThePagesExist(t *testing.T) {
	checked := 0
	for _, p := range allPages(t) {
		for _, span := range p.spans {
			top, _, _ := strings.Cut(span, "/")
			if info, err := os.Stat(filepath.Join(root, top)); !inTree.MatchString(span) || strings.Contains(span, "NAME") || top == "artifacts" || err != nil || !info.IsDir() {
				continue
			}
			if found, err := filepath.Glob(filepath.Join(root, span)); err != nil || len(found) == 0 {
				t.Errorf("%s: got the path %q, want one that exists", p.path, span)
			}
			checked++
		}
	}
	if checked == 0 {
		t.Error("got no path on any page, want some")
	}
}

// TestMapNamesEveryFolder holds the map of docs/develop.md against the tree.
func TestMapNamesEveryFolder(t *testing.T) {
	all := allPages(t)
	i := slices.IndexFunc(all, func(p page) bool { return p.path == "docs/develop.md" })
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		name := entry.Name()
		if !entry.IsDir() || strings.HasPrefix(name, ".") || name == "artifacts" {
			continue
		}
		if !slices.ContainsFunc(all[i].spans, func(s string) bool { return s == name || strings.HasPrefix(s, name+"/") }) {
			t.Errorf("got no word about the folder %s in docs/develop.md, want a row", name)
		}
	}
}
