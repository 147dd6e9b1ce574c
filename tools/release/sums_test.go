package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"aead.dev/minisign"
)

// keys has Debian's minisign make a key without a password.
func keys(dir string) error {
	_, err := output(exec.Command("minisign", "-G", "-W", "-s", filepath.Join(dir, "playtoken.key"), "-p", filepath.Join(dir, "playtoken.pub")))
	return err
}

// TestReadersVerifyARelease pastes the commands of the page, on the release and on
// copies of it in which one byte has changed.
func TestReadersVerifyARelease(t *testing.T) {
	dir := released(t)
	tool(t, "minisign", "minisign")
	block := regexp.MustCompile("(?s)## Verify what you downloaded\n.*?```sh\n(.*?)```").FindStringSubmatch(string(read(t, "../../docs/release.md")))
	if block == nil {
		t.Fatal("got no commands below \"Verify what you downloaded\" of docs/release.md, want some")
	}
	verify := func(changed string) error {
		copied := t.TempDir()
		if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(copied, "playtoken.pub"), read(t, os.TempDir(), "playtoken.pub"), 0o644); err != nil {
			t.Fatal(err)
		}
		if changed != "" {
			name := one(t, copied, changed)
			body := read(t, name)
			body[len(body)/2] ^= 1
			if err := os.WriteFile(name, body, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.CommandContext(t.Context(), "bash", "-euc", block[1])
		cmd.Dir = copied
		_, err := output(cmd)
		return err
	}
	if err := verify(""); err != nil {
		t.Errorf("verify = %v, want a release that is as it was made", err)
	}
	for _, name := range []string{"*.tar.gz", "*.deb", "*.rpm", "*.cdx.json", "SHA256SUMS", "SHA256SUMS.minisig", "playtoken.pub"} {
		if err := verify(name); err == nil {
			t.Errorf("verify after a byte of %s has changed = success, want it refused", name)
		}
	}
}

func TestKeysWithAPassword(t *testing.T) {
	dir := t.TempDir()
	_, private, err := minisign.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := minisign.EncryptKey("open sesame", private)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	key, right, wrong := write("key", sealed), write("right", []byte("open sesame\n")), write("wrong", []byte("sesame"))
	for _, tt := range []struct {
		o       options
		problem string
	}{
		{o: options{key: key, password: right}},
		{o: options{key: key, password: wrong}, problem: "in " + key},
		{o: options{key: key}, problem: "it has a password"},
		{o: options{key: right}, problem: "in " + right},
		{o: options{key: filepath.Join(dir, "missing")}, problem: "the key that signs"},
	} {
		got, err := tt.o.readKey()
		if tt.problem == "" && (err != nil || !got.Equal(private)) || tt.problem != "" && (err == nil || !strings.Contains(err.Error(), tt.problem)) {
			t.Errorf("key of %+v = %v, %v; want a problem with %q", tt.o, got, err, tt.problem)
		}
	}
}
