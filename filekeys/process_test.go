package filekeys_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"playtoken/filekeys"
)

func createOnly(_ context.Context, path string) error {
	_, err := filekeys.Open(path, password, creating)
	return err
}

// text is what a document holds at a version: 40 KB that look like no other.
func text(version int64) string { return strings.Repeat(fmt.Sprintf("%08d", version), 5120) }

// writeForever writes version after version of a document and says so after
// each one.
func writeForever(ctx context.Context, path string) error {
	s, err := filekeys.Open(path, password, filekeys.Options{})
	if err != nil {
		return err
	}
	name := os.Getenv(documentVariable)
	doc, err := s.Read(ctx, name)
	for version := doc.Version; err == nil; {
		version, err = s.Write(ctx, name, []byte(text(version+1)), version)
		fmt.Println(version)
	}
	return err
}

// TestKilledWriterLeavesOldOrNew kills a writer with SIGKILL at random moments.
func TestKilledWriterLeavesOldOrNew(t *testing.T) {
	s, path := create(t)
	name := newDocument(t, s, text(1))
	for range 30 {
		said := killWriter(t, "write", path, name)
		doc, err := s.Read(t.Context(), name)
		if err != nil {
			t.Fatalf("after the writer was killed: %v", err)
		}
		if doc.Version < said || doc.Version > said+1 {
			t.Fatalf("the writer was told that version %d is written; version %d is there", said, doc.Version)
		}
		if string(doc.Data) != text(doc.Version) {
			t.Fatalf("version %d is neither the old nor the new text", doc.Version)
		}
	}
	if _, err := filekeys.Open(path, password, filekeys.Options{}); err != nil {
		t.Error(err)
	}
}

// killWriter starts a job that writes forever, kills it, and returns the last
// version that it said was written.
func killWriter(t *testing.T, job, path, name string) (said int64) {
	t.Helper()
	cmd := process(t.Context(), job, path, name)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for seen := false; lines.Scan(); {
		if said, err = strconv.ParseInt(lines.Text(), 10, 64); err != nil {
			t.Fatal(err)
		}
		if !seen {
			seen = true
			defer time.AfterFunc(rand.N(8*time.Millisecond), func() { cmd.Process.Kill() }).Stop()
		}
	}
	cmd.Wait() // was killed
	if said == 0 {
		t.Fatal("the writer wrote nothing")
	}
	return said
}

func TestCreatingAtOnceMakesOneStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			s, err := filekeys.Open(path, password, creating)
			if err != nil {
				t.Error(err)
				return
			}
			newDocument(t, s, "x") // sealed with a key that the others have, too
		})
		wg.Go(func() {
			if out, err := process(t.Context(), "create", path, "").CombinedOutput(); err != nil {
				t.Errorf("the process that creates the store: %v, want success\n%s", err, out)
			}
		})
	}
	wg.Wait()
	onlyFile(t, path)
	if _, err := filekeys.Open(path, password, filekeys.Options{}); err != nil {
		t.Error(err)
	}
}

// TestKilledCreatorLeavesAllOrNothing kills a process that makes a store.
func TestKilledCreatorLeavesAllOrNothing(t *testing.T) {
	for range 20 {
		path := filepath.Join(t.TempDir(), "store.db")
		ctx, cancel := context.WithTimeout(t.Context(), rand.N(60*time.Millisecond))
		err := process(ctx, "create", path, "").Run() // kills it when ctx ends
		cancel()
		_, openErr := filekeys.Open(path, password, filekeys.Options{})
		if errors.Is(openErr, fs.ErrNotExist) && err != nil {
			_, openErr = filekeys.Open(path, password, creating)
		}
		if openErr != nil {
			t.Errorf("creator: %v; then: %v", err, openErr)
		}
	}
}

func onlyFile(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("%v, %v; want %s alone", entries, err, path)
	}
}

// TestFileShowsNothing looks for what was stored in the bytes of the file.
func TestFileShowsNothing(t *testing.T) {
	s, path := create(t)
	key, stored := newKey(t, s)
	doc := newDocument(t, s, text(1))
	for v := range int64(5) {
		if _, err := s.Write(t.Context(), doc, []byte(text(v+2)), v+1); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for what, secret := range map[string][]byte{
		"the password":  []byte(password.Reveal()),
		"a document":    []byte("00000006"),
		"an older one":  []byte("00000003"),
		"a PEM header":  []byte("PRIVATE KEY"),
		"a private key": modulus(t, stored), // is in its DER
	} {
		if bytes.Contains(raw, secret) {
			t.Errorf("the file shows %s", what)
		}
	}
	if !bytes.Contains(raw, []byte(key)) || !bytes.Contains(raw, []byte(doc)) {
		t.Error("this is not the file that was looked for")
	}
}
