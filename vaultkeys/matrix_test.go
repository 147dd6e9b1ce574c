package vaultkeys_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"playtoken/store/storetest"
	"playtoken/vaultkeys"
)

// The roles that may send a request. In paths, T and K stand for playtoken's
// mounts, KEY for an existing key, DOC for an existing document and NEW for an
// unused name; OTHER begins mounts that are not playtoken's, and AUTH is the
// login method.
const (
	signs  = "signs"  // signer and rotator
	moves  = "moves"  // rotator
	loads  = "loads"  // signer and rotator, with memory signing
	exp    = "exp"    // rotator, with memory signing
	admits = "admits" // gate
	each   = "each"   // every role
	denied = "denied" // no role
)

var matrix = []struct {
	who, method, path, body string
}{
	{signs, "PUT", "T/sign/KEY/sha2-256", `{"input":"AAAA","signature_algorithm":"pkcs1v15"}`},
	{signs, "GET", "K/data/ring/DOC", ""},
	{signs, "GET", "K/data/issued/DOC", ""},
	{signs, "GET", "K/data/project/DOC", ""},
	{signs, "GET", "K/data/origin/DOC", ""},
	{signs, "GET", "K/data/index/DOC", ""},
	{signs, "GET", "K/data/apikey/DOC", ""},
	{signs, "GET", "K/data/jwks/DOC", ""},
	{signs, "GET", "K/data/deployment/DOC", ""},
	{signs, "GET", "K/data/use/DOC", ""},
	{signs, "PUT", "K/data/use/DOC", `{"options":{"cas":1},"data":{"document":"{}"}}`},
	{signs, "PUT", "K/data/use/NEW", `{"options":{"cas":0},"data":{"document":"{}"}}`},
	{signs, "GET", "K/data/families/DOC", ""},
	{signs, "PUT", "K/data/families/DOC", `{"options":{"cas":1},"data":{"document":"{}"}}`},
	{signs, "PUT", "K/data/families/NEW", `{"options":{"cas":0},"data":{"document":"{}"}}`},
	{signs, "GET", "K/data/family/DOC", ""},
	{signs, "PUT", "K/data/family/DOC", `{"options":{"cas":1},"data":{"document":"{}"}}`},
	{signs, "PUT", "K/data/family/NEW", `{"options":{"cas":0},"data":{"document":"{}"}}`},
	{signs, "DELETE", "K/metadata/family/NEW", ""},
	{signs, "DELETE", "K/metadata/family/ABSENT", ""},
	{signs, "PUT", "sys/capabilities-self", `{"paths":["sys/seal"]}`},
	{each, "PUT", "auth/token/renew-self", `{}`},
	{each, "GET", "auth/token/lookup-self", ""},

	{admits, "GET", "K/data/gate/DOC", ""},
	{admits, "PUT", "K/data/gate/DOC", `{"options":{"cas":1},"data":{"document":"{}"}}`},
	{admits, "PUT", "K/data/gate/NEW", `{"options":{"cas":0},"data":{"document":"{}"}}`},
	{denied, "DELETE", "K/metadata/gate/NEW", ""},
	{denied, "DELETE", "K/data/gate/DOC", ""},
	{denied, "GET", "K/metadata/gate/DOC", ""},
	{denied, "GET", "K/metadata/gate?list=true", ""},

	{moves, "GET", "T/keys/KEY", ""},
	{moves, "PUT", "T/keys/NEW", `{"type":"rsa-2048","exportable":false,"allow_plaintext_backup":false,"derived":false,"auto_rotate_period":0}`},
	{moves, "PUT", "T/keys/NEW/config", `{"deletion_allowed":true}`},
	{moves, "DELETE", "T/keys/NEW", ""},
	{moves, "GET", "K/data/more/DOC", ""},
	{moves, "PUT", "K/data/ring/DOC", `{"options":{"cas":1},"data":{"document":"{}"}}`},
	{moves, "PUT", "K/data/ring/NEW", `{"options":{"cas":0},"data":{"document":"{}"}}`},
	{moves, "PUT", "K/data/issued/DOC", `{"options":{"cas":1},"data":{"document":"{}"}}`},
	{moves, "PUT", "K/data/project/DOC", `{"options":{"cas":1},"data":{"document":"{}"}}`},
	{moves, "PUT", "K/data/origin/DOC", `{"options":{"cas":1},"data":{"document":"{}"}}`},
	{moves, "PUT", "K/data/index/DOC", `{"options":{"cas":1},"data":{"document":"{}"}}`},
	{moves, "PUT", "K/data/apikey/DOC", `{"options":{"cas":1},"data":{"document":"{}"}}`},
	{moves, "PUT", "K/data/apikey/NEW", `{"options":{"cas":0},"data":{"document":"{}"}}`},
	{moves, "PUT", "K/data/jwks/DOC", `{"options":{"cas":1},"data":{"document":"{}"}}`},
	{moves, "PUT", "K/data/deployment/DOC", `{"options":{"cas":1},"data":{"document":"{}"}}`},
	{moves, "DELETE", "K/metadata/ring/NEW", ""},
	{moves, "DELETE", "K/metadata/project/NEW", ""},
	{moves, "DELETE", "K/metadata/apikey/NEW", ""},
	{moves, "DELETE", "K/metadata/families/NEW", ""},
	{moves, "DELETE", "K/metadata/use/NEW", ""},

	{loads, "GET", "T/export/signing-key/OPEN/1", ""},
	{exp, "PUT", "T/keys/NEW", `{"type":"rsa-2048","exportable":true}`},

	{denied, "PUT", "T/sign/KEY", `{"input":"AAAA"}`},
	{denied, "PUT", "T/sign/KEY/sha2-512", `{"input":"AAAA"}`},
	{denied, "GET", "T/keys?list=true", ""},
	{denied, "PUT", "T/keys/NEW", `{"type":"aes256-gcm96"}`},
	{denied, "PUT", "T/keys/NEW", `{"type":"rsa-2048","allow_plaintext_backup":true}`},
	{denied, "PUT", "T/keys/NEW", `{"type":"rsa-2048","managed_key_name":"x"}`},
	{denied, "PUT", "T/keys/KEY/config", `{"exportable":true}`},
	{denied, "PUT", "T/keys/KEY/config", `{"allow_plaintext_backup":true}`},
	{denied, "PUT", "T/keys/KEY/config", `{"min_decryption_version":1}`},
	{denied, "PUT", "T/keys/KEY/config", `{"auto_rotate_period":"1h"}`},
	{denied, "PUT", "T/keys/KEY/rotate", `{}`},
	{denied, "PUT", "T/keys/KEY/trim", `{"min_available_version":1}`},
	{denied, "PUT", "T/keys/NEW/import", `{"ciphertext":"AAAA"}`},
	{denied, "GET", "T/wrapping_key", ""},
	{denied, "GET", "T/export/signing-key/OPEN", ""},
	{denied, "GET", "T/export/signing-key/OPEN/latest", ""},
	{denied, "GET", "T/export/encryption-key/OPEN/1", ""},
	{denied, "GET", "T/export/hmac-key/OPEN/1", ""},
	{denied, "GET", "T/backup/OPEN", ""},
	{denied, "PUT", "T/restore/NEW", `{"backup":"AAAA"}`},
	{denied, "PUT", "T/decrypt/KEY", `{"ciphertext":"vault:v1:AAAA"}`},
	{denied, "PUT", "T/encrypt/KEY", `{"plaintext":"AAAA"}`},
	{denied, "PUT", "T/hmac/KEY", `{"input":"AAAA"}`},
	{denied, "PUT", "T/verify/KEY", `{"input":"AAAA"}`},
	{denied, "PUT", "T/random/8", `{}`},
	{denied, "PUT", "T/config/keys", `{"disable_upsert":true}`},
	{denied, "PUT", "T/cache-config", `{"size":0}`},

	{denied, "DELETE", "K/data/ring/DOC", ""},
	{denied, "PUT", "K/delete/ring/DOC", `{"versions":[1]}`},
	{denied, "PUT", "K/undelete/ring/DOC", `{"versions":[1]}`},
	{denied, "PUT", "K/destroy/ring/DOC", `{"versions":[1]}`},
	{denied, "GET", "K/metadata/ring/DOC", ""},
	{denied, "PUT", "K/metadata/ring/DOC", `{"max_versions":9}`},
	{denied, "GET", "K/metadata/family/DOC", ""},
	{denied, "PUT", "K/metadata/family/DOC", `{"max_versions":9}`},
	{denied, "GET", "K/metadata/ring?list=true", ""},
	{denied, "GET", "K/metadata/family?list=true", ""},
	{denied, "DELETE", "K/data/family/DOC", ""},
	{denied, "DELETE", "K/metadata/ring", ""},
	{denied, "DELETE", "K/metadata/family/DOC/more", ""},
	{denied, "GET", "K/metadata?list=true", ""},
	{denied, "GET", "K/data/one", ""},
	{denied, "GET", "K/data/ring/DOC/more", ""},
	{denied, "GET", "K/config", ""},
	{denied, "PUT", "K/config", `{"cas_required":false}`},

	{denied, "PUT", "OTHERtransit/sign/KEY/sha2-256", `{"input":"AAAA"}`},
	{denied, "GET", "OTHERtransit/keys/KEY", ""},
	{denied, "GET", "OTHERkv/data/ring/DOC", ""},
	{denied, "DELETE", "OTHERkv/metadata/family/DOC", ""},
	{denied, "PUT", "OTHERkv/data/ring/DOC", `{"data":{}}`},
	{denied, "GET", "sys/mounts", ""},
	{denied, "GET", "sys/mounts/MOUNT/tune", ""},
	{denied, "PUT", "sys/mounts/more", `{"type":"kv"}`},
	{denied, "DELETE", "sys/mounts/MOUNT", ""},
	{denied, "GET", "sys/auth", ""},
	{denied, "GET", "sys/policies/acl?list=true", ""},
	{denied, "GET", "sys/policies/acl/playtoken-rotator", ""},
	{denied, "PUT", "sys/policies/acl/playtoken-signer", `{"policy":"path \"*\" { capabilities = [\"sudo\"] }"}`},
	{denied, "PUT", "sys/capabilities", `{"token":"x","paths":["y"]}`},
	{denied, "PUT", "sys/leases/lookup", `{"lease_id":"x"}`},
	{denied, "PUT", "sys/leases/revoke-prefix/auth", `{}`},
	{denied, "GET", "sys/raw/core", ""},
	{denied, "GET", "sys/audit", ""},
	{denied, "PUT", "sys/rotate", `{}`},
	{denied, "PUT", "sys/seal", ""},
	{denied, "PUT", "auth/token/create", `{}`},
	{denied, "PUT", "auth/token/create-orphan", `{}`},
	{denied, "PUT", "auth/token/lookup", `{"token":"x"}`},
	{denied, "GET", "auth/token/accessors?list=true", ""},
	{denied, "PUT", "AUTH/role/playtoken-rotator/secret-id", `{}`},
	{denied, "GET", "AUTH/role/playtoken-rotator/role-id", ""},
	{denied, "GET", "identity/entity/id?list=true", ""},
	{denied, "GET", "cubbyhole/x", ""},
}

// kinds are the kinds of documents in the matrix.
var kinds = []string{
	"ring", "issued", "project", "origin", "index", "apikey", "jwks", "deployment", "use", "families", "family", "more", "gate",
}

func TestPoliciesAllowOnlyWhatRolesNeed(t *testing.T) {
	i := newInstallation(t)
	for _, memory := range []bool{false, true} {
		i.wanted.MemorySigning = memory
		report, _ := i.setup()
		for _, role := range vaultkeys.Roles() {
			m := newMatrix(t, i)
			token := i.token(t, role, report)
			for _, row := range matrix {
				allowed := allows(row.who, role, memory)
				status, message := m.probe(token, row.method, row.path, row.body)
				if forbidden := status == http.StatusForbidden; forbidden == allowed || allowed && status/100 != 2 {
					t.Errorf("%s, memory signing %v: %s %s %s: status %d, want it allowed: %v: %s", role, memory, row.method, row.path, row.body, status, allowed, message)
				}
			}
		}
	}
}

func allows(who string, role vaultkeys.Role, memory bool) bool {
	switch {
	case who == each || role == vaultkeys.Gate:
		return who == each || who == admits
	case who == moves || who == signs:
		return who == signs || role == vaultkeys.Rotator
	}
	return memory && (who == loads || who == exp && role == vaultkeys.Rotator)
}

// token logs in as a role and returns the token.
func (i *installation) token(t *testing.T, role vaultkeys.Role, report vaultkeys.Report) string {
	t.Helper()
	l := root(t, i.server)
	made, err := l.WriteWithContext(t.Context(), "auth/"+i.wanted.AppRole+"/role/"+role.Name()+"/secret-id", nil)
	if err != nil {
		t.Fatal(err)
	}
	login, err := l.WriteWithContext(t.Context(), "auth/"+i.wanted.AppRole+"/login",
		map[string]any{"role_id": report.RoleIDs[role], "secret_id": made.Data["secret_id"]})
	if err != nil {
		t.Fatal(err)
	}
	return login.Auth.ClientToken
}

// prober sends the requests of the matrix.
type prober struct {
	t      *testing.T
	addr   string
	client *http.Client
	names  *strings.Replacer
}

func newMatrix(t *testing.T, i *installation) *prober {
	t.Helper()
	operator, id := root(t, i.server), storetest.ID()
	otherTransit, otherKV := i.server.Mount(t)
	for transit, kv := range map[string]string{i.config.Transit: i.config.KV, otherTransit: otherKV} {
		write(t, operator, transit+"/keys/"+id, map[string]any{"type": "rsa-2048"})
		write(t, operator, transit+"/keys/open_"+id, map[string]any{"type": "rsa-2048", "exportable": true, "allow_plaintext_backup": true})
		for _, kind := range kinds {
			write(t, operator, kv+"/data/"+kind+"/"+id, map[string]any{"options": map[string]any{"cas": 0}, "data": map[string]any{"document": "{}"}})
		}
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &prober{t: t, addr: i.server.Addr, client: &http.Client{Transport: transport}, names: strings.NewReplacer(
		"OTHERtransit/", otherTransit+"/", "OTHERkv/", otherKV+"/", "T/", i.config.Transit+"/", "K/", i.config.KV+"/",
		"MOUNT", i.config.KV, "KEY", id, "OPEN", "open_"+id, "DOC", id, "NEW", "new_"+id, "ABSENT", "absent_"+id, "AUTH/", "auth/"+i.wanted.AppRole+"/")}
}

func (m *prober) probe(token, method, path, body string) (status int, message string) {
	m.t.Helper()
	req, err := http.NewRequestWithContext(m.t.Context(), method, m.addr+"/v1/"+m.names.Replace(path), strings.NewReader(body))
	if err != nil {
		m.t.Fatal(err)
	}
	req.Header.Set("X-Vault-Token", token)
	resp, err := m.client.Do(req)
	if err != nil {
		m.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 400))
	if err != nil {
		m.t.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSpace(string(text))
}
