package web_test

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// The modules' own tests run under Node where there is one; what needs a real
// browser is in browser_test.go.
func TestBrowserModules(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("SKIPPED: the browser modules are NOT tested, because there is no node in PATH")
	}
	files, err := filepath.Glob("jstest/*.test.js")
	if err != nil || len(files) == 0 {
		t.Fatalf("no JavaScript tests found: %v", err)
	}
	out, err := exec.CommandContext(t.Context(), node, append([]string{"--test"}, files...)...).CombinedOutput()
	if err != nil {
		t.Errorf("node --test: %v\n%s", err, out)
	}
}
