package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"playtoken/cmd/playtoken/body"
)

// What went wrong is half of a message.
func TestEveryRefusalOfAVerbSaysWhatToDo(t *testing.T) {
	t.Parallel()
	w := newDeployment(t)
	early := newDeploymentWithoutStore(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if r := w.run("rotate"); r.code != exitDone {
		t.Fatalf("rotate: exit %d, %s", r.code, r.stderr)
	}
	file := func(name, text string) string {
		path := filepath.Join(w.dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	long := file("long", `{"name":"`+strings.Repeat("x", body.MaxFrom)+`"}`)
	broken := file("broken", `{"platform_credential":{"api_key":"canary`)
	for _, c := range []struct {
		w    *deployment
		more string // of the environment
		args []string
		code int
		says string
	}{
		{w, "", []string{"keys", "show", "99"}, exitFailed, "-> playtoken keys list"},
		{w, "", []string{"keys", "remove-unmanaged", "nope", "--reason", "test"}, exitFailed, "playtoken doctor"},
		{w, "", []string{"keys", "list", "--project", "nope"}, exitFailed, "-> playtoken project list"},
		{w, "", []string{"project", "show", "nope"}, exitFailed, "-> playtoken project list"},
		{w, "", []string{"api-key", "show", "nope"}, exitFailed, "playtoken api-key list"},
		{w, "", []string{"doctor", "--project", "nope"}, exitFailed, "-> playtoken project list"},
		{early, "", []string{"api-key", "create", "--name", "first", "--scope", "mint"}, exitDone, ""}, // makes the store
		{early, "", []string{"token", "mint", "counter"}, exitFailed, "-> playtoken rotate"},
		{w, "", []string{"project", "update", "default", "--name", "\xff"}, exitUsage, "not UTF-8"},
		{w, "", []string{"project", "update", "default", "--from", long}, exitUsage, "longer than 65536 bytes"},
		{w, "", []string{"project", "update", "default", "--from", file("null", "null")}, exitUsage, "want one JSON object"},
		{w, "", []string{"project", "update", "default", "--from", file("list", "[1]")}, exitUsage, "want one JSON object"},
		{w, "", []string{"project", "update", "default", "--from", broken}, exitUsage, "invalid at byte "},
		{w, "", []string{"project", "update", "default", "--from", w.dir}, exitUsage, "is a directory"},
		{w, "PLAYTOKEN_LISTEN=" + taken.Addr().String(), []string{"serve"}, exitFailed, "set another address: PLAYTOKEN_LISTEN"},
		{w, "PLAYTOKEN_GATE_API_KEY=" + gateKey, []string{"gate", "--media", broken + "/nope"}, exitUsage, "PLAYTOKEN_GATE_MEDIA"},
		{w, "", []string{"demo", "--listen", "127.0.0.1:0", "--data", broken}, exitUsage, "--data: want a folder"},
	} {
		environ := c.w.environ
		if c.more != "" {
			environ = append(environ[:len(environ):len(environ)], c.more, "PLAYTOKEN_GATE_LISTEN=127.0.0.1:0")
		}
		r := c.w.runWith(environ, "", c.args...)
		if said := r.stdout + r.stderr; r.code != c.code || !strings.Contains(said, c.says) || strings.Contains(said, "canary") {
			t.Errorf("%s: exit %d, %s; want %d, %q", strings.Join(c.args, " "), r.code, said, c.code, c.says)
		}
	}
}

func TestWhoMayNotDeleteAProjectIsToldTheFlag(t *testing.T) {
	t.Parallel()
	w := newDeployment(t)
	credential := filepath.Join(w.dir, "credential")
	if err := os.WriteFile(credential, []byte(gateKey), 0o600); err != nil {
		t.Fatal(err)
	}
	var made struct {
		ID string `json:"project_id"`
	}
	w.must(&made, "project", "create", "--name", "x", "--platform", "gate", "--setting", "url="+w.gate.URL, "--credential", "api_key="+credential)
	w.must(&struct{}{}, "rotate", "--project", made.ID)
	if r := w.run("project", "delete", made.ID); r.code != exitRefused || !strings.Contains(r.stderr, "--revoke") {
		t.Errorf("exit %d, %s", r.code, r.stderr)
	}
	if r := w.run("project", "delete", made.ID, "--revoke"); r.code != exitDone {
		t.Errorf("with the flag: exit %d, %s", r.code, r.stderr)
	}
}
