package cloudfront

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"playtoken/web/npmtest"
)

// What AWS publishes for Node.
const (
	signerForNode = "@aws-sdk/cloudfront-signer@3.1166.0"
	clientForNode = "@aws-sdk/client-cloudfront@3.1164.0"
)

// node runs a script of testdata beside the packages, which Node asks of imports.
func node(t *testing.T, script string, environ []string, in, out any) {
	t.Helper()
	dir := npmtest.Packages(t, signerForNode, clientForNode)
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
