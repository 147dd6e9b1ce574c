package conventions

import (
	"go/ast"
	"go/token"
	"strings"
	"testing"
)

const (
	longestFile     = 400 // lines
	longestFunction = 40  // lines between its braces
	longestRun      = 70
)

func TestFunctionsAndFilesAreShort(t *testing.T) {
	for _, f := range sources(t, ".go") {
		if lines := strings.Count(f.text, "\n"); lines > longestFile {
			t.Errorf("%s: got %d lines, want %d at most", f.path, lines, longestFile)
		}
		if f.isTest() {
			continue // a table of cases is data, and as long as it has to be
		}
		set, file := f.parsed(t)
		for _, d := range file.Decls {
			if function, ok := d.(*ast.FuncDecl); ok && function.Body != nil {
				checkLength(t, f, set, function)
			}
		}
	}
}

func checkLength(t *testing.T, f source, set *token.FileSet, function *ast.FuncDecl) {
	t.Helper()
	limit := longestFunction
	if function.Name.Name == "run" {
		limit = longestRun
	}
	body := function.Body
	if lines := set.Position(body.Rbrace).Line - set.Position(body.Lbrace).Line - 1; lines > limit {
		t.Errorf("%s: %s: got %d lines, want %d at most", f.path, function.Name.Name, lines, limit)
	}
}

// budgets are the most lines of code, tests aside, that a package may have.
var budgets = map[string]int{
	"cmd/playtoken": 3640, // with completion, man, problem documents, store verbs, revoking without the store, and the table of platforms
}

func TestPackagesKeepToTheirBudget(t *testing.T) {
	byFolder := packages(sources(t, ".go"))
	for folder, budget := range budgets {
		lines := 0
		for _, f := range byFolder[folder] {
			if !f.isTest() {
				lines += strings.Count(f.text, "\n")
			}
		}
		if lines == 0 || lines > budget {
			t.Errorf("%s: got %d lines of code, want 1 to %d", folder, lines, budget)
		}
	}
}
