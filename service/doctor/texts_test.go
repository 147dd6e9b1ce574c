package doctor

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestFindingsNameNoCommandAndNoSetting: which command or setting helps, only
// the command line knows.
func TestFindingsNameNoCommandAndNoSetting(t *testing.T) {
	commands := regexp.MustCompile(`PLAYTOKEN_|\bplaytoken (rotate|keys|token|project|api-key|vault|doctor|serve|audit)\b`)
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 5 {
		t.Fatalf("got the files %q, %v, want the package's", files, err)
	}
	set := token.NewFileSet()
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if text, ok := n.(*ast.BasicLit); ok && text.Kind == token.STRING && commands.MatchString(text.Value) {
				t.Errorf("%s: got the text %s, want what is the case and not what to do", set.Position(text.Pos()), text.Value)
			}
			return true
		})
	}
}
