package gate_test

import (
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"playtoken/gate"
)

// TestAFolderIsAFileSystem as fs.FS has it.
func TestAFolderIsAFileSystem(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "film", "360"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"film/hls.m3u8", "film/360/0.m4s"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	folder, err := gate.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	if err := fstest.TestFS(folder, "film/hls.m3u8", "film/360/0.m4s"); err != nil {
		t.Error(err)
	}
}
