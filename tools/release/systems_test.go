package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// TestTheProgramIsMeantForEverySystem type-checks what is ours as each system sees it.
// To compile everything for a system takes minutes; what keeps the program from being
// built there are names that the system has not, and they are found this way.
func TestTheProgramIsMeantForEverySystem(t *testing.T) {
	if testing.Short() {
		t.Skip("reads the sources of all dependencies")
	}
	top, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, system := range []string{"darwin", "windows"} {
		loaded, err := packages.Load(&packages.Config{
			Context: t.Context(), Dir: top,
			Mode: packages.NeedName | packages.NeedFiles | packages.NeedImports | packages.NeedDeps | packages.NeedTypes | packages.NeedSyntax | packages.NeedTypesInfo,
			Env:  append(os.Environ(), "GOOS="+system, "GOARCH=arm64", "CGO_ENABLED=0", "GOFLAGS="),
			ParseFile: func(set *token.FileSet, name string, text []byte) (*ast.File, error) {
				return parse(set, name, text, strings.HasPrefix(name, top))
			},
		}, "./cmd/playtoken")
		if err != nil {
			t.Fatal(err)
		}
		checked := 0
		packages.Visit(loaded, nil, func(p *packages.Package) {
			if !strings.HasPrefix(p.PkgPath, "playtoken/") {
				return
			}
			checked++
			for _, e := range p.Errors {
				t.Errorf("%s: got %v, want a program that can be built there", system, e)
			}
		})
		if checked < 40 {
			t.Errorf("%s: got %d packages of ours, want all that the program has", system, checked)
		}
	}
}

// parse leaves out what functions of others do, which takes most of the time.
func parse(set *token.FileSet, name string, text []byte, whole bool) (*ast.File, error) {
	file, err := parser.ParseFile(set, name, text, parser.SkipObjectResolution)
	if whole || file == nil {
		return file, err
	}
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok {
			f.Body = nil
		}
	}
	return file, err
}
