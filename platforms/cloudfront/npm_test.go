package cloudfront

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// What AWS publishes for Node.
const (
	signerForNode = "@aws-sdk/cloudfront-signer@3.1166.0"
	clientForNode = "@aws-sdk/client-cloudfront@3.1164.0"
)

// npmFolder is a folder with both packages, fetched once per machine.
func npmFolder(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("NOT TESTED with AWS's packages for Node: -short")
	}
	npm, err := exec.LookPath("npm")
	cache, nowhere := os.UserCacheDir()
	if _, node := exec.LookPath("node"); err != nil || node != nil || nowhere != nil {
		t.Skip("NOT TESTED with AWS's packages for Node: there is no node with npm and a cache on this machine")
	}
	dir := filepath.Join(cache, "playtoken-tests", "cloudfront-1")
	for _, name := range []string{"cloudfront-signer", "client-cloudfront"} {
		if _, err := os.Stat(filepath.Join(dir, "node_modules", "@aws-sdk", name, "package.json")); err != nil {
			fetch(t, npm, dir)
		}
	}
	return dir
}

func fetch(t *testing.T, npm, dir string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	args := []string{"install", "--prefix", dir, "--no-audit", "--no-fund", "--ignore-scripts", signerForNode, clientForNode}
	if out, err := exec.CommandContext(ctx, npm, args...).CombinedOutput(); err != nil {
		t.Skipf("NOT TESTED with AWS's packages for Node: they cannot be fetched: %v\n%s", err, out)
	}
}

// node runs a script of testdata beside the packages, which Node asks of imports.
func node(t *testing.T, script string, environ []string, in, out any) {
	t.Helper()
	dir := npmFolder(t)
	text, err := os.ReadFile(filepath.Join("testdata", script))
	if err != nil {
		t.Fatal(err)
	}
	copied, err := os.CreateTemp(dir, "*-"+script)
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(copied.Name())
	sent, err := json.Marshal(in)
	if _, writes := copied.Write(text); err != nil || writes != nil || copied.Close() != nil {
		t.Fatalf("prepare %s: %v, %v", script, err, writes)
	}
	run := exec.CommandContext(t.Context(), "node", copied.Name())
	run.Env, run.Stdin = append(environ, "PATH="+os.Getenv("PATH")), bytes.NewReader(sent)
	var says bytes.Buffer
	run.Stderr = &says
	printed, err := run.Output()
	if err != nil || json.Unmarshal(printed, out) != nil {
		t.Fatalf("%s: %v, printed %s\n%s", script, err, printed, says.String())
	}
}
