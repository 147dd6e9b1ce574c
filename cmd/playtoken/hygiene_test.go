package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The map of the project, held against what the go tool says: mayImport says which packages of ours a folder's code, tests aside, may
// import. What is not listed may import what it likes.
var mayImport = map[string][]string{
	"secret":           {},
	"keyrotation":      {},
	"signer":           {"keyrotation", "signer/rsakey"},
	"signer/rsakey":    {},
	"projects":         {"signer", "keyrotation", "secret", "platforms"},
	"platforms":        {"signer", "keyrotation", "secret"},
	"audit":            {"secret"},
	"limits":           {"secret"},
	"handlers":         {"projects", "signer", "keyrotation", "secret", "gate/verify"},
	"vaultkeys":        {"keyrotation", "signer", "secret"},
	"filekeys":         {"keyrotation", "signer", "secret"},
	"metrics":          {"signer", "keyrotation"},
	"platforms/client": {"keyrotation", "secret"},
	"platforms/vidbeo": {"keyrotation", "signer", "secret", "platforms", "platforms/client"},
	"gate":             {"secret", "gate/verify", "web"},
	"gate/verify":      {},
	"gate/sample":      {},
	"web":              {"secret"},
}

// onlyUnder says where, tests aside, a module may be imported.
var onlyUnder = map[string][]string{
	"github.com/hashicorp/vault/":     {"vaultkeys"},
	"github.com/gorilla/mux":          {"handlers", "gate"},
	"github.com/lestrrat-go/jwx/":     {"gate/verify"},
	"github.com/golang-jwt/jwt/":      {"signer"},
	"go.etcd.io/bbolt":                {"filekeys", "gate"},
	"filippo.io/age":                  {"filekeys"},
	"github.com/spf13/cobra":          {"cmd"},
	"github.com/prometheus/":          {"metrics"},
	"github.com/chromedp/":            {},
	"go.uber.org/goleak":              {},
	"github.com/google/go-cmp/":       {},
	"github.com/hashicorp/golang-lru": {"signer", "filekeys"},
}

// goList runs go list at the top of the module and returns its lines.
func goList(t *testing.T, args ...string) []string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %s: %v", strings.Join(args, " "), err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

func TestKeyrotationStandsOnTheStandardLibraryAlone(t *testing.T) {
	got := goList(t, "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "./keyrotation")
	if got = slices.DeleteFunc(got, func(s string) bool { return s == "" }); !slices.Equal(got, []string{"playtoken/keyrotation"}) {
		t.Errorf("keyrotation depends on %v", got)
	}
}

func TestImportsFollowTheMap(t *testing.T) {
	seen := map[string]bool{}
	for _, line := range goList(t, "-f", "{{.ImportPath}} {{join .Imports \" \"}}", "./...") {
		fields := strings.Fields(line)
		folder := strings.TrimPrefix(fields[0], "playtoken/")
		seen[folder] = true
		if slices.Contains(fields, "testing") {
			continue // a suite for other packages' tests
		}
		for _, imported := range fields[1:] {
			checkImport(t, folder, imported)
		}
	}
	for folder := range mayImport {
		if !seen[folder] {
			t.Errorf("there is no package %s any more", folder)
		}
	}
}

func checkImport(t *testing.T, folder, imported string) {
	t.Helper()
	allowed, listed := mayImport[folder]
	ours, isOurs := strings.CutPrefix(imported, "playtoken/")
	if listed && isOurs && !slices.Contains(allowed, ours) {
		t.Errorf("%s must not import %s", folder, ours)
	}
	for module, folders := range onlyUnder {
		under := slices.ContainsFunc(folders, func(f string) bool { return folder == f || strings.HasPrefix(folder, f+"/") })
		if strings.HasPrefix(imported, module) && !under {
			t.Errorf("%s must not import %s", folder, imported)
		}
	}
}

const (
	longestFile     = 400 // lines
	longestFunction = 40  // lines between its braces
	longestRun      = 70
)

func TestFunctionsAndFilesAreShort(t *testing.T) {
	files := 0
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "node_modules" || strings.HasPrefix(entry.Name(), ".g")) {
			return fs.SkipDir
		}
		if strings.HasSuffix(path, ".go") {
			files++
			measure(t, path)
		}
		return nil
	})
	if err != nil || files < 50 {
		t.Errorf("%d files seen, %v", files, err)
	}
}

func measure(t *testing.T, path string) {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, nil, 0)
	if err != nil {
		t.Error(err)
		return
	}
	if lines := set.File(file.Pos()).LineCount(); lines > longestFile+1 {
		t.Errorf("%s has %d lines, more than %d", path, lines, longestFile)
	}
	if strings.HasSuffix(path, "_test.go") {
		return // a table of cases is data, and as long as it has to be
	}
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Body != nil {
			limit := longestFunction
			if f.Name.Name == "run" {
				limit = longestRun
			}
			if lines := set.Position(f.Body.Rbrace).Line - set.Position(f.Body.Lbrace).Line - 1; lines > limit {
				t.Errorf("%s: %s has %d lines, more than %d", path, f.Name.Name, lines, limit)
			}
		}
	}
}
