package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"

	"playtoken/gate/sample"
	"playtoken/vaultkeys"
)

// replaceFile puts a new file into place, as careful tools do.
func replaceFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// rewriteFile writes into the file that is there, slowly.
func rewriteFile(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, part := range []string{text[:len(text)/2], text[len(text)/2:]} {
		time.Sleep(300 * time.Millisecond)
		if _, err := f.WriteString(part); err != nil {
			t.Fatal(err)
		}
	}
}

// hangUp sends SIGHUP and waits for what the log says of it.
func (s *server) hangUp() string {
	s.t.Helper()
	before := len(s.logs.String())
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		s.t.Fatal(err)
	}
	said := ""
	eventually(s.t, patience, func() error {
		for line := range strings.Lines(s.logs.String()[before:]) {
			if strings.Contains(line, "SIGHUP") {
				said = line
				return nil
			}
		}
		return fmt.Errorf("nothing about SIGHUP in the log: %s", s.logs.String()[before:])
	})
	return said
}

// status is that of a GET with a credential.
func (s *server) status(client *http.Client, path, credential string) int {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+credential)
	resp, err := client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

// changesTo waits until a credential is accepted in place of another.
func (s *server) changesTo(client *http.Client, path, now, before string) {
	s.t.Helper()
	eventually(s.t, patience, func() error {
		if got := [2]int{s.status(client, path, now), s.status(client, path, before)}; got != [2]int{200, 401} {
			return fmt.Errorf("the new credential and the one before: got %v, want 200 and 401", got)
		}
		return nil
	})
}

// mintSteadily mints without pause until the test calls the result, which wants no
// request to have failed.
func (w *deployment) mintSteadily(s *server) (stop func()) {
	w.t.Helper()
	k := &steadyCaller{t: w.t, client: newClient(w.t), url: s.url, keys: w.publicKeys()}
	ctx, cancel := context.WithCancel(w.t.Context())
	for caller := range 4 {
		k.running.Go(func() { k.run(ctx, caller) })
	}
	k.until("token", 20, &k.minted)
	return func() {
		w.t.Helper()
		k.until("token", 20, &k.minted)
		cancel()
		k.running.Wait()
		if n := k.later.Load(); n > 0 {
			w.t.Errorf("got %d answers of 503 beside %d tokens, want none", n, k.minted.Load())
		}
		w.t.Logf("%d tokens", k.minted.Load())
	}
}

// TestSecretsInFilesAreReplacedUnderMinting changes the files of a service and of
// its gate in all the ways that files change in, and sends SIGHUPs.
func TestSecretsInFilesAreReplacedUnderMinting(t *testing.T) {
	t.Parallel()
	slow(t, "it starts processes and changes files")
	w := newDeployment(t)
	file := func(name, text string) string {
		path := filepath.Join(w.dir, name)
		replaceFile(t, path, text)
		return path
	}
	media, gatesKey, platformKey, admin := filepath.Join(w.dir, "media"), file("gate-key", gateKey), file("platform-key", gateKey), file("admin-key", adminKey+"\n")
	files, err := sample.FS()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(media, files); err != nil {
		t.Fatal(err)
	}
	w.environ = append(w.environ, "PLAYTOKEN_GATE_MEDIA="+media, "PLAYTOKEN_GATE_LISTEN=127.0.0.1:0",
		"PLAYTOKEN_GATE_DATA="+filepath.Join(w.dir, "own.db"), "PLAYTOKEN_GATE_API_KEY_FILE="+gatesKey)
	gate := w.startServer("gate")
	w.environ = append(w.environ, "PLAYTOKEN_PLATFORM_URL="+gate.url, "PLAYTOKEN_PLATFORM_API_KEY=", "PLAYTOKEN_PLATFORM_API_KEY_FILE="+platformKey,
		"PLAYTOKEN_ADMIN_KEY=", "PLAYTOKEN_ADMIN_KEY_FILE="+admin, "PLAYTOKEN_STORE_PASSWORD=", "PLAYTOKEN_STORE_PASSWORD_FILE="+file("password", password))
	w.must(&struct{}{}, "rotate")
	service, client := w.startServer("serve"), newClient(t)
	const projects = "/v1/projects"
	service.awaitReady(client)
	stop := w.mintSteadily(service)

	before := adminKey
	for i, change := range []func(*testing.T, string, string){replaceFile, rewriteFile, replaceFile, rewriteFile} {
		now := fmt.Sprintf("admin-key-%d-for-tests-0123456789abcdef", i)
		change(t, admin, now)
		if i >= 2 {
			if said := service.hangUp(); !strings.Contains(said, "PLAYTOKEN_ADMIN_KEY") || !strings.Contains(said, `"PLAYTOKEN_STORE_PASSWORD"`) {
				t.Errorf("after SIGHUP the log says %s, want all settings whose values are in files", said)
			}
		}
		service.changesTo(client, projects, now, before)
		before = now
	}
	rewriteFile(t, admin, "sesame")
	eventually(t, patience, func() error {
		if !strings.Contains(service.logs.String(), "stays in use") {
			return fmt.Errorf("no warning in the log")
		}
		return nil
	})
	service.changesTo(client, projects, before, "sesame")

	const newGateKey = "new-gate-key-for-tests-0123456789"
	replaceFile(t, gatesKey, newGateKey)
	gate.hangUp()
	gate.changesTo(client, "/v2/jwt_keys", newGateKey, gateKey)
	replaceFile(t, platformKey, newGateKey)
	service.hangUp()
	stop()
	eventually(t, patience, func() error {
		r := w.runWith(append(w.environ, "PLAYTOKEN_SERVER="+service.url, "PLAYTOKEN_ADMIN_KEY_FILE=", "PLAYTOKEN_ADMIN_KEY="+before), "", "rotate", "--now")
		return r.unless(r.code == exitDone) // it needs the gate's new key
	})
	for _, log := range []string{service.stop(), gate.stop()} {
		for _, secret := range []string{adminKey, before, newGateKey, "sesame", gateKey} {
			if strings.Contains(log, secret) {
				t.Errorf("the log shows a credential: %s", log)
			}
		}
	}
}

// newSecretID makes one, and returns how to destroy it.
func (w *vaultDeployment) newSecretID() (secretID string, destroy func()) {
	w.t.Helper()
	l, role := w.vault.Client(w.t).Logical(), "auth/approle/role/"+vaultkeys.Rotator.Name()
	made, err := l.WriteWithContext(w.t.Context(), role+"/secret-id", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	secretID = made.Data["secret_id"].(string)
	return secretID, func() {
		w.t.Helper()
		if _, err := l.WriteWithContext(w.t.Context(), role+"/secret-id/destroy", map[string]any{"secret_id": secretID}); err != nil {
			w.t.Fatal(err)
		}
	}
}

// TestASecretIDIsReplacedWithoutARestart begins with one that is destroyed, in a
// process and a cron job that share it.
func TestASecretIDIsReplacedWithoutARestart(t *testing.T) {
	t.Parallel()
	slow(t, "it starts a Vault and processes")
	w := newVaultDeployment(t)
	bad, destroy := w.newSecretID()
	destroy()
	path := filepath.Join(w.dir, "secret-id")
	replaceFile(t, path, bad)
	w.environ = append(w.as(vaultkeys.Rotator), "PLAYTOKEN_VAULT_SECRET_ID=", "PLAYTOKEN_VAULT_SECRET_ID_FILE="+path)
	service, client := w.startServer("serve"), newClient(t)
	for range 6 { // more refusals than lock a role
		if r := w.run("rotate", "--if-due"); r.code != exitDown || !strings.Contains(r.stderr, "invalid role or secret ID") {
			t.Fatalf("rotate with a destroyed secret id: exit %d, want %d and what Vault said\n%s", r.code, exitDown, r.stderr)
		}
	}
	good, destroyGood := w.newSecretID()
	rewriteFile(t, path, good)
	w.must(&struct{}{}, "rotate") // no lock keeps the next process out
	service.awaitReady(client)
	if n := strings.Count(service.logs.String(), "vault login failed"); n != 1 {
		t.Errorf("got %d refused logins in the log of serve, want one: %s", n, service.logs.String())
	}
	stop := w.mintSteadily(service)
	next, _ := w.newSecretID()
	replaceFile(t, path, next)
	service.hangUp()
	destroyGood()
	if _, err := w.vault.Client(t).Logical().WriteWithContext(t.Context(), "sys/leases/revoke-prefix/auth/approle/login", nil); err != nil {
		t.Fatal(err)
	}
	stop()
	if log := service.stop(); strings.Contains(log, good) || strings.Contains(log, bad) || strings.Contains(log, next) {
		t.Errorf("the log shows a secret id: %s", log)
	}
}

// TestALockedRoleIsToldByAllThatCanBeAsked is about an AppRole method that playtoken
// did not set up, whose lockout is as Vault has it.
func TestALockedRoleIsToldByAllThatCanBeAsked(t *testing.T) {
	t.Parallel()
	slow(t, "it starts a Vault and a process")
	w := newVaultDeployment(t)
	tune := func(disable bool) {
		_, err := w.vault.Client(t).Logical().WriteWithContext(t.Context(), "sys/auth/approle/tune", map[string]any{"user_lockout_config": map[string]any{"lockout_disable": disable}})
		if err != nil {
			t.Fatal(err)
		}
	}
	tune(false)
	good := w.as(vaultkeys.Rotator)
	bad := append(good[:len(good)-1:len(good)-1], "PLAYTOKEN_VAULT_SECRET_ID=00000000-1111-2222-3333-444444444444")
	for range 5 {
		w.runWith(bad, "", "rotate", "--if-due")
	}
	w.environ = good
	unlock := "vault write -f sys/locked-users/$(vault read -field=accessor sys/auth/approle)/unlock/" + w.setup.RoleIDs[vaultkeys.Rotator]
	if r := w.run("keys", "list"); r.code != exitDown || !strings.Contains(r.stderr, unlock) {
		t.Errorf("keys list: exit %d, want %d and %s\n%s", r.code, exitDown, unlock, r.stderr)
	}
	w.examined(doctorCase{"a locked role", nil, nil, exitDown, "store", "refuses every login of the role", unlock, ""})
	r := w.runWith(append(w.environ[:len(w.environ)-3:len(w.environ)-3], "VAULT_TOKEN="+w.vault.RootToken), "", "doctor", "-o", "json")
	if !strings.Contains(r.stdout, "vault_roles_locked") || !strings.Contains(r.stdout, w.setup.RoleIDs[vaultkeys.Rotator]) {
		t.Errorf("doctor of an operator: got %s, want vault_roles_locked with the role", r.stdout)
	}
	service, client := w.startServer("serve"), newClient(t)
	eventually(t, patience, func() error {
		_, text := fetch(t, client, service.url+"/metrics")
		if want := `playtoken_vault_locked_out{method="approle"} 1`; !strings.Contains(text, want) || !strings.Contains(service.logs.String(), unlock) {
			return fmt.Errorf("no %s in the metrics, or no command in the log: %s", want, service.logs.String())
		}
		return nil
	})
	service.stop()
}

// TestServeWarnsOfARootToken is about the shell of an operator who follows the
// manual to the letter.
func TestServeWarnsOfARootToken(t *testing.T) {
	t.Parallel()
	slow(t, "it starts a Vault and a process")
	w := newVaultDeployment(t)
	w.environ = append(w.environ, "VAULT_TOKEN="+w.vault.RootToken)
	service := w.startServer("serve")
	eventually(t, patience, func() error {
		if !strings.Contains(service.logs.String(), "root token") {
			return fmt.Errorf("no warning of a root token in the log: %s", service.logs.String())
		}
		return nil
	})
	service.stop()
}

// TestATokenFileOfVaultAgent: an agent logs in, by whichever way its cloud has, and
// replaces the token in its sink long before the one before ends.
func TestATokenFileOfVaultAgent(t *testing.T) {
	t.Parallel()
	slow(t, "it starts a Vault and a process")
	w := newVaultDeployment(t)
	sink := filepath.Join(w.dir, "vault-token")
	agent := func() (revoke func()) {
		made, err := w.vault.Client(t).Auth().Token().CreateWithContext(t.Context(),
			&api.TokenCreateRequest{Policies: []string{vaultkeys.Rotator.Name()}, NoDefaultPolicy: true, TTL: "1h"})
		if err != nil {
			t.Fatal(err)
		}
		replaceFile(t, sink, made.Auth.ClientToken)
		return func() {
			if err := w.vault.Client(t).Auth().Token().RevokeTreeWithContext(t.Context(), made.Auth.ClientToken); err != nil {
				t.Fatal(err)
			}
		}
	}
	revoke := agent()
	w.environ = append(w.environ, "VAULT_TOKEN_FILE="+sink)
	w.must(&struct{}{}, "rotate")
	service := w.startServer("serve")
	service.awaitReady(newClient(t))
	stop := w.mintSteadily(service)
	for n := 1; n <= 3; n++ {
		next := agent()
		eventually(t, patience, func() error {
			if got := strings.Count(service.logs.String(), `a file changed and is in use","setting":"VAULT_TOKEN"`); got < n {
				return fmt.Errorf("got %d changes in the log, want %d", got, n)
			}
			return nil
		})
		revoke()
		revoke = next
	}
	stop()
	service.stop()
}
