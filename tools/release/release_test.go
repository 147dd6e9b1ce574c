package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// trial is the version that tests release.
const trial = "0.1.0-rc.1"

// made are the folders of two releases of one commit, made with different folders,
// time zones, languages and file masks.
var made = sync.OnceValues(func() (folders [2]string, err error) {
	args := []string{"-version", trial, "-targets", "host", "-without-hlsjs"}
	if _, err := exec.LookPath("minisign"); err == nil {
		if err := keys(os.TempDir()); err != nil {
			return folders, err
		}
		args = append(args, "-key", filepath.Join(os.TempDir(), "playtoken.key"))
	}
	environs := [2]map[string]string{
		{"TZ": "UTC", "LANG": "C"},
		{"TZ": "Asia/Tokyo", "LANG": "es_ES.UTF-8", "GOFLAGS": "-tags=openssl", "GOAMD64": "v3"},
	}
	var problems [2]error
	var both sync.WaitGroup
	for i, environ := range environs {
		work := filepath.Join(os.TempDir(), strings.Repeat("folder", i+1))
		environ["TMPDIR"], folders[i] = work, filepath.Join(work, "release")
		both.Go(func() {
			if problems[i] = os.Mkdir(work, 0o755); problems[i] == nil {
				problems[i] = release(append(slices.Clone(args), "-out", folders[i]), environ)
			}
		})
	}
	both.Wait()
	return folders, errors.Join(problems[:]...)
})

// release runs this program as make release does.
func release(args []string, environ map[string]string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	for name, value := range environ {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	_, err = output(cmd)
	return err
}

// asProgram has the test's binary be the program.
const asProgram = "RELEASE_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	dir, err := os.MkdirTemp("", "playtoken-release-test-")
	if err != nil {
		panic(err)
	}
	os.Setenv("TMPDIR", dir) // of both releases, which outlive the test that makes them
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// released is the first of the two folders.
func released(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("builds the program twice")
	}
	if _, err := git(t.Context(), "../..", "rev-parse", "HEAD"); err != nil {
		t.Skipf("NOT CHECKED: releases, which are made of a commit: %v", err)
	}
	folders, err := made()
	if err != nil {
		t.Fatalf("release: got %v, want it made twice", err)
	}
	return folders[0]
}

func TestTwoReleasesOfACommitAreTheSame(t *testing.T) {
	released(t)
	folders, _ := made()
	var names [2][]string
	for i, dir := range folders {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			names[i] = append(names[i], e.Name())
		}
	}
	if !slices.Equal(names[0], names[1]) || len(names[0]) == 0 {
		t.Fatalf("got the files %v and %v, want the same", names[0], names[1])
	}
	for _, name := range names[0] {
		if a, b := read(t, folders[0], name), read(t, folders[1], name); !bytes.Equal(a, b) {
			t.Errorf("%s: got %d and %d bytes that differ, want the same bytes in both folders", name, len(a), len(b))
		}
	}
}

func read(t *testing.T, parts ...string) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// unpacked are the entries of a tar.gz and the folder that they were written to.
func unpacked(t *testing.T, name string) (entries []*tar.Header, dir string) {
	t.Helper()
	packed, err := gzip.NewReader(bytes.NewReader(read(t, name)))
	if err != nil {
		t.Fatal(err)
	}
	if !packed.ModTime.IsZero() || packed.Name != "" {
		t.Errorf("%s: got the time %v and the name %q in the gzip header, want none", name, packed.ModTime, packed.Name)
	}
	dir = t.TempDir()
	for r := tar.NewReader(packed); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return entries, dir
		}
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, h)
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, h.Name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, body, h.FileInfo().Mode()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheArchiveHasTheProgramAndItsPapers(t *testing.T) {
	dir := released(t)
	stem := "playtoken_" + trial + "_" + runtime.GOOS + "_" + runtime.GOARCH
	entries, folder := unpacked(t, filepath.Join(dir, stem+".tar.gz"))
	at, err := timeOf(t.Context(), "../..")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, h := range entries {
		names = append(names, strings.TrimPrefix(h.Name, stem+"/"))
		mode := int64(0o644)
		if path.Base(h.Name) == "playtoken" && !strings.Contains(h.Name, "completions") {
			mode = 0o755
		}
		if h.Mode != mode || h.Uid != 0 || h.Gid != 0 || h.Uname != "root" || !h.ModTime.Equal(at) {
			t.Errorf("%s: got mode %o, owner %d:%d %s, time %v; want %o, root's, %v", h.Name, h.Mode, h.Uid, h.Gid, h.Uname, h.ModTime, mode, at)
		}
	}
	if !slices.IsSorted(names) {
		t.Errorf("got the entries %v, want them sorted", names)
	}
	for _, want := range []string{"playtoken", "README.md", "LICENSE", "LICENSES.txt", "CHANGELOG.md", "man/playtoken.1", "man/playtoken-serve.1",
		"completions/playtoken", "completions/_playtoken", "completions/playtoken.fish", "systemd/playtoken.service", "systemd/playtoken-gate.service",
		"systemd/playtoken-rotate.timer", "systemd/sysusers.conf", "systemd/tmpfiles.conf", "systemd/playtoken.env", "systemd/gate.env"} {
		if !slices.Contains(names, want) {
			t.Errorf("got the entries %v, want %s among them", names, want)
		}
	}
	checkProgram(t, filepath.Join(folder, stem, "playtoken"))
	licences := string(read(t, folder, stem, "LICENSES.txt"))
	for _, want := range []string{"\nGo 1.", "github.com/hashicorp/vault/api v", "Mozilla Public License", "Redistribution and use in source and binary forms"} {
		if !strings.Contains(licences, want) {
			t.Errorf("LICENSES.txt: got %d bytes without %q", len(licences), want)
		}
	}
}

// checkProgram has the program and the go tool say what it was made of.
func checkProgram(t *testing.T, name string) {
	t.Helper()
	revision, err := git(t.Context(), "../..", "rev-parse", "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	said, err := output(exec.Command(name, "version"))
	if want := "playtoken v" + trial + " " + revision[:12] + " " + runtime.Version(); err != nil || said != want {
		t.Errorf("playtoken version = %q, %v; want %q", said, err, want)
	}
	info, err := output(exec.Command("go", "version", "-m", name))
	for _, want := range []string{`(?m)^\tmod\tplaytoken\tv` + trial + `\b`, `vcs\.modified=false`, `vcs\.revision=` + revision, `-trimpath=true`, `CGO_ENABLED=0`} {
		if err != nil || !regexp.MustCompile(want).MatchString(info) {
			t.Errorf("go version -m = %v, %s; want %s", err, info, want)
		}
	}
	if here, err := os.Getwd(); err != nil || bytes.Contains(read(t, name), []byte(filepath.Dir(filepath.Dir(here)))) {
		t.Errorf("the program has the path of this checkout in it, want none (%v)", err)
	}
}

func TestTimesComeFromTheCommitOrTheEnvironment(t *testing.T) {
	dir := repository(t)
	got, err := timeOf(t.Context(), dir)
	if want := time.Unix(1_700_000_000, 0); err != nil || !got.Equal(want) {
		t.Errorf("time = %v, %v; want that of the commit, %v", got, err, want)
	}
	t.Setenv("SOURCE_DATE_EPOCH", "1800000000")
	if got, err := timeOf(t.Context(), dir); err != nil || got.Unix() != 1_800_000_000 {
		t.Errorf("time with SOURCE_DATE_EPOCH = %v, %v; want 1800000000", got, err)
	}
	t.Setenv("SOURCE_DATE_EPOCH", "today")
	if got, err := timeOf(t.Context(), dir); err == nil {
		t.Errorf("time with SOURCE_DATE_EPOCH=today = %v, want an error", got)
	}
}
