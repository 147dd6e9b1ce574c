package main

import (
	"strings"
	"testing"
)

// TestARotationNowIsAboutOneProject unless the command line says that every one is
// meant. What is due is due everywhere: cron names no project.
func TestARotationNowIsAboutOneProject(t *testing.T) {
	t.Parallel()
	slow(t, "it waits for rotations")
	w := newDeployment(t, "PLAYTOKEN_PROPAGATION_DELAY=0s")
	w.must(&struct{}{}, "rotate")
	w.must(&struct{}{}, "rotate", "--now", "--reason", "the only project")
	if got := w.states(); got != "3:registered 2:active 1:retiring" {
		t.Fatalf("rotate --now with one project: got the keys %s, want another one active", got)
	}
	id := w.addProject("second")
	w.must(&struct{}{}, "rotate") // both, as cron does
	before := w.states()
	r := w.run("rotate", "--now")
	if r.code != exitUsage || !strings.Contains(r.stderr, "--now would rotate 2 projects") || !strings.Contains(r.stderr, id) {
		t.Errorf("rotate --now with two projects: got exit %d and %s, want %d and both named", r.code, r.stderr, exitUsage)
	}
	if got := w.states(); got != before {
		t.Errorf("after the refusal: got the keys %s, want %s", got, before)
	}
	w.must(&struct{}{}, "rotate", "--now", "--project", id)
	if got := w.states(); got != before {
		t.Errorf("after a rotation of the other project: got the keys %s, want %s", got, before)
	}
	w.must(&struct{}{}, "rotate", "--now", "--all")
	if got := w.states(); got == before || !strings.Contains(got, "3:active") {
		t.Errorf("after rotate --now --all: got the keys %s, want another one active", got)
	}
}
