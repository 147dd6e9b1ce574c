package main

import (
	"strings"
	"testing"
)

// TestRotateSaysWhatIsWrongOnce: the pass and the look for an active key fail
// for the same reason.
func TestRotateSaysWhatIsWrongOnce(t *testing.T) {
	t.Parallel()
	w := newDeployment(t)
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"rotate", "--project", "nope"}, exitFailed, "no such project"},
		{[]string{"rotate", "--project", "access_tokens"}, exitFailed, "no such project"},
		{[]string{"rotate", "--project", "default", "--reason", "\xff"}, exitUsage, "not UTF-8"},
		{[]string{"rotate", "--reason", "\xff"}, exitUsage, "not UTF-8"},
	} {
		r := w.runWith(w.environ, "", c.args...)
		if got := strings.Count(r.stderr, c.says); r.code != c.code || got != 1 {
			t.Errorf("%q: got exit %d and %q %d times, want exit %d and it once:\n%s", c.args, r.code, c.says, got, c.code, r.stderr)
		}
	}
}
