package doctor

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"playtoken/keyrotation"
)

// declared returns the codes that codes.go declares.
func declared(t *testing.T) (codes []Code) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "codes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if typ, ok := spec.Type.(*ast.Ident); ok && typ.Name == "Code" {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			codes = append(codes, Code(text))
		}
		return true
	})
	for _, code := range keyrotation.TroubleCodes() { // those that rotations find, too
		codes = append(codes, Code(code))
	}
	return codes
}

func TestEveryCodeIsDescribedOnce(t *testing.T) {
	rows := map[Code]int{}
	for _, d := range Codes() {
		rows[d.Code]++
	}
	all := declared(t)
	if len(all) < 50 {
		t.Fatalf("got %d codes in codes.go, want at least 50", len(all))
	}
	for _, code := range all {
		if rows[code] != 1 {
			t.Errorf("code %s: got %d descriptions, want 1", code, rows[code])
		}
	}
	if len(rows) != len(all) {
		t.Errorf("got %d codes described, want the %d of codes.go", len(rows), len(all))
	}
}

func TestDescriptionsAreFitForPrint(t *testing.T) {
	snake := regexp.MustCompile(`^[a-z]+(_[a-z]+)+$`)
	for _, d := range Codes() {
		if !snake.MatchString(string(d.Code)) {
			t.Errorf("got the code %q, want words in snake case", d.Code)
		}
		if d.Check == "" || d.Severity != OK && d.Severity != Note && d.Severity != Problem {
			t.Errorf("code %s: got the check %q and the severity %q, want both", d.Code, d.Check, d.Severity)
		}
		if !strings.HasSuffix(d.Meaning, ".") || strings.Contains(d.Meaning, "\n") || strings.Contains(d.Meaning, "PLAYTOKEN_") {
			t.Errorf("code %s: got the meaning %q, want one line that ends with a full stop and names no setting", d.Code, d.Meaning)
		}
	}
}
