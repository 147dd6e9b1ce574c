package conventions

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The map of the project, held against what the go tool says: mayImport says
// which packages of ours a folder's code, tests aside, may import. What is not
// listed may import what it likes.
var mayImport = map[string][]string{
	"secret":              {},
	"audit":               {"store"},
	"limits":              {"secret"},
	"logs":                {},
	"store":               {},
	"durations":           {},
	"keyrotation":         {"store", "durations"},
	"signer":              {"keyrotation", "signer/rsakey", "store"},
	"signer/rsakey":       {"signer/rsakey/eight"},
	"signer/rsakey/eight": {},
	"platforms":           {"platforms/lint", "signer", "keyrotation", "secret", "store"},
	"platforms/lint":      {"durations"},
	"platforms/client":    {"keyrotation", "secret"},
	"platforms/jwtkeys":   platform,
	"platforms/vidbeo":    append(platform, "platforms/jwtkeys"),
	"platforms/gate":      append(platform, "platforms/jwtkeys"),
	"platforms/jwplayer":  append(platform, "gate/verify"),
	"platforms/apivideo":  platform,
	"platforms/cdni":      append(platform, "platforms/jwtkeys"),
	"platforms/jws":       append(platform, "platforms/jwtkeys"),
	"platforms/all":       {"platforms", "platforms/vidbeo", "platforms/gate", "platforms/jwplayer", "platforms/apivideo", "platforms/jws", "platforms/cdni", "platforms/cloudfront"},
	"settings":            {"keyrotation", "platforms", "platforms/all", "platforms/client", "secret", "store"},
	"projects":            {"projects/internal/cache", "signer", "keyrotation", "store", "secret", "platforms"},
	"projects/access":     {"projects", "projects/internal/cache", "signer", "keyrotation", "store", "secret", "gate/verify"},
	"projects/approvals":  {"projects", "store"},
	"projects/operators":  {"projects", "projects/internal/cache", "store", "secret"},
	"projects/viewers":    {"projects", "store", "secret"},

	"platforms/cloudfront":    append(platform, "platforms/jwtkeys", "durations"),
	"projects/internal/cache": {"store"},

	"handlers": {"durations", "projects", "projects/access", "projects/approvals", "projects/operators", "projects/viewers", "platforms", "platforms/lint", "signer", "keyrotation", "store", "secret",
		"gate/verify", "audit", "limits", "logs"},
	"service": {"settings", "store", "secret", "filekeys", "vaultkeys", "keyrotation", "signer", "platforms", "platforms/all", "platforms/lint",
		"projects", "projects/access", "projects/approvals", "projects/operators", "projects/viewers", "handlers", "limits", "logs", "audit", "metrics", "tracing", "httpserver", "reload", "web", "web/console"},
	"demo":                   {"settings", "service", "projects", "metrics", "httpserver", "gate", "gate/sample", "platforms/client", "web", "web/console", "web/timeline", "store", "signer"},
	"httpserver":             {},
	"reload":                 {},
	"service/gateprocess":    {"settings", "filekeys", "gate", "metrics", "tracing", "httpserver", "reload", "service", "audit", "limits", "logs", "secret"},
	"cmd/playtoken/body":     {"settings"},
	"cmd/playtoken/keyfile":  {"platforms/cdni", "platforms/client"},
	"cmd/playtoken/manual":   {"settings"},
	"cmd/playtoken/terminal": {},
	"cmd/playtoken/remedies": {"service", "service/doctor", "settings", "handlers"},
	"service/breakglass":     {"settings", "audit", "keyrotation", "platforms", "store", "secret"},
	"service/doctor":         {"durations", "service", "settings", "filekeys", "vaultkeys", "keyrotation", "platforms", "projects", "handlers", "audit", "limits"},
	"vaultkeys":              {"keyrotation", "signer", "store", "secret"},
	"filekeys":               {"keyrotation", "signer", "store", "secret"},
	"tracing":                {"signer", "keyrotation", "store"},
	"metrics":                {"signer", "keyrotation", "store"},
	"gate":                   {"secret", "store", "audit", "limits", "logs", "gate/verify", "gate/playlist", "gate/register", "gate/datafile", "web"},
	"gate/register":          {"store", "gate/verify"},
	"gate/datafile":          {"store", "gate/register"},
	"gate/verify":            {},
	"gate/playlist":          {},
	"gate/sample":            {},
	"web":                    {"secret", "web/timeline"},
	"web/timeline":           {},
	"web/console":            {"durations", "limits", "secret", "web", "web/timeline"},
	"client":                 {"secret"},
	"examples/go":            {"client"},
}

// platform is what every platform's folder may import.
var platform = []string{"keyrotation", "signer", "store", "secret", "platforms", "platforms/client", "platforms/lint"}

// onlyUnder says where, tests aside, a module may be imported.
var onlyUnder = map[string][]string{
	"github.com/hashicorp/vault/":     {"vaultkeys"},
	"github.com/gorilla/mux":          {"handlers", "gate"},
	"github.com/aws/":                 {"platforms/cloudfront"},
	"github.com/lestrrat-go/jwx/":     {"gate/verify"},
	"github.com/golang-jwt/jwt/":      {"signer", "platforms/jwplayer", "bench"},
	"go.etcd.io/bbolt":                {"filekeys", "gate"},
	"filippo.io/age":                  {"filekeys"},
	"github.com/spf13/cobra":          {"cmd"},
	"github.com/prometheus/":          {"metrics"},
	"github.com/chromedp/":            {},
	"github.com/coder/websocket":      {},
	"go.uber.org/goleak":              {},
	"github.com/google/go-cmp/":       {},
	"github.com/hashicorp/golang-lru": {"signer", "filekeys", "limits", "projects", "gate/verify"},
	"github.com/coreos/go-oidc/":      {"projects/viewers", "projects/operators"},
	"golang.org/x/oauth2":             {"projects/operators"},
	"cel.dev/cel-go/":                 {"projects/viewers", "projects/operators"},
	"github.com/redis/":               {"limits"},
	"go.opentelemetry.io/":            {"tracing"},
	"github.com/getkin/":              {},
	"go.yaml.in/yaml/":                {},
	"github.com/yuin/goldmark":        {},
	"github.com/rogpeppe/go-internal": {},
	"mvdan.cc/sh/":                    {},
}

// goList runs go list at the top of the module and returns its lines.
func goList(t *testing.T, args ...string) []string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %s: %v", strings.Join(args, " "), err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

func TestKeyrotationUsesOnlyTheStoreContracts(t *testing.T) {
	got := goList(t, "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "./keyrotation")
	got = slices.DeleteFunc(got, func(s string) bool { return s == "" })
	if want := []string{"playtoken/durations", "playtoken/store", "playtoken/keyrotation"}; !slices.Equal(got, want) {
		t.Errorf("dependencies of keyrotation = %v, want %v", got, want)
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
			t.Errorf("got no package %s, want the import map to list only what exists", folder)
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
