package vaultkeys_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"playtoken/store/storetest"
	"playtoken/vaultkeys"
)

// Who may do what. T and K stand for the mounts, KEY for a key and DOC for a
// document that are there, NEW for a name that is not; OTHER begins the mounts
// of somebody else, and AUTH the login method.
const (
	signs  = "signs"  // signer and rotator
	moves  = "moves"  // rotator
	loads  = "loads"  // both, with memory signing
	exp    = "exp"    // rotator, with memory signing
	nobody = "nobody" // least of all us
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
	{signs, "PUT", "auth/token/renew-self", `{}`},
	{signs, "GET", "auth/token/lookup-self", ""},

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

	{nobody, "PUT", "T/sign/KEY", `{"input":"AAAA"}`},
	{nobody, "PUT", "T/sign/KEY/sha2-512", `{"input":"AAAA"}`},
	{nobody, "GET", "T/keys?list=true", ""},
	{nobody, "PUT", "T/keys/NEW", `{"type":"aes256-gcm96"}`},
	{nobody, "PUT", "T/keys/NEW", `{"type":"rsa-2048","allow_plaintext_backup":true}`},
	{nobody, "PUT", "T/keys/NEW", `{"type":"rsa-2048","managed_key_name":"x"}`},
	{nobody, "PUT", "T/keys/KEY/config", `{"exportable":true}`},
	{nobody, "PUT", "T/keys/KEY/config", `{"allow_plaintext_backup":true}`},
	{nobody, "PUT", "T/keys/KEY/config", `{"min_decryption_version":1}`},
	{nobody, "PUT", "T/keys/KEY/config", `{"auto_rotate_period":"1h"}`},
	{nobody, "PUT", "T/keys/KEY/rotate", `{}`},
	{nobody, "PUT", "T/keys/KEY/trim", `{"min_available_version":1}`},
	{nobody, "PUT", "T/keys/NEW/import", `{"ciphertext":"AAAA"}`},
	{nobody, "GET", "T/wrapping_key", ""},
	{nobody, "GET", "T/export/signing-key/OPEN", ""},
	{nobody, "GET", "T/export/signing-key/OPEN/latest", ""},
	{nobody, "GET", "T/export/encryption-key/OPEN/1", ""},
	{nobody, "GET", "T/export/hmac-key/OPEN/1", ""},
	{nobody, "GET", "T/backup/OPEN", ""},
	{nobody, "PUT", "T/restore/NEW", `{"backup":"AAAA"}`},
	{nobody, "PUT", "T/decrypt/KEY", `{"ciphertext":"vault:v1:AAAA"}`},
	{nobody, "PUT", "T/encrypt/KEY", `{"plaintext":"AAAA"}`},
	{nobody, "PUT", "T/hmac/KEY", `{"input":"AAAA"}`},
	{nobody, "PUT", "T/verify/KEY", `{"input":"AAAA"}`},
	{nobody, "PUT", "T/random/8", `{}`},
	{nobody, "PUT", "T/config/keys", `{"disable_upsert":true}`},
	{nobody, "PUT", "T/cache-config", `{"size":0}`},

	{nobody, "DELETE", "K/data/ring/DOC", ""},
	{nobody, "PUT", "K/delete/ring/DOC", `{"versions":[1]}`},
	{nobody, "PUT", "K/undelete/ring/DOC", `{"versions":[1]}`},
	{nobody, "PUT", "K/destroy/ring/DOC", `{"versions":[1]}`},
	{nobody, "GET", "K/metadata/ring/DOC", ""},
	{nobody, "PUT", "K/metadata/ring/DOC", `{"max_versions":9}`},
	{nobody, "GET", "K/metadata/family/DOC", ""},
	{nobody, "PUT", "K/metadata/family/DOC", `{"max_versions":9}`},
	{nobody, "GET", "K/metadata/ring?list=true", ""},
	{nobody, "GET", "K/metadata/family?list=true", ""},
	{nobody, "DELETE", "K/data/family/DOC", ""},
	{nobody, "DELETE", "K/metadata/ring", ""},
	{nobody, "DELETE", "K/metadata/family/DOC/more", ""},
	{nobody, "GET", "K/metadata?list=true", ""},
	{nobody, "GET", "K/data/one", ""},
	{nobody, "GET", "K/data/ring/DOC/more", ""},
	{nobody, "GET", "K/config", ""},
	{nobody, "PUT", "K/config", `{"cas_required":false}`},

	{nobody, "PUT", "OTHERtransit/sign/KEY/sha2-256", `{"input":"AAAA"}`},
	{nobody, "GET", "OTHERtransit/keys/KEY", ""},
	{nobody, "GET", "OTHERkv/data/ring/DOC", ""},
	{nobody, "DELETE", "OTHERkv/metadata/family/DOC", ""},
	{nobody, "PUT", "OTHERkv/data/ring/DOC", `{"data":{}}`},
	{nobody, "GET", "sys/mounts", ""},
	{nobody, "GET", "sys/mounts/MOUNT/tune", ""},
	{nobody, "PUT", "sys/mounts/more", `{"type":"kv"}`},
	{nobody, "DELETE", "sys/mounts/MOUNT", ""},
	{nobody, "GET", "sys/auth", ""},
	{nobody, "GET", "sys/policies/acl?list=true", ""},
	{nobody, "GET", "sys/policies/acl/playtoken-rotator", ""},
	{nobody, "PUT", "sys/policies/acl/playtoken-signer", `{"policy":"path \"*\" { capabilities = [\"sudo\"] }"}`},
	{nobody, "PUT", "sys/capabilities", `{"token":"x","paths":["y"]}`},
	{nobody, "PUT", "sys/leases/lookup", `{"lease_id":"x"}`},
	{nobody, "PUT", "sys/leases/revoke-prefix/auth", `{}`},
	{nobody, "GET", "sys/raw/core", ""},
	{nobody, "GET", "sys/audit", ""},
	{nobody, "PUT", "sys/rotate", `{}`},
	{nobody, "PUT", "sys/seal", ""},
	{nobody, "PUT", "auth/token/create", `{}`},
	{nobody, "PUT", "auth/token/create-orphan", `{}`},
	{nobody, "PUT", "auth/token/lookup", `{"token":"x"}`},
	{nobody, "GET", "auth/token/accessors?list=true", ""},
	{nobody, "PUT", "AUTH/role/playtoken-rotator/secret-id", `{}`},
	{nobody, "GET", "AUTH/role/playtoken-rotator/role-id", ""},
	{nobody, "GET", "identity/entity/id?list=true", ""},
	{nobody, "GET", "cubbyhole/x", ""},
}

// kinds of documents that the matrix asks for.
var kinds = []string{
	"ring", "issued", "project", "origin", "index", "apikey", "jwks", "deployment", "use", "families", "family", "more",
}

func TestPoliciesAllowWhatIsNeededAndNothingElse(t *testing.T) {
	i := newInstallation(t)
	for _, memory := range []bool{false, true} {
		i.wanted.MemorySigning = memory
		report, _ := i.setup()
		for _, role := range vaultkeys.Roles() {
			m := newMatrix(t, i)
			token := i.token(t, role, report)
			for _, row := range matrix {
				allowed := row.who == signs || row.who == moves && role == vaultkeys.Rotator ||
					memory && (row.who == loads || row.who == exp && role == vaultkeys.Rotator)
				status, said := m.ask(token, row.method, row.path, row.body)
				if forbidden := status == http.StatusForbidden; forbidden == allowed || allowed && status/100 != 2 {
					t.Errorf("%s, memory signing %v: %s %s %s: status %d, want it allowed: %v: %s", role, memory, row.method, row.path, row.body, status, allowed, said)
				}
			}
		}
	}
}

// token is one that a login yields.
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

// asker fills in the names of the matrix, and asks.
type asker struct {
	t      *testing.T
	addr   string
	client *http.Client
	names  *strings.Replacer
}

func newMatrix(t *testing.T, i *installation) *asker {
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
	return &asker{t: t, addr: i.server.Addr, client: &http.Client{Transport: transport}, names: strings.NewReplacer(
		"OTHERtransit/", otherTransit+"/", "OTHERkv/", otherKV+"/", "T/", i.config.Transit+"/", "K/", i.config.KV+"/",
		"MOUNT", i.config.KV, "KEY", id, "OPEN", "open_"+id, "DOC", id, "NEW", "new_"+id, "ABSENT", "absent_"+id, "AUTH/", "auth/"+i.wanted.AppRole+"/")}
}

func (m *asker) ask(token, method, path, body string) (status int, said string) {
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
