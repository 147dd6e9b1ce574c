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
		w.must(&struct{}{}, update...)
		status = http.StatusUnauthorized
		if r := w.run(update...); r.code != exitUsage {
			t.Errorf("changed: exit %d, %s%s", r.code, r.stdout, r.stderr)
		}
	}
}
