package main

import (
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
