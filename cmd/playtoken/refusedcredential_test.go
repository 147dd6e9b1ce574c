package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A platform whose keys are not rotated says nothing by itself: whether its
// credential is any good is asked before it is stored.
func TestACredentialThatThePlatformRefusesIsNotStored(t *testing.T) {
	t.Parallel()
	w := newDeployment(t)
	status := http.StatusUnauthorized
	api := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(status)
		io.WriteString(rw, `{"media":[],"errors":[{"code":"unauthorized","description":"no"}]}`)
	}))
	defer api.Close()
	secret := filepath.Join(w.dir, "secret")
	if err := os.WriteFile(secret, []byte("some-secret-of-the-property"), 0o600); err != nil {
		t.Fatal(err)
	}
	create := []string{"project", "create", "--name", "films", "--platform", "jwplayer", "--setting", "url=" + api.URL, "--setting", "site_id=abcdEFGH",
		"--credential", "signing_secret=" + secret, "--credential", "api_secret=" + secret}
	if r := w.run(create...); r.code != exitUsage || !strings.Contains(r.stderr, "platform_credential") {
		t.Errorf("refused: exit %d, %s%s", r.code, r.stdout, r.stderr)
	}
	if r := w.run("project", "list"); strings.Contains(r.stdout, "films") {
		t.Errorf("it is stored nevertheless: %s", r.stdout)
	}
	for _, status = range []int{http.StatusOK, http.StatusInternalServerError} { // the second says nothing about it
		var made struct {
			ProjectID string `json:"project_id"`
		}
		w.must(&made, create...)
		update := []string{"project", "update", made.ProjectID, "--credential", "signing_secret=" + secret, "--credential", "api_secret=" + secret}
		if asked := w.run(update...); status == http.StatusOK && asked.code != exitDone || status != http.StatusOK && asked.code != exitDown {
			t.Errorf("changed while the platform answers %d: got exit %d and %s, want 0, or 5 where it does not say", status, asked.code, asked.stderr)
		}
		status = http.StatusUnauthorized
		if r := w.run(update...); r.code != exitUsage {
			t.Errorf("changed: exit %d, %s%s", r.code, r.stdout, r.stderr)
		}
		w.must(&struct{}{}, append(update, "--unchecked")...)
	}
}

// TestAChangedCredentialIsCheckedBeforeItIsSaved: one that the platform refuses, or
// that is of another account, would stop rotations and be found by doctor alone.
func TestAChangedCredentialIsCheckedBeforeItIsSaved(t *testing.T) {
	t.Parallel()
	slow(t, "it waits for rotations")
	w := newDeployment(t, "PLAYTOKEN_PROPAGATION_DELAY=0s")
	id := w.addProject("second")
	other := startGate(t, gateKey) // the same credential, and none of our keys
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "credential")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return "api_key=" + path
	}
	var rotated struct{ Changed bool }
	works := func() {
		t.Helper()
		w.must(&rotated, "rotate", "--now", "--project", id)
		if !rotated.Changed {
			t.Errorf("rotate afterwards: got no change, want one with the credential that was kept")
		}
	}
	if r := w.run("project", "update", id, "--credential", file("wrong-key-for-tests-0123456789abcdef")); r.code != exitUsage || !strings.Contains(r.stderr, "does not accept") {
		t.Errorf("a credential that is refused: got exit %d and %s, want %d", r.code, r.stderr, exitUsage)
	}
	works()
	w.must(&struct{}{}, "project", "update", id, "--credential", file(gateKey))
	works()
	w.behind.becomes(other.Config.Handler)
	r := w.run("project", "update", id, "--credential", file(gateKey))
	if r.code != exitRefused || !strings.Contains(r.stderr, "another account") {
		t.Errorf("a credential of another account: got exit %d and %s, want %d", r.code, r.stderr, exitRefused)
	}
	w.must(&struct{}{}, "project", "update", id, "--credential", file(gateKey), "--unchecked")
	w.gate.Close()
	if r := w.run("project", "update", id, "--credential", file(gateKey)); r.code != exitDown || !strings.Contains(r.stderr, "nothing was saved") {
		t.Errorf("while the platform is away: got exit %d and %s, want %d, and that nothing was saved", r.code, r.stderr, exitDown)
	}
	w.must(&struct{}{}, "project", "update", id, "--credential", file(gateKey), "--unchecked")
}
