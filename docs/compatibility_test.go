package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestCompatibilityNamesTheVersionsThatAreBuilt holds the page against the modules of
// which the tests build Vault.
func TestCompatibilityNamesTheVersionsThatAreBuilt(t *testing.T) {
	page, err := os.ReadFile("compatibility.md")
	if err != nil {
		t.Fatal(err)
	}
	server := "../vaultkeys/vaulttest/server"
	modules, err := filepath.Glob(server + "/versions/*.mod")
	if err != nil || len(modules) == 0 {
		t.Fatalf("modules of other versions: got %v, %v, want some", modules, err)
	}
	for _, module := range append(modules, server+"/go.mod") {
		text, err := os.ReadFile(module)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(`github\.com/hashicorp/vault v(\S+)`).FindSubmatch(text)
		if found == nil || !strings.Contains(string(page), string(found[1])) {
			t.Errorf("%s has Vault %s, which compatibility.md does not name", module, found)
		}
	}
}
