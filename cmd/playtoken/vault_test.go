package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"playtoken/vaultkeys"
	"playtoken/vaultkeys/vaulttest"
)

// vaultDeployment is a deployment whose store is a Vault of its own, set up by the verb
// that operators use.
type vaultDeployment struct {
	*deployment
	vault *vaulttest.Server
	setup setupView
}

func newVaultDeployment(t *testing.T, more ...string) *vaultDeployment {
	t.Helper()
	w := &vaultDeployment{vault: vaulttest.Start(t)}
	w.deployment = newDeploymentWithoutStore(t, append([]string{"PLAYTOKEN_PROPAGATION_DELAY=0s", "PLAYTOKEN_STORE=vault", "PLAYTOKEN_STORE_PASSWORD=", "VAULT_ADDR=" + w.vault.Addr}, more...)...)
	r := w.runWith(w.operator(), "", "vault", "setup", "--approle", "-o", "json")
	if err := json.Unmarshal([]byte(r.stdout), &w.setup); err != nil || r.code != exitDone {
		t.Fatalf("exit %d, %v\n%s", r.code, err, r.stderr)
	}
	return w
}

// operator is the environment of an operator of Vault.
func (w *vaultDeployment) operator(more ...string) []string {
	return append([]string{"VAULT_ADDR=" + w.vault.Addr, "VAULT_TOKEN=" + w.vault.RootToken}, more...)
}

// as is the environment of a process that logs in with an AppRole.
func (w *vaultDeployment) as(role vaultkeys.Role, more ...string) []string {
	w.t.Helper()
	made, err := w.vault.Client(w.t).Logical().WriteWithContext(w.t.Context(), "auth/approle/role/"+role.Name()+"/secret-id", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return append(append(w.environ[:len(w.environ):len(w.environ)], "PLAYTOKEN_VAULT_AUTH=approle",
		"PLAYTOKEN_VAULT_ROLE_ID="+w.setup.RoleIDs[role], "PLAYTOKEN_VAULT_SECRET_ID="+made.Data["secret_id"].(string)), more...)
}

func TestVaultSetupSaysWhatItDidAndWhatToDo(t *testing.T) {
	t.Parallel()
	w := newVaultDeployment(t)
	operator := w.operator("PLAYTOKEN_VAULT_KV=team/kv")
	if !w.setup.Changed || len(w.setup.Next) != 3 {
		t.Errorf("setup = %+v, want changes, and three roles to go on with", w.setup)
	}
	again := w.runWith(w.operator(), "", "vault", "setup", "--approle")
	for _, want := range []string{"Nothing had to be changed.", "unchanged  secrets engine  playtoken-transit",
		"export PLAYTOKEN_VAULT_AUTH=approle PLAYTOKEN_VAULT_ROLE_ID=" + w.setup.RoleIDs[vaultkeys.Rotator] + "\n",
		`"$(vault write -f -field=secret_id auth/approle/role/playtoken-signer/secret-id)"`} {
		if !strings.Contains(again.stdout, want) {
			t.Errorf("%q is not in:\n%s%s", want, again.stdout, again.stderr)
		}
	}
	for _, c := range []struct{ args, says string }{
		{"", "vault token create -orphan -no-default-policy -policy=playtoken-rotator -period=24h -field=token)\" PLAYTOKEN_VAULT_KV=team/kv"},
		{"--approle=team/roles", "PLAYTOKEN_VAULT_AUTH_PATH=team/roles"},
		{"--kubernetes --service-account video/playtoken --service-account video/cron", "vault write auth/kubernetes/config kubernetes_host="},
		{"--kubernetes=k8s/eu --service-account video/playtoken --audience vault", "PLAYTOKEN_VAULT_AUTH_PATH=k8s/eu PLAYTOKEN_VAULT_ROLE=playtoken-rotator"},
		{"--kubernetes --service-account video/playtoken --signer-service-account video/mint", "PLAYTOKEN_VAULT_ROLE=playtoken-signer"},
		{"--kubernetes --service-account video/playtoken --gate-service-account edge/gate", "PLAYTOKEN_VAULT_ROLE=playtoken-gate PLAYTOKEN_VAULT_KV=team/kv PLAYTOKEN_GATE_STORE=vault"},
	} {
		r := w.runWith(operator, "", append([]string{"vault", "setup"}, strings.Fields(c.args)...)...)
		if r.code != exitDone || !strings.Contains(r.stdout, c.says) || strings.Contains(r.stdout, w.vault.RootToken) {
			t.Errorf("%s: exit %d, want %q in:\n%s%s", c.args, r.code, c.says, r.stdout, r.stderr)
		}
	}
}

func TestVaultVerbsSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	w := newVaultDeployment(t)
	root := w.operator()
	for _, c := range []struct {
		environ []string
		args    string
		code    int
		says    string
	}{
		{root, "vault setup", exitDone, ""},
		{nil, "vault policy", exitDone, ""}, // needs no Vault
		{nil, "vault setup", exitUsage, "VAULT_TOKEN"},
		{root, "vault", exitUsage, "which verb?"},
		{root, "vault policy root", exitUsage, "signer, rotator"},
		{root, "vault setup --kubernetes", exitUsage, "--service-account"},
		{root, "vault setup --service-account a/b", exitUsage, "--kubernetes"},
		{root, "vault setup --kubernetes --signer-service-account a/b", exitUsage, "--service-account"},
		{root, "vault setup --kubernetes --service-account a/b --signer-service-account a/b", exitFailed, "accounts of its own"},
		{root, "vault setup --kubernetes --service-account playtoken", exitUsage, "NAMESPACE/NAME"},
		{w.operator("PLAYTOKEN_VAULT_KV=playtoken-transit"), "vault setup", exitUsage, "a mount each"},
		{w.operator("PLAYTOKEN_VAULT_TRANSIT=sys"), "vault setup", exitFailed, "PLAYTOKEN_VAULT_TRANSIT"},
		{w.operator("VAULT_TOKEN=" + w.vault.Token(t, `path "x" { capabilities = ["read"] }`)), "vault setup", exitFailed, `capability "read" on "sys/mounts"`},
		{w.operator("VAULT_TOKEN=wrong"), "vault setup", exitDown, "token"},
	} {
		r := w.runWith(c.environ, "", strings.Fields(c.args)...)
		if r.code != c.code || !strings.Contains(r.stderr, c.says) {
			t.Errorf("%q: exit %d, want %d and %q:\n%s", c.args, r.code, c.code, c.says, r.stderr)
		}
	}
}

func TestVaultPolicyPrintsWhatSetupMakes(t *testing.T) {
	t.Parallel()
	w := newVaultDeployment(t)
	var printed policiesView
	w.must(&printed, "vault", "policy")
	for _, p := range printed.Policies {
		made, err := w.vault.Client(t).Sys().GetPolicyWithContext(t.Context(), p.Name)
		if err != nil || made != p.Policy {
			t.Errorf("%s: %v; printed\n%s\nmade\n%s", p.Name, err, p.Policy, made)
		}
	}
	signer, rotator := w.run("vault", "policy", "signer").stdout, w.run("vault", "policy", "rotator", "--memory-signing").stdout
	if strings.Contains(signer, "export/") || strings.Contains(signer, "keys/") || !strings.Contains(rotator, "export/signing-key/+/1") {
		t.Errorf("signer:\n%s\nrotator, memory signing:\n%s", signer, rotator)
	}
}

func TestASignerMintsAndLeavesTheKeysToARotator(t *testing.T) {
	t.Parallel()
	slow(t, "it starts a process")
	w := newVaultDeployment(t)
	rotator := w.as(vaultkeys.Rotator)
	if r := w.runWith(rotator, "", "rotate"); r.code != exitDone {
		t.Fatalf("rotate as rotator: exit %d, %s", r.code, r.stderr)
	}
	if r := w.runWith(rotator, "", "doctor"); r.code != exitDone {
		t.Errorf("doctor: exit %d, %s%s", r.code, r.stdout, r.stderr)
	}
	w.environ = w.as(vaultkeys.Signer)
	if r := w.run("rotate", "--now"); r.code != exitFailed || !strings.Contains(r.stderr, "may only sign") {
		t.Errorf("rotate as signer: exit %d, %s", r.code, r.stderr)
	}
	if r := w.run("doctor"); r.code != exitDone || !strings.Contains(r.stdout, "may not rotate") {
		t.Errorf("doctor as signer: exit %d, %s%s", r.code, r.stdout, r.stderr)
	}
	s := w.startServer("serve")
	client := newClient(t)
	s.awaitReady(client)
	token, status, _, err := mintOver(t.Context(), client, s.url)
	if status != http.StatusCreated || err != nil {
		t.Fatalf("mint: %d, %v", status, err)
	}
	if status, err := plays(t.Context(), client, token.URLs.HLS); status != http.StatusOK || err != nil {
		t.Errorf("the gate answers %d, %v", status, err)
	}
	for route, want := range map[string]int{
		"GET /v1/projects/default/signing-keys": 200, "GET /v1/projects/default/rotation": 200,
		"GET /v1/projects/default/drift": 403, "POST /v1/projects/default/rotation": 403, "POST /v1/rotation": 207,
		"POST /v1/projects/default/signing-keys/1/revoke": 403, "POST /v1/projects/default/signing-keys/2/activate": 403,
		"POST /v1/projects/default/signing-keys/1/rollback": 403, "POST /v1/projects/default/signing-keys/1/release": 403,
		"POST /v1/projects/default/signing-keys/1/confirm": 403,
		"DELETE /v1/projects/default/platform-keys/x":      403,
	} {
		status, body := administer(t, client, s.url, route)
		if status != want || status != 200 && (!strings.Contains(body, `"forbidden"`) || !strings.Contains(body, "may only sign")) {
			t.Errorf("%s as a signer: got status %d, want %d: %s", route, status, want, body)
		}
	}
	if logs := s.stop(); !strings.Contains(logs, "the scheduler is off") {
		t.Errorf("logs: %s", logs)
	}
}

func TestServeStartedBesideASealedVaultRotatesOnceItOpens(t *testing.T) {
	t.Parallel()
	slow(t, "it starts a process")
	w := newVaultDeployment(t)
	w.environ = w.as(vaultkeys.Rotator)
	w.vault.Seal()
	s := w.startServer("serve")
	client := newClient(t)
	if status, err := plays(t.Context(), client, s.url+"/readyz"); status != http.StatusServiceUnavailable || err != nil {
		t.Errorf("sealed: %d, %v", status, err)
	}
	if status, body := administer(t, client, s.url, "POST /v1/projects/default/rotation"); status != http.StatusServiceUnavailable {
		t.Errorf("sealed: %d %s", status, body)
	}
	w.vault.Unseal()
	s.awaitReady(client) // serve has made the key
	s.stop()
}

// administer asks as the administrator does, again where the limit says to wait.
func administer(t *testing.T, client *http.Client, url, route string) (status int, body string) {
	t.Helper()
	text := `{"reason":"test"}`
	if strings.HasPrefix(route, http.MethodGet) {
		text = ""
	}
	got := apiClient{t: t, client: client, url: url, key: adminKey, record: &transcript{}}.ask(route, text)
	return got.status, string(got.body)
}

func TestMemorySigningNeedsItsOwnSetup(t *testing.T) {
	t.Parallel()
	slow(t, "it makes many keys")
	w := newVaultDeployment(t)
	const memory = "PLAYTOKEN_SIGNING=memory"
	mint := func(role vaultkeys.Role) result { return w.runWith(w.as(role, memory), "", "token", "mint", "counter") }
	if r := w.runWith(w.as(vaultkeys.Rotator, memory), "", "rotate"); r.code == exitDone || !strings.Contains(r.stderr, "not allowed by the policies of the Vault token") {
		t.Errorf("an exportable key was made without --memory-signing: exit %d, %s", r.code, r.stderr)
	}
	setup := w.runWith(w.operator(), "", "vault", "setup", "--approle", "--memory-signing")
	rotate := w.runWith(w.as(vaultkeys.Rotator, memory), "", "rotate")
	if setup.code != exitDone || rotate.code != exitDone {
		t.Fatalf("setup: %s\nrotate: %s", setup.stderr, rotate.stderr)
	}
	for _, role := range []vaultkeys.Role{vaultkeys.Signer, vaultkeys.Rotator} {
		if r := mint(role); r.code != exitDone {
			t.Errorf("%s: exit %d, %s", role, r.code, r.stderr)
		}
	}
}
