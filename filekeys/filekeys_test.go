package filekeys_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"playtoken/filekeys"
	"playtoken/secret"
	"playtoken/store"
	"playtoken/store/storetest"
)

// What most tests create stores with.
var creating = filekeys.Options{Create: true, WorkFactor: 2}

var password = secret.New("correct horse battery staple")

func TestMain(m *testing.M) {
	if job := os.Getenv(jobVariable); job != "" {
		if err := jobs[job](context.Background(), os.Getenv(pathVariable)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// This binary, run again with these, is another process of the same store.
const (
	jobVariable      = "PLAYTOKEN_TEST_FILEKEYS_JOB"
	pathVariable     = "PLAYTOKEN_TEST_FILEKEYS_PATH"
	documentVariable = "PLAYTOKEN_TEST_FILEKEYS_DOCUMENT"
)

var jobs = map[string]func(ctx context.Context, path string) error{
	"work":   work,
	"write":  writeForever,
	"create": createOnly,
	"rekey":  rekeyForever,
	"full":   fillUp,
}

func process(ctx context.Context, job, path, document string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), jobVariable+"="+job, pathVariable+"="+path, documentVariable+"="+document)
	return cmd
}

// create returns a new store and the path of its file.
func create(t testing.TB) (*filekeys.Store, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.db")
	s, err := filekeys.Open(path, password, creating)
	if err != nil {
		t.Fatal(err)
	}
	return s, path
}

// newKey makes a key of 2048 bits.
func newKey(t testing.TB, s *filekeys.Store) (string, store.KeyInfo) {
	t.Helper()
	name := storetest.ID()
	stored, err := s.Create(t.Context(), name, store.KeySpec{Kind: store.RSA2048})
	if err != nil {
		t.Fatal(err)
	}
	return name, stored
}

func newDocument(t testing.TB, s *filekeys.Store, text string) string {
	t.Helper()
	name := "test/" + storetest.ID()
	if _, err := s.Write(t.Context(), name, []byte(text), 0); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestStoreKeepsEveryPromise(t *testing.T) {
	first, path := create(t)
	storetest.Run(t, func(*testing.T) storetest.Store { return first.Again() })
	storetest.RunProcesses(t, func(*testing.T) storetest.Store { return first }, func(document string) *exec.Cmd {
		return process(t.Context(), "work", path, document)
	})
}

func work(ctx context.Context, path string) error {
	s, err := filekeys.Open(path, password, filekeys.Options{})
	if err != nil {
		return err
	}
	return storetest.Work(ctx, s, os.Getenv(documentVariable))
}
