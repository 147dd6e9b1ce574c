package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The map of the project, held against what the go tool says: mayImport says
// which packages of ours a folder's code, tests aside, may import. What is not
// listed may import what it likes.
var mayImport = map[string][]string{
	"secret":             {},
	"audit":              {},
	"limits":             {"secret"},
	"keyrotation":        {},
	"signer":             {"keyrotation", "signer/rsakey"},
	"signer/rsakey":      {},
	"platforms":          {"signer", "keyrotation", "secret"},
	"platforms/client":   {"keyrotation", "secret"},
	"platforms/vidbeo":   platform,
	"platforms/jwplayer": append(platform, "gate/verify"),
	"platforms/apivideo": platform,
	"projects":           {"projects/internal/cache", "signer", "keyrotation", "secret", "platforms"},
	"projects/access":    {"projects", "projects/internal/cache", "signer", "keyrotation", "secret", "gate/verify"},
	"projects/viewers":   {"projects", "keyrotation", "secret"},

	"projects/internal/cache": {"keyrotation"},

	"handlers": {"projects", "projects/access", "projects/viewers", "platforms", "signer", "keyrotation", "secret",
		"gate/verify", "audit", "limits"},
	"vaultkeys":   {"keyrotation", "signer", "secret"},
	"filekeys":    {"keyrotation", "signer", "secret"},
	"metrics":     {"signer", "keyrotation"},
	"gate":        {"secret", "gate/verify", "web"},
	"gate/verify": {},
	"gate/sample": {},
	"web":         {"secret"},
}

// platform is what every platform's folder may import.
var platform = []string{"keyrotation", "signer", "secret", "platforms", "platforms/client"}

// onlyUnder says where, tests aside, a module may be imported.
var onlyUnder = map[string][]string{
	"github.com/hashicorp/vault/":     {"vaultkeys"},
	"github.com/gorilla/mux":          {"handlers", "gate"},
	"github.com/lestrrat-go/jwx/":     {"gate/verify"},
	"github.com/golang-jwt/jwt/":      {"signer", "platforms/jwplayer"},
	"go.etcd.io/bbolt":                {"filekeys", "gate"},
	"filippo.io/age":                  {"filekeys"},
	"github.com/spf13/cobra":          {"cmd"},
	"github.com/prometheus/":          {"metrics"},
	"github.com/chromedp/":            {},
	"go.uber.org/goleak":              {},
	"github.com/google/go-cmp/":       {},
	"github.com/hashicorp/golang-lru": {"signer", "filekeys", "limits", "projects"},
	"github.com/coreos/go-oidc/":      {"projects/viewers"},
	"cel.dev/cel-go/":                 {"projects/viewers"},
	"github.com/redis/":               {"limits"},
	"github.com/getkin/":              {},
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

// TestNobodyAsksForAPlatformsName: what a platform does is in its
// platforms.Platform; outside its folder, only the table of kinds knows that it
// exists.
func TestNobodyAsksForAPlatformsName(t *testing.T) {
	names := regexp.MustCompile(`"(vidbeo|jwplayer|apivideo)"`)
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel("../..", path)
		if entry.IsDir() && (rel == "platforms" || rel == "bench" || entry.Name() == "node_modules" || strings.HasPrefix(entry.Name(), ".g")) {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		for i, line := range strings.Split(string(text), "\n") {
			code, _, _ := strings.Cut(line, "//")
			if names.MatchString(code) && !strings.Contains(code, "PLAYTOKEN_PLATFORM") {
				t.Errorf("%s:%d knows a platform by its name: %s", rel, i+1, strings.TrimSpace(line))
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
