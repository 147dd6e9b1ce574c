package browsertest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// axe is Deque's checker of accessibility, which "make web" fetches from npm.
func axe() string { return filepath.Join(moduleRoot(), "web/node_modules/axe-core/axe.min.js") }

// HasAxe reports whether CheckAccess can check anything.
func HasAxe() bool {
	_, err := os.Stat(axe())
	return err == nil
}

// serious runs axe and returns what it finds that keeps people out.
const serious = `axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => violations
	.filter(({ impact }) => impact === "serious" || impact === "critical")
	.map(({ id, nodes }) => id + ": " + nodes.map((n) => n.html + " " + n.failureSummary).join("; ")))`

// CheckAccess fails the test if something on the page, as it is now, keeps people
// out. Where axe was not fetched, it says so and checks nothing.
func (p *Page) CheckAccess(t *testing.T, label string) {
	t.Helper()
	script, err := os.ReadFile(axe())
	if err != nil {
		fmt.Fprintln(t.Output(), `NOT TESTED: whether pages are accessible, because axe-core was not fetched; "make web" does that`)
		return
	}
	if _, err := Evaluate[any](p, "(() => {"+string(script)+"})()"); err != nil {
		t.Fatal(err)
	}
	if found := Eval[[]string](t, p, serious); len(found) > 0 {
		t.Errorf("%s: axe got %s, want nothing serious", label, strings.Join(found, "\n"))
	}
}
