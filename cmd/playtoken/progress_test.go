package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"playtoken/cmd/playtoken/terminal"
)

// TestProgressIsSaidOnATerminalAlone: script(1) makes one, on which stdout and stderr are the same.
func TestProgressIsSaidOnATerminalAlone(t *testing.T) {
	t.Parallel()
	slow(t, "it waits for a key to propagate")
	if _, err := exec.LookPath("script"); err != nil {
		t.Skip("script is not installed")
	}
	w := newDeployment(t, "PLAYTOKEN_PROPAGATION_DELAY=3s")
	rotate := w.command("rotate")
	script := exec.CommandContext(t.Context(), "script", "-qec", rotate.Path+" rotate", filepath.Join(t.TempDir(), "typescript"))
	script.Env = rotate.Env
	out, err := script.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "at work for 2 s") || !strings.Contains(string(out), terminal.Erase+"plan ") {
		t.Errorf("got %v and %q, want progress, erased before the result", err, out[max(0, len(out)-2000):])
	}
	if out, err := w.command("rotate").CombinedOutput(); err != nil || strings.Contains(string(out), "at work") {
		t.Errorf("through a pipe: got %v and %q, want no progress", err, out)
	}
}
