package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"playtoken/vaultkeys"
)

// TestAKeyIsRevokedWhileVaultIsSealed: at the platform alone, at once, on record; and
// the ring follows when Vault is back.
func TestAKeyIsRevokedWhileVaultIsSealed(t *testing.T) {
	t.Parallel()
	slow(t, "it waits for two looks at the platform")
	w := newVaultDeployment(t, "PLAYTOKEN_SETTLE=2s")
	record := filepath.Join(w.dir, "audit.jsonl")
	w.environ = w.as(vaultkeys.Rotator, "PLAYTOKEN_AUDIT=file:"+record)
	w.must(new(rotatedView), "rotate", "--project", "default")
	var token tokenView
	w.must(&token, "token", "mint", "counter")
	client := newClient(t)
	expect := func(when string, want int) {
		t.Helper()
		if status, err := plays(t.Context(), client, token.URLs.HLS); status != want {
			t.Errorf("%s: the token gets status %d, %v, want %d", when, status, err, want)
		}
	}
	expect("before", http.StatusOK)

	w.vault.Seal()
	if r := w.run("keys", "revoke", "1", "--reason", "stolen"); r.code != exitDown {
		t.Errorf("revoke while Vault is sealed: got exit %d, want %d\n%s", r.code, exitDown, r.stderr)
	}
	expect("after a revocation that needs the store", http.StatusOK)
	r := w.run("keys", "revoke", "--platform-only", *token.KeyID, "--reason", "stolen")
	if r.code != exitDone || !strings.Contains(r.stderr, "goes on minting with it") || !strings.Contains(r.stdout, "is gone at the platform") {
		t.Fatalf("revoke at the platform: got exit %d, want 0 and what it means\n%s%s", r.code, r.stdout, r.stderr)
	}
	expect("after a revocation at the platform", http.StatusUnauthorized)
	if text, err := os.ReadFile(record + ".pending"); err != nil || strings.Count(string(text), `"action":"platform_key.revoke"`) != 2 || !strings.Contains(string(text), `"reason":"stolen"`) {
		t.Errorf("set aside for the record: got %s, %v, want the intent and the end", text, err)
	}
	if r := w.run("keys", "revoke", "--platform-only", *token.KeyID, "--reason", "again"); r.code != exitFailed || !strings.Contains(r.stderr, "which has") {
		t.Errorf("once more: got exit %d, want %d and the keys that there are\n%s", r.code, exitFailed, r.stderr)
	}

	w.vault.Unseal()
	eventually(t, time.Minute, func() error {
		w.run("rotate")
		r := w.run("keys", "list", "-o", "json")
		if !strings.Contains(r.stdout, `"quarantined"`) || !strings.Contains(r.stdout, `"registered"`) {
			return fmt.Errorf("exit %d, %s%s", r.code, r.stdout, r.stderr)
		}
		return nil
	})
	w.must(&token, "token", "mint", "counter")
	expect("a new token, of another key", http.StatusOK)
	if r := w.run("keys", "revoke", "1", "--reason", "stolen"); r.code != exitDone {
		t.Errorf("revoke when Vault is back: got exit %d\n%s", r.code, r.stderr)
	}
	if states := w.states(); !strings.HasSuffix(states, "2:active 1:deleted") {
		t.Errorf("states at the end: got %s, want the revoked key deleted and another active", states)
	}
	if r := w.run("audit", "verify", record); r.code != exitDone {
		t.Errorf("verify the record: got exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	if text, err := os.ReadFile(record); err != nil || strings.Count(string(text), `"action":"platform_key.revoke"`) != 2 {
		t.Errorf("the record has %d lines of the revocation at the platform, %v, want 2", strings.Count(string(text), `"action":"platform_key.revoke"`), err)
	}
}

// TestRevokingAtThePlatformAloneEndsSessions, at a gate, and needs no store at all.
func TestRevokingAtThePlatformAloneEndsSessions(t *testing.T) {
	t.Parallel()
	w := newDeployment(t)
	w.must(new(rotatedView), "rotate", "--project", "default")
	var token tokenView
	w.must(&token, "token", "mint", "counter")
	client := newClient(t)
	_, playlist := fetch(t, client, token.URLs.HLS)
	var child string
	for line := range strings.Lines(playlist) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			child = w.gate.URL + "/counter/" + line
		}
	}
	if status, _ := fetch(t, client, child); status != http.StatusOK {
		t.Fatalf("a session before: got status %d, want 200 at %s", status, child)
	}
	credential := secretFile(t, gateKey)
	environ := []string{"PATH=/bin"}
	line := []string{"keys", "revoke", "--platform-only", *token.KeyID, "--project", "project_of_another_store", "--reason", "stolen",
		"--platform", "gate", "--setting", "url=" + w.gate.URL, "--credential", "api_key=" + credential, "-o", "json"}
	r := w.runWith(environ, "", line...)
	if r.code != exitDone || !strings.Contains(r.stdout, `"sessions_ended": true`) {
		t.Fatalf("revoke without any setting: exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	if !strings.Contains(r.stderr, `"action":"platform_key.revoke"`) || strings.Contains(r.stderr+r.stdout, gateKey) {
		t.Errorf("got on stderr\n%s\nwant it on record, and the credential nowhere", r.stderr)
	}
	if status, _ := fetch(t, client, child); status != http.StatusForbidden {
		t.Errorf("a session after: got status %d, want %d", status, http.StatusForbidden)
	}
}

func TestRevokingAtThePlatformAloneSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	w := newDeployment(t)
	w.must(new(rotatedView), "rotate", "--project", "default")
	wrong, right := secretFile(t, "wrong-key-for-tests-0123456789abcdef"), secretFile(t, gateKey)
	for _, c := range []struct {
		line string
		code int
		says string
	}{
		{line: "--platform-only KEY", code: exitUsage, says: "--reason"},
		{line: "--platform-only --reason x", code: exitUsage, says: "missing"},
		{line: "--platform-only KEY --reason x --dry-run", code: exitUsage, says: "--dry-run needs the store"},
		{line: "--platform-only nothing --reason x", code: exitFailed, says: "playtoken default #1"},
		{line: "--platform-only KEY --reason x --project other", code: exitUsage, says: "whose account is in the store"},
		{line: "--platform-only KEY --reason x --platform gate --setting url=" + w.gate.URL, code: exitUsage, says: "--credential: needed"},
		{line: "--platform-only KEY --reason x --platform gate --setting url=" + w.gate.URL + " --credential api_key=" + wrong, code: exitFailed, says: "the API key is wrong"},
		{line: "--platform-only KEY --reason x --platform gate --setting url=http://127.0.0.1:1 --credential api_key=" + right, code: exitDown, says: "list the keys"},
		{line: "--platform-only KEY --reason x --platform jwplayer --credential signing_secret=" + right, code: exitUsage, says: "has no keys that can be deleted"},
		{line: "--platform-only KEY --reason x --platform no", code: exitUsage, says: "--credential"},
		{line: "1 --reason x --platform gate", code: exitUsage, says: "go with --platform-only"},
	} {
		r := w.run(append([]string{"keys", "revoke"}, strings.Fields(c.line)...)...)
		if r.code != c.code || !strings.Contains(r.stderr, c.says) {
			t.Errorf("keys revoke %s: got exit %d, want %d and %q\n%s", c.line, r.code, c.code, c.says, r.stderr)
		}
	}
	if states := w.states(); states != "2:registered 1:active" {
		t.Errorf("after all that was refused: got %s, want nothing changed", states)
	}
}
