package keyfile_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"playtoken/cmd/playtoken/keyfile"
)

// served is a key set that a test changes, and a file that is kept from it.
type served struct {
	keyfile.File
	status int
	set    string
	marks  string // a line for each time that the verifier was told
}

func serve(t *testing.T) *served {
	t.Helper()
	s := &served{status: http.StatusOK, set: "one"}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.status == http.StatusFound {
			http.Redirect(w, r, "/another", s.status)
			return
		}
		w.WriteHeader(s.status)
		w.Write([]byte(s.set))
	}))
	t.Cleanup(server.Close)
	dir := t.TempDir()
	s.marks = filepath.Join(dir, "marks")
	s.File = keyfile.File{URL: server.URL + "/jwks.json", Path: filepath.Join(dir, "keys"), Reload: "echo told >> " + s.marks,
		Config: func(set, _ []byte) ([]byte, error) { return set, nil }}
	return s
}

// expect refreshes, and looks at the file and at how often the verifier was told.
func (s *served) expect(t *testing.T, when, content string, told int, fails bool) {
	t.Helper()
	_, err := s.Refresh(t.Context())
	got, _ := os.ReadFile(s.Path)
	marks, _ := os.ReadFile(s.marks)
	if n := strings.Count(string(marks), "told"); fails != (err != nil) || string(got) != content || n != told {
		t.Errorf("%s: got %v, the file %q and a verifier that was told %d times, want failure: %t, %q, %d", when, err, got, n, fails, content, told)
	}
	files, _ := filepath.Glob(s.Path + ".*.new")
	if len(files) > 0 {
		t.Errorf("%s: got %v left behind, want nothing", when, files)
	}
}

func TestTheVerifierIsToldOfChanges(t *testing.T) {
	s := serve(t)
	s.expect(t, "at first", "one", 1, false)
	s.expect(t, "the same keys", "one", 1, false)
	s.set = "two"
	s.expect(t, "other keys", "two", 2, false)
}

func TestTheFileStaysWhereNoKeysCanBeFetched(t *testing.T) {
	s := serve(t)
	s.expect(t, "at first", "one", 1, false)
	s.set = "two"
	for name, status := range map[string]int{"an error": 500, "no such project": 404, "a redirect": 302, "no content": 204} {
		s.status = status
		s.expect(t, name, "one", 1, true)
		if _, err := s.Refresh(t.Context()); !isUnreachable(err) {
			t.Errorf("%s: got %v, want Unreachable", name, err)
		}
	}
	s.status, s.set = 200, strings.Repeat("x", 1<<20+1)
	s.expect(t, "far too many keys", "one", 1, true)
	s.set = "two"
	s.Config = func(_, _ []byte) ([]byte, error) { return nil, errors.New("no keys") }
	s.expect(t, "a set without keys", "one", 1, true)
	s.URL = "http://192.0.2.1/jwks.json"
	s.expect(t, "a URL in the open", "one", 1, true)
	s.URL = "http://127.0.0.1:1/jwks.json"
	s.expect(t, "a server that is away", "one", 1, true)
}

func isUnreachable(err error) bool {
	_, is := errors.AsType[keyfile.Unreachable](err)
	return is
}

// The file is new and the verifier was not told: so does a process leave it that ends
// in between.
func TestTheNextRunTellsAVerifierThatWasNotTold(t *testing.T) {
	s := serve(t)
	tell := s.Reload
	s.Reload = "echo cannot reload >&2; exit 3"
	s.expect(t, "a command that fails", "one", 0, true)
	if _, err := s.Refresh(t.Context()); err == nil || !strings.Contains(err.Error(), "cannot reload") {
		t.Errorf("the command's failure: got %v, want what it said", err)
	}
	s.Reload = tell
	s.expect(t, "the same keys, and a command that works", "one", 1, false)
	s.expect(t, "and again", "one", 1, false)
}

// Who may read the file stays as the operator has set it.
func TestTheFileKeepsItsMode(t *testing.T) {
	s := serve(t)
	s.expect(t, "at first", "one", 1, false)
	if info, err := os.Stat(s.Path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("a new file: got %v, %v, want it for its owner alone", info.Mode(), err)
	}
	if err := os.Chmod(s.Path, 0o640); err != nil {
		t.Fatal(err)
	}
	s.set = "two"
	s.expect(t, "other keys", "two", 2, false)
	if info, err := os.Stat(s.Path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("a file that was replaced: got %v, %v, want the mode of before", info.Mode(), err)
	}
}

// A file that gets a secret is closed to other users, though what it replaces was open.
func TestASecretIsNotForOthersOnTheMachine(t *testing.T) {
	s := serve(t)
	s.expect(t, "at first", "one", 1, false)
	if err := os.Chmod(s.Path, 0o644); err != nil {
		t.Fatal(err)
	}
	s.Secret, s.set = true, "two"
	s.expect(t, "with a secret", "two", 2, false)
	if info, err := os.Stat(s.Path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("a file with a secret: got %v, %v, want it for its owner and group", info.Mode(), err)
	}
}
