package filekeys_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"playtoken/filekeys"
	"playtoken/secret"
)

// TestAShortPasswordMakesNoFile, and one that has it already opens.
func TestAShortPasswordMakesNoFile(t *testing.T) {
	for length, ok := range map[int]bool{15: false, 16: true} {
		path, password := filepath.Join(t.TempDir(), "store.db"), secret.New(strings.Repeat("é", length))
		_, err := filekeys.Open(path, password, creating)
		if (err == nil) != ok || !ok && !strings.Contains(err.Error(), "15 characters, want at least 16") {
			t.Errorf("a password of %d characters: got %v, want it taken: %t", length, err, ok)
		}
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) == ok {
			t.Errorf("a password of %d characters: got %v, want a file: %t", length, err, ok)
		}
	}
	path, password := filepath.Join(t.TempDir(), "store.db"), secret.New("short")
	if err := filekeys.CreateEarlier(path, password); err != nil {
		t.Fatal(err)
	}
	for _, options := range []filekeys.Options{{}, creating} {
		if _, err := filekeys.Open(path, password, options); err != nil {
			t.Errorf("a file with a short password: got %v, want it to open", err)
		}
	}
}
