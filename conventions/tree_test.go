package conventions

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// source is one file of the tree.
type source struct {
	path string // from the top of the module, with slashes
	text string
}

func (s source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") }

// parsed returns the syntax tree of a Go file.
func (s source) parsed(t *testing.T) (*token.FileSet, *ast.File) {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, s.path, s.text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return set, file
}

// sources reads the files whose names end in one of the endings.
func sources(t *testing.T, endings ...string) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if name == "node_modules" || name == "artifacts" || path == "../web/fetched" || strings.HasPrefix(name, ".") && name != ".." {
				return fs.SkipDir
			}
			return nil
		}
		if !slices.ContainsFunc(endings, func(e string) bool { return strings.HasSuffix(name, e) }) {
			return nil
		}
		text, err := os.ReadFile(path)
		rel := filepath.ToSlash(strings.TrimPrefix(path, ".."+string(filepath.Separator)))
		all = append(all, source{path: rel, text: string(text)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatalf("got no files that end in %v, want some", endings)
	}
	return all
}

// packages groups Go files by their folder.
func packages(files []source) map[string][]source {
	byFolder := map[string][]source{}
	for _, f := range files {
		folder := filepath.ToSlash(filepath.Dir(f.path))
		byFolder[folder] = append(byFolder[folder], f)
	}
	return byFolder
}
