package docs_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"playtoken/web"
)

// TestTheHashesAreThoseOfTheFiles; with -update they are written.
func TestTheHashesAreThoseOfTheFiles(t *testing.T) {
	sdk, err := web.NewSDK()
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	fmt.Fprintf(&table, "| file of %s | integrity |\n|---|---|\n", sdk.Version())
	hashes := sdk.Integrity()
	for _, name := range slices.Sorted(maps.Keys(hashes)) {
		fmt.Fprintf(&table, "| `%s` | `%s` |\n", name, hashes[name])
	}
	file := filepath.Join(root, "docs/page.md")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^\| file of .*\n(?:\|.*\n)+`)
	if *update {
		written := rows.ReplaceAllLiteralString(string(text), table.String())
		if err := os.WriteFile(file, []byte(written), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got := rows.FindString(string(text)); got != table.String() {
		t.Errorf("docs/page.md has the table\n%s\nwant the one that go test ./docs -run Hashes -update writes:\n%s", got, table.String())
	}
}
