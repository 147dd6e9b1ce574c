package vaulttest_test

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"playtoken/vaultkeys/vaulttest"
)

func build(t *testing.T) string {
	t.Helper()
	vaulttest.Shared(t) // skips, with its reason, where nothing can be built
	path, err := vaulttest.Build(t.Context(), os.Stderr)
	if err != nil {
		t.Skipf("NOT TESTED with our own build: %v", err)
	}
	return path
}

func TestTheServerKeepsItsKeysInTheInitFile(t *testing.T) {
	binary, dir := build(t), t.TempDir()
	keys := filepath.Join(dir, "keys.json")
	var tokens []string
	for range 2 { // the first start initialises, the second only unseals
		cmd := exec.Command(binary, "-storage", filepath.Join(dir, "data"), "-init-file", keys)
		address := listening(t, cmd)
		token := rootToken(t, keys)
		tokens = append(tokens, token)
		server := vaulttest.Server{Addr: address, RootToken: token}
		if _, err := server.Client(t).Auth().Token().LookupSelfWithContext(t.Context()); err != nil {
			t.Errorf("using the root token of the file: %v", err)
		}
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("ending on SIGTERM: %v", err)
		}
	}
	if tokens[0] != tokens[1] {
		t.Error("the second start initialised again")
	}
}

// listening starts the server and returns what it says it listens on.
func listening(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("waiting for the server's line: %v", err)
	}
	address, found := strings.CutPrefix(strings.TrimSpace(line), "listening ")
	if !found {
		t.Fatalf("the server said %q", line)
	}
	return address
}

func rootToken(t *testing.T, path string) string {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the init file's mode is %v, want 0600", info.Mode())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var keys struct {
		RootToken string `json:"root_token"`
	}
	if err := json.Unmarshal(text, &keys); err != nil {
		t.Fatal(err)
	}
	return keys.RootToken
}
