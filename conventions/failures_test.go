package conventions

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// verb is a formatting verb with its flags.
var verb = regexp.MustCompile(`%[-+# 0]*[\d.*\[\]]*[a-zA-Z%]`)

// saysNothing reports whether a failure's format is made of verbs and
// punctuation alone.
func saysNothing(format string) bool {
	rest := verb.ReplaceAllString(format, "")
	return !strings.ContainsFunc(rest, func(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' })
}

// TestFailuresSayGotAndWant: the person who reads a failure has nothing but its
// text.
func TestFailuresSayGotAndWant(t *testing.T) {
	for _, f := range sources(t, ".go") {
		set, file := f.parsed(t)
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) == 0 {
				return true
			}
			method, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !slices.Contains([]string{"Errorf", "Fatalf", "Skipf"}, method.Sel.Name) {
				return true
			}
			format, ok := call.Args[0].(*ast.BasicLit)
			if !ok || format.Kind != token.STRING {
				return true
			}
			if text, err := strconv.Unquote(format.Value); err == nil && !isError(method) && saysNothing(text) {
				t.Errorf("%s: got the failure text %q, want one that says what was got and what was wanted", set.Position(call.Pos()), text)
			}
			return true
		})
	}
}

// isError reports whether the call makes an error, which wraps its cause and
// has nothing to add where the cause says everything.
func isError(method *ast.SelectorExpr) bool {
	of, ok := method.X.(*ast.Ident)
	return ok && of.Name == "fmt"
}
