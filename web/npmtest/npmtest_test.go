package npmtest

import (
	"os"
	"path/filepath"
	"testing"
)

// TestThoseWhoFetchAtOnceGetOneWholeFolder: none sees a folder that npm still writes.
func TestThoseWhoFetchAtOnceGetOneWholeFolder(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Run("at once", func(t *testing.T) {
		for _, name := range []string{"one", "two", "three"} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				dir := Packages(t, "jose@6.2.18")
				if _, err := os.Stat(filepath.Join(dir, "node_modules", "jose", "package.json")); err != nil {
					t.Errorf("got %v, want the package", err)
				}
				if _, err := os.Stat(filepath.Join(dir, "node_modules", ".package-lock.json")); err != nil { // which npm writes last
					t.Errorf("got %v, want a folder with which npm is done", err)
				}
			})
		}
	})
	if left, err := filepath.Glob(filepath.Join(cache, "playtoken-npm", "*")); err != nil || len(left) > 1 {
		t.Errorf("in the cache: got %v, %v, want one folder", left, err)
	}
}
