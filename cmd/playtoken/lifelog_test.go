package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestServeSaysWhatItIsAndWhyItStops: an operator reads in the log which version ran
// on which store, and which signal ended it.
func TestServeSaysWhatItIsAndWhyItStops(t *testing.T) {
	t.Parallel()
	w := newDeploymentWithoutStore(t, "PLAYTOKEN_LOG_FORMAT=json", "PLAYTOKEN_DRAIN=0s")
	s := w.startServer("serve")
	s.awaitReady(newClient(t))
	logs := s.stop()
	lines := slices.Collect(strings.Lines(logs))
	for _, want := range [][]string{
		{`"msg":"listening"`, `"version":"`, `"revision":"`, `"store":"file:`, `"platform":"`, `"scheduler":true`, `"audit_chain":"`},
		{`"msg":"projects listed"`, `"projects":1`},
		{`"msg":"stopping"`, `"why":"terminated signal received"`},
		{`"msg":"stopped"`, `"why":"terminated signal received"`, `"took":"`},
	} {
		has := func(line string) bool {
			return !slices.ContainsFunc(want, func(part string) bool { return !strings.Contains(line, part) })
		}
		if !slices.ContainsFunc(lines, has) {
			t.Errorf("got the log\n%s\nwant a line with %q", logs, want)
		}
	}
}

// TestACapturedRecordIsVerified: two processes, each with a chain of its own, between
// lines of the log.
func TestACapturedRecordIsVerified(t *testing.T) {
	t.Parallel()
	w := newDeployment(t)
	file := filepath.Join(w.dir, "captured.log")
	verify := func(lines string) result {
		if err := os.WriteFile(file, []byte(lines), 0o600); err != nil {
			t.Fatal(err)
		}
		return w.run("audit", "verify", "--captured", file)
	}
	first := w.run("project", "create", "--name", "one", "--platform", "gate")
	second := w.run("rotate", "--all")
	captured := first.stderr + `{"level":"INFO","msg":"a line of the log"}` + "\n" + second.stderr
	if got := verify(captured); got.code != 0 || !strings.Contains(got.stdout, "in 2 chains") {
		t.Errorf("got code %d, %s%s, want two good chains in\n%s", got.code, got.stdout, got.stderr, captured)
	}
	_, later, _ := strings.Cut(captured, "\n")
	if got := verify(later); got.code != 0 || !strings.Contains(got.stdout, "joins in at line 2 of chain") {
		t.Errorf("a capture from the middle on: got code %d, %s%s, want it said and the rest verified", got.code, got.stdout, got.stderr)
	}
	spoilt := strings.Replace(captured, `"actor":"cli"`, `"actor":"ann"`, 1)
	if got := verify(spoilt); got.code != 1 || !strings.Contains(got.stdout, "was altered") {
		t.Errorf("a line was altered: got code %d, %s%s, want 1", got.code, got.stdout, got.stderr)
	}
}

// TestAPersonAtATerminalReadsTheRecord: one line for an act, and no chain.
func TestAPersonAtATerminalReadsTheRecord(t *testing.T) {
	t.Parallel()
	w := newDeployment(t)
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), process{
		args: []string{"project", "create", "--name", "one", "--platform", "gate"}, environ: w.environ, stdin: strings.NewReader(""),
		stdout: &stdout, stderr: &stderr, terminal: true,
	})
	got := stderr.String()
	if code != exitUsage || strings.Count(got, "on record: ") != 1 || !strings.Contains(got, "on record: project.create by cli (") || strings.Contains(got, `"chain"`) {
		t.Errorf("got exit %d and the lines\n%s\nwant one about the project that could not be made", code, got)
	}
}
