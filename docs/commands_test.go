package docs_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"playtoken/gate"
	"playtoken/gate/sample"
	"playtoken/secret"
	"playtoken/vaultkeys/vaulttest"
)

// TestMain lets this binary stand in for Vault's own command line, which the
// pages use and not every machine has.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "vault" {
		vaultCommand()
		return
	}
	os.Exit(runIn(m))
}

// binaries is the folder for the program, which ends with the tests.
var binaries string

func runIn(m *testing.M) int {
	var err error
	if binaries, err = os.MkdirTemp("", "playtoken-docs-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(binaries)
	return m.Run()
}

// TestCommandsOfThePages runs the scripts of testdata. Beside testscript's own
// commands they have:
//
//	page PATH                the page that the next commands are of
//	with OLD NEW             writes NEW where the page's commands have OLD
//	[!] paste PREFIX         runs the page's next command with this beginning
//	code N                   holds the exit code of the last of these against N
//	start NAME RE PREFIX     runs it in the background until its output fits RE;
//	                         NAME becomes what the group of RE found
//	take NAME RE             the same, of the standard output of the last command
//	await URL                until URL responds with 200
//	block LANGUAGE FILE      writes the page's block of the language to a file
//	files NAME DIR           serves a folder; NAME becomes its address
//	cloudfront NAME          starts a stand-in for AWS, with the access key test and secret; $NAME is its address
//	realvault                starts a Vault; $VAULT and $VAULT_ROOT are its own
//
// Each script has a gate of its own at $GATE, with the sample video counter, and
// settings for a file store.
func TestCommandsOfThePages(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program and runs it some hundred times")
	}
	program, err := build()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		Setup:               func(e *testscript.Env) error { return setUp(t, e, program) },
		RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"page": readNext, "with": replace, "paste": paste, "code": code, "start": start, "take": take, "await": await, "block": block, "files": files, "realvault": realVault, "cloudfront": cloudFront,
		},
	})
}

// build makes the program once, with the pages' own command.
var build = sync.OnceValues(func() (string, error) {
	cmd := exec.Command("go", "install", "./cmd/playtoken")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOBIN="+binaries)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return binaries, nil
})

const gateKey = "gate-key-for-tests-0123456789abcdef"

// settings are of a deployment on a file store. A standby of it has propagated
// before the next command has started.
var settings = map[string]string{
	"PLAYTOKEN_STORE_PASSWORD": "password-for-tests-0123456789abcdef", "PLAYTOKEN_ADMIN_KEY": "admin-key-for-tests-0123456789abcdef",
	"PLAYTOKEN_API_KEY": "api-key-for-tests-0123456789abcdef00", "PLAYTOKEN_PLATFORM_API_KEY": gateKey,
	"PLAYTOKEN_LISTEN": "127.0.0.1:0", "PLAYTOKEN_PROPAGATION_DELAY": "5ms", "PLAYTOKEN_VIEW_AGE": "20ms",
	"PLAYTOKEN_CLOCK_SKEW": "1s", "PLAYTOKEN_SETTLE": "20s", "PLAYTOKEN_TOKEN_TTL": "1m", "PLAYTOKEN_TOKEN_MAX_TTL": "2m",
	"PLAYTOKEN_OBSERVE_EVERY": "1s", "PLAYTOKEN_KEY_BUDGET": "40", "PLAYTOKEN_DRAIN": "0s",
}

// script is what a script has beside its environment. It is a value of the
// testscript.Env.
type script struct {
	t       testing.TB
	pages   cursors
	page    *cursor
	replace []string // old, new, old, new…
	code    int      // of the last command
}

type scriptKey struct{}

func setUp(t *testing.T, e *testscript.Env, program string) error {
	media, err := sample.FS()
	if err != nil {
		return err
	}
	g, err := gate.Open(gate.Config{Media: media, Data: filepath.Join(e.WorkDir, "gate.db"), APIKey: secret.New(gateKey)})
	if err != nil {
		return err
	}
	platform := httptest.NewServer(g.Handler())
	e.Defer(func() {
		platform.Close()
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	top, err := filepath.Abs(root)
	if err != nil {
		return err
	}
	tools := filepath.Join(e.WorkDir, ".tools")
	self, err := os.Executable()
	if err := errors.Join(err, os.Mkdir(tools, 0o700), os.Symlink(self, filepath.Join(tools, "vault"))); err != nil {
		return err
	}
	for name, value := range settings {
		e.Setenv(name, value)
	}
	for name, value := range map[string]string{
		"PLAYTOKEN_STORE":        "file:" + filepath.Join(e.WorkDir, "store.db"),
		"PLAYTOKEN_PLATFORM":     "gate",
		"PLAYTOKEN_PLATFORM_URL": platform.URL,
		"GATE":                   platform.URL, "GATE_KEY": gateKey, "ROOT": top,
		"PATH": strings.Join([]string{program, tools, os.Getenv("PATH")}, string(filepath.ListSeparator)),
		"HOME": e.WorkDir, "GOBIN": program, // where go install finds nothing to do
	} {
		e.Setenv(name, value)
	}
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOFLAGS", "GOPROXY", "GOSUMDB", "GOPATH"} {
		value, err := exec.Command("go", "env", name).Output()
		if err != nil {
			return err
		}
		e.Setenv(name, string(trim(value)))
	}
	e.Values[scriptKey{}] = &script{t: e.T().(testing.TB), pages: cursors{}}
	return nil
}

// realVault starts a Vault that belongs to the script.
func realVault(ts *testscript.TestScript, _ bool, _ []string) {
	s := vaulttest.Start(ts.Value(scriptKey{}).(*script).t)
	ts.Setenv("VAULT", s.Addr)
	ts.Setenv("VAULT_ROOT", s.RootToken)
}

// await asks an address until it responds with 200.
func await(ts *testscript.TestScript, _ bool, args []string) {
	deadline := time.Now().Add(time.Minute)
	for {
		resp, err := http.Get(args[0])
		status := 0
		if err == nil {
			status = resp.StatusCode
			resp.Body.Close()
		}
		if status == http.StatusOK {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("GET %s = status %d, %v, want 200", args[0], status, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
