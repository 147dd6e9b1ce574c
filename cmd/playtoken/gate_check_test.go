package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestGateCheckSaysWhatViewersWillNotGet(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "film")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		playlist string
		code     int
		text     string
	}{
		{"#EXTM3U\n#EXT-X-ENDLIST\n", exitDone, "every file will be served"},
		{"#EXTM3U\nnone.ts\n#EXT-X-ENDLIST\n", exitFailed, "film/Main.m3u8:2  none.ts: there is no file none.ts"},
	} {
		if err := os.WriteFile(filepath.Join(folder, "Main.m3u8"), []byte(c.playlist), 0o600); err != nil {
			t.Fatal(err)
		}
		var stdout, stderr bytes.Buffer
		got := run(t.Context(), process{args: []string{"gate", "check", dir}, environ: []string{"PLAYTOKEN_GATE_INDEX=Main.m3u8"}, stdout: &stdout, stderr: &stderr})
		if got != c.code || !strings.Contains(stdout.String(), c.text) {
			t.Errorf("gate check: exit code %d, output %s%s, want %d with %q", got, stdout.String(), stderr.String(), c.code, c.text)
		}
	}
}
