package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"playtoken/filekeys"
	"playtoken/secret"
)

const newStorePassword = "another horse, another battery"

// secretFile writes a secret into a file and returns its path.
func secretFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	replaceSecret(t, path, text)
	return path
}

// replaceSecret puts another file in the place of one, as tools do.
func replaceSecret(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.WriteFile(path+".new", []byte(text+"\n"), 0o600), os.Rename(path+".new", path)); err != nil {
		t.Fatal(err)
	}
}

// with is the environment with one setting more.
func (w *deployment) with(more ...string) []string {
	return append(w.environ[:len(w.environ):len(w.environ)], more...)
}

// TestAnotherPasswordForTheStore: the keys and everything else stay, the old
// password opens nothing any more, and the change is on record without either.
func TestAnotherPasswordForTheStore(t *testing.T) {
	t.Parallel()
	w := newDeployment(t)
	record := filepath.Join(w.dir, "audit.jsonl")
	w.environ = w.with("PLAYTOKEN_AUDIT=file:" + record)
	w.must(new(rotatedView), "rotate", "--project", "default")
	before := w.states()

	r := w.runWith(w.environ, newStorePassword+"\n", "store", "rekey", "--new-password", "-")
	if r.code != exitDone || !strings.Contains(r.stdout, "PLAYTOKEN_STORE_PASSWORD") {
		t.Fatalf("rekey: exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	if r := w.run("keys", "list"); r.code != exitUsage || !strings.Contains(r.stderr, "wrong password") {
		t.Errorf("with the old password: got exit %d, %s, want %d and what is wrong", r.code, r.stderr, exitUsage)
	}
	w.environ = w.with("PLAYTOKEN_STORE_PASSWORD=" + newStorePassword)
	if after := w.states(); after != before {
		t.Errorf("states after the change: got %s, want %s", after, before)
	}
	if r := w.run("token", "mint", "counter"); r.code != exitDone {
		t.Errorf("mint after the change: exit %d\n%s", r.code, r.stderr)
	}
	text, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(string(text), `"action":"store.rekey"`); got != 2 {
		t.Errorf("the record has %d lines about the change, want its intent and its end:\n%s", got, text)
	}
	for _, password := range []string{password, newStorePassword} {
		if strings.Contains(string(text), password) {
			t.Error("a password is in the record")
		}
	}
	if r := w.run("audit", "verify", record); r.code != exitDone {
		t.Errorf("verify the record under the new password: exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}

func TestStoreVerbsSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	w := newDeployment(t)
	short, good, there := secretFile(t, "short"), secretFile(t, newStorePassword), secretFile(t, "x")
	vault := w.with("PLAYTOKEN_STORE=vault", "PLAYTOKEN_STORE_PASSWORD=", "VAULT_ADDR=http://127.0.0.1:1", "VAULT_TOKEN=x")
	for _, c := range []struct {
		line    string
		environ []string
		stdin   string
		code    int
		says    string
	}{
		{line: "store rekey", code: exitUsage, says: "--new-password: want a file"},
		{line: "store rekey --new-password " + newStorePassword[:7], code: exitUsage, says: "no such file"},
		{line: "store rekey --new-password " + short, code: exitUsage, says: "want at least 16"},
		{line: "store rekey --new-password -", code: exitUsage, says: "is empty"},
		{line: "store rekey --new-password " + good, environ: w.with("PLAYTOKEN_STORE_PASSWORD=not the password"), code: exitUsage, says: "wrong password"},
		{line: "store rekey --new-password " + good, environ: vault, code: exitUsage, says: "vault operator"},
		{line: "store backup", code: exitUsage, says: "missing FILE"},
		{line: "store backup " + there, code: exitUsage, says: "is not overwritten"},
		{line: "store backup /no/such/folder/b.db", code: exitFailed, says: "no such file"},
		{line: "store backup b.db", environ: vault, code: exitUsage, says: "snapshot"},
	} {
		environ := c.environ
		if environ == nil {
			environ = w.environ
		}
		r := w.runWith(environ, c.stdin, strings.Fields(c.line)...)
		if r.code != c.code || !strings.Contains(r.stderr, c.says) {
			t.Errorf("playtoken %s: got exit %d, %s, want %d and %q", c.line, r.code, r.stderr, c.code, c.says)
		}
	}
	if r := w.run("keys", "list"); r.code != exitDone {
		t.Errorf("after all that was refused: exit %d\n%s", r.code, r.stderr)
	}
}

// TestServeAndAnotherPassword: a service with the password in its environment says
// that it needs a restart; one that reads it from a file goes on.
func TestServeAndAnotherPassword(t *testing.T) {
	t.Parallel()
	w := newDeployment(t)
	w.must(new(rotatedView), "rotate", "--project", "default")
	file := secretFile(t, password)
	byEnvironment, logs, stop := w.serveHere(w.environ)
	defer stop()
	byFile, readLogs, stopToo := w.serveHere(w.with("PLAYTOKEN_STORE_PASSWORD=", "PLAYTOKEN_STORE_PASSWORD_FILE="+file))
	defer stopToo()

	replaceSecret(t, file, newStorePassword) // before the change, so that there is no gap
	eventually(t, 10*time.Second, func() error {
		if !strings.Contains(readLogs.String(), "a file changed and is in use") {
			return errors.New("its log does not say that it has the file's new password")
		}
		return nil
	})
	mints := func(url string) (int, error) {
		_, status, _, err := mintOver(t.Context(), newClient(t), url)
		return status, err
	}
	for _, url := range []string{byEnvironment, byFile} {
		if status, err := mints(url); status != http.StatusCreated {
			t.Fatalf("mint before the change: got status %d, %v, want 201", status, err)
		}
	}
	if r := w.run("store", "rekey", "--new-password", file); r.code != exitDone {
		t.Fatalf("rekey: exit %d\n%s", r.code, r.stderr)
	}
	eventually(t, patience, func() error { // deriving the key takes long on a busy machine
		status, err := mints(byFile)
		if status != http.StatusCreated {
			return fmt.Errorf("the service that reads a file: got status %d, %w, want 201", status, err)
		}
		return nil
	})
	if status, body := administer(t, newClient(t), byFile, "GET /v1/projects/default/signing-keys"); status != http.StatusOK {
		t.Errorf("the service that reads a file: got status %d, want 200: %s", status, body)
	}
	if status, _ := administer(t, newClient(t), byEnvironment, "GET /v1/projects/default/signing-keys"); status != http.StatusServiceUnavailable {
		t.Errorf("the service with the old password: got status %d, want 503", status)
	}
	eventually(t, 10*time.Second, func() error {
		if !strings.Contains(logs.String(), "the store's password was changed while this process ran: restart it with the new one") {
			return errors.New("its log does not say what to do")
		}
		return nil
	})
}

// TestABackupOfAStoreInUse: it is taken while serve mints and rotates; restored,
// it is a store whose age doctor sees, and viewers of its keys are let in.
func TestABackupOfAStoreInUse(t *testing.T) {
	t.Parallel()
	w := newDeployment(t)
	w.must(new(rotatedView), "rotate", "--project", "default")
	_, _, stop := w.serveHere(w.environ)
	backup := filepath.Join(t.TempDir(), "backup.db")
	if r := w.run("store", "backup", backup); r.code != exitDone {
		t.Fatalf("backup beside serve: exit %d\n%s", r.code, r.stderr)
	}
	info, err := os.Stat(backup)
	if err != nil || info.Mode() != 0o600 {
		t.Fatalf("the backup: got %v, %v, want a file with mode 0600", info, err)
	}
	if _, err := filekeys.Open(backup, secret.New("not the password"), filekeys.Options{}); !errors.Is(err, filekeys.ErrPassword) {
		t.Errorf("open the backup with another password: got %v, want %v", err, filekeys.ErrPassword)
	}
	stop()
	w.must(new(rotatedView), "rotate", "--project", "default", "--now", "--reason", "after the backup")

	if err := os.Rename(backup, filepath.Join(w.dir, "play.db")); err != nil {
		t.Fatal(err)
	}
	r := w.run("doctor", "-o", "json")
	var found findingsView
	if err := json.Unmarshal([]byte(r.stdout), &found); err != nil || !strings.Contains(r.stdout, "older than the platform") {
		t.Fatalf("doctor on the restored store: exit %d, %v\n%s", r.code, err, r.stdout)
	}
	var token tokenView
	w.must(&token, "token", "mint", "counter")
	if status, err := plays(t.Context(), newClient(t), token.URLs.HLS); status != http.StatusOK {
		t.Errorf("a token of the restored store: got status %d, %v, want 200", status, err)
	}
}
