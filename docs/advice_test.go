package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestAdviceOfThePageIsWhatTheLinterGives(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs/inspect.md"))
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	code := regexp.MustCompile("`([a-z_]+)`")
	for line := range strings.Lines(string(text)) {
		first, _, _ := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
		if !strings.HasPrefix(line, "| `") || strings.HasPrefix(line, "| `advice`") {
			continue
		}
		for _, m := range code.FindAllStringSubmatch(first, -1) {
			documented[m[1]] = true
		}
	}
	sources, err := filepath.Glob(filepath.Join(root, "platforms/lint/*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, source := range sources {
		if !strings.HasSuffix(source, "_test.go") {
			paths = append(paths, "platforms/lint/"+filepath.Base(source))
		}
	}
	sameNames(t, "advice", documented, found(t, `f\.add\("([a-z_]+)"`, paths...))
}
