package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestGateCheckLooksForTheFilesOfAManifest(t *testing.T) {
	dir := t.TempDir()
	manifest := "<MPD><Period><AdaptationSet><Representation>\n<BaseURL>gone.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>"
	if err := os.Mkdir(filepath.Join(dir, "film"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "film", "m.mpd"), []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	got := run(t.Context(), process{args: []string{"gate", "check", dir}, stdout: &stdout, stderr: &stderr})
	want := "film/m.mpd:2  gone.mp4: there is no file gone.mp4"
	if got != exitFailed || !strings.Contains(stdout.String(), want) || !strings.Contains(stdout.String(), "-> add the file") {
		t.Errorf("gate check: exit code %d, output %s%s, want %d with %q and a remedy", got, stdout.String(), stderr.String(), exitFailed, want)
	}
}

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
