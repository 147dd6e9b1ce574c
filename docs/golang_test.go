package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Code in Go on a page is that of an example, which its package's tests run.
func TestCodeInGoIsThatOfAnExample(t *testing.T) {
	example, err := os.ReadFile(filepath.Join(root, "client/example_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := 0
	for _, p := range allPages(t) {
		for _, block := range regexp.MustCompile("(?ms)^```go\n(.*?)^```$").FindAllStringSubmatch(p.text, -1) {
			blocks++
			if !strings.Contains(string(example), block[1]) {
				t.Errorf("%s: got code that is not in client/example_test.go, want it quoted from there:\n%s", p.path, block[1])
			}
		}
	}
	if blocks == 0 {
		t.Error("got no code in Go on any page, want some")
	}
}
