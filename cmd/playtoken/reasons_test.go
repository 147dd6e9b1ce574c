package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"playtoken/handlers"
)

// TestEveryChangeOnTheCommandLineMaySayWhy: the reason stands in the record, beside
// what was changed.
func TestEveryChangeOnTheCommandLineMaySayWhy(t *testing.T) {
	t.Parallel()
	w := newDeployment(t, "PLAYTOKEN_AUDIT=file:"+filepath.Join(t.TempDir(), "audit.jsonl"))
	credential := filepath.Join(w.dir, "credential")
	if err := os.WriteFile(credential, []byte(gateKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var project handlers.Project
	var key handlers.CreatedAPIKey
	var admin struct {
		ID string `json:"admin_key_id"`
	}
	w.must(&project, "project", "create", "--name", "third", "--platform", "gate", "--setting", "url="+w.gate.URL, "--credential", "api_key="+credential, "--reason", "why 1")
	w.must(&struct{}{}, "project", "update", project.ID, "--name", "fourth", "--reason", "why 2")
	w.must(&key, "api-key", "create", "--project", project.ID, "--name", "shop", "--scope", "mint", "--reason", "why 3")
	w.must(&struct{}{}, "api-key", "update", key.ID, "--project", project.ID, "--name", "tv", "--reason", "why 4")
	w.mustBeSilent("api-key", "end-tokens", key.ID, "--project", project.ID, "--reason", "why 5")
	w.mustBeSilent("api-key", "delete", key.ID, "--project", project.ID, "--reason", "why 6")
	w.must(&admin, "admin-key", "create", "--name", "ann", "--role", "auditor", "--reason", "why 7")
	w.mustBeSilent("admin-key", "delete", admin.ID, "--reason", "why 8")
	w.mustBeSilent("project", "delete", project.ID, "--revoke", "--reason", "why 9")
	shown := w.run("audit", "list", "--limit", "100", "-o", "json").stdout
	for why, action := range map[string]string{
		"why 1": "project.create", "why 2": "project.update", "why 3": "api_key.create", "why 4": "api_key.update", "why 5": "api_key.end_tokens",
		"why 6": "api_key.delete", "why 7": "admin_key.create", "why 8": "admin_key.delete", "why 9": "project.delete",
	} {
		if !strings.Contains(shown, why) || !strings.Contains(shown, action) {
			t.Errorf("got no %s with the reason %q in the record, want it: %s", action, why, shown)
		}
	}
}

// TestAnAccountIsCheckedOnTheCommandLine: of a project as it is or would be, and before
// there is one; nothing is saved, and the exit code says what came of it.
func TestAnAccountIsCheckedOnTheCommandLine(t *testing.T) {
	t.Parallel()
	w := newDeployment(t)
	file := func(name, text string) string {
		path := filepath.Join(w.dir, name)
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return "api_key=" + path
	}
	good, wrong := file("good", gateKey), file("wrong", "canary-of-some-length-0123456789abcdef")
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"default"}, exitDone, "accepted: "},
		{[]string{"default", "--credential", wrong}, exitRefused, "change it there"},
		{[]string{"--platform", "gate", "--setting", "url=" + w.gate.URL, "--credential", wrong}, exitFailed, "credential_refused: "},
		{[]string{"--platform", "gate", "--setting", "url=" + w.gate.URL, "--credential", good}, exitDone, "accepted: "},
		{[]string{"--platform", "gate", "--setting", "url=http://127.0.0.1:1", "--credential", good}, exitDown, "unreachable: "},
		{[]string{"--platform", "gate"}, exitUsage, "platform_credential"},
		{[]string{"project_nope"}, exitFailed, "playtoken project list"},
		{[]string{"one", "two"}, exitUsage, "unexpected argument"},
		{[]string{"--credential", "canary"}, exitUsage, "want name=FILE"},
	} {
		r := w.run(append([]string{"project", "check"}, c.args...)...)
		if said := r.stdout + r.stderr; r.code != c.code || !strings.Contains(said, c.says) || strings.Contains(said, "canary") {
			t.Errorf("project check %s: got exit %d, %s; want %d, %q", strings.Join(c.args, " "), r.code, said, c.code, c.says)
		}
	}
	var projects struct{ Count int }
	if w.must(&projects, "project", "count"); projects.Count > 1 {
		t.Errorf("after checks: got %d projects, want none but default", projects.Count)
	}
}
