package vaulttest_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
	"go.uber.org/goleak"

	"playtoken/vaultkeys/vaulttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(vaulttest.Main(m)) }

func TestTransitSignsRS256(t *testing.T) {
	server := vaulttest.Shared(t)
	client := server.Client(t)
	transit, _ := server.Mount(t)
	write(t, client, transit+"/keys/k", map[string]any{"type": "rsa-2048"})

	input := []byte("header.claims")
	answer := write(t, client, transit+"/sign/k/sha2-256", map[string]any{
		"input":                base64.StdEncoding.EncodeToString(input),
		"signature_algorithm":  "pkcs1v15",
		"marshaling_algorithm": "jws",
	})
	text, _ := strings.CutPrefix(answer.Data["signature"].(string), "vault:v1:")
	signature, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(input)
	if err := rsa.VerifyPKCS1v15(publicKey(t, client, transit), crypto.SHA256, digest[:], signature); err != nil {
		t.Errorf("verifying Vault's signature: %v", err)
	}
}

// publicKey is that of version 1 of the transit key k.
func publicKey(t *testing.T, client *api.Client, transit string) *rsa.PublicKey {
	t.Helper()
	versions := read(t, client, transit+"/keys/k").Data["keys"].(map[string]any)
	block, _ := pem.Decode([]byte(versions["1"].(map[string]any)["public_key"].(string)))
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key.(*rsa.PublicKey)
}

func TestKVRefusesAStaleCheckAndSet(t *testing.T) {
	server := vaulttest.Shared(t)
	client := server.Client(t)
	_, kv := server.Mount(t)
	put := func(cas int, value string) error {
		_, err := client.Logical().WriteWithContext(t.Context(), kv+"/data/d",
			map[string]any{"data": map[string]any{"v": value}, "options": map[string]any{"cas": cas}})
		return err
	}
	for _, step := range []struct {
		cas    int
		value  string
		status int // 0: accepted
	}{{0, "first", 0}, {0, "again", 400}, {1, "second", 0}, {1, "late", 400}} {
		if got := status(put(step.cas, step.value)); got != step.status {
			t.Errorf("cas=%d %q: status %d, want %d", step.cas, step.value, got, step.status)
		}
	}
	if got := document(t, client, kv); got != "second" {
		t.Errorf("the document holds %q after refused writes, want %q", got, "second")
	}
}

func TestMountsAreNotShared(t *testing.T) {
	server := vaulttest.Shared(t)
	transit1, kv1 := server.Mount(t)
	transit2, kv2 := server.Mount(t)
	if transit1 == transit2 || kv1 == kv2 {
		t.Errorf("two calls gave %s, %s and %s, %s", transit1, kv1, transit2, kv2)
	}
}

func TestATokenMayDoWhatItsPolicySaysAndNoMore(t *testing.T) {
	server := vaulttest.Shared(t)
	root := server.Client(t)
	_, kv := server.Mount(t)
	putDocument(t, root, kv, "x")

	client := server.Client(t)
	client.SetToken(server.Token(t, `path "`+kv+`/data/d" { capabilities = ["read"] }`))
	if got := document(t, client, kv); got != "x" {
		t.Errorf("read %q, want x", got)
	}
	_, err := client.Logical().WriteWithContext(t.Context(), kv+"/data/d", map[string]any{"data": map[string]any{}})
	if got := status(err); got != http.StatusForbidden {
		t.Errorf("a write without the capability: status %d (%v), want 403", got, err)
	}
	answer := write(t, client, "sys/capabilities-self", map[string]any{"paths": []string{kv + "/data/d"}})
	if got, _ := json.Marshal(answer.Data["capabilities"]); string(got) != `["read"]` {
		t.Errorf("capabilities-self says %s, want read", got)
	}
}

func TestAppRoleLogsIn(t *testing.T) {
	client := vaulttest.Shared(t).Client(t)
	path := "approle-" + rand.Text()
	if err := client.Sys().EnableAuthWithOptions(path, &api.MountInput{Type: "approle"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Sys().DisableAuth(path) })
	role := "auth/" + path + "/role/r"
	write(t, client, role, map[string]any{"token_policies": "default"})
	id := read(t, client, role+"/role-id").Data["role_id"]
	secret := write(t, client, role+"/secret-id", nil).Data["secret_id"]
	login := write(t, client, "auth/"+path+"/login", map[string]any{"role_id": id, "secret_id": secret})
	if login.Auth == nil || login.Auth.ClientToken == "" {
		t.Errorf("login gave no token: %+v", login)
	}
}

func TestASealedVaultAnswers503UntilUnsealed(t *testing.T) {
	server := vaulttest.Start(t)
	client := server.Client(t)
	_, kv := server.Mount(t)
	putDocument(t, client, kv, "kept")

	server.Seal()
	_, err := client.Logical().ReadWithContext(t.Context(), kv+"/data/d")
	if got := status(err); got != http.StatusServiceUnavailable {
		t.Errorf("sealed: status %d (%v), want 503", got, err)
	}
	server.Unseal()
	if got := document(t, client, kv); got != "kept" {
		t.Errorf("unsealed: read %q, want kept", got)
	}
}

func TestRestartKeepsDataAndAddress(t *testing.T) {
	server := vaulttest.Start(t)
	client := server.Client(t)
	transit, kv := server.Mount(t)
	putDocument(t, client, kv, "kept")
	write(t, client, transit+"/keys/k", map[string]any{"type": "rsa-2048"})
	before := publicKey(t, client, transit)

	server.Kill()
	if _, err := client.Sys().HealthWithContext(t.Context()); err == nil {
		t.Error("a killed Vault answers")
	}
	server.Restart()
	if got := document(t, client, kv); got != "kept" {
		t.Errorf("read %q, want kept", got)
	}
	if !publicKey(t, client, transit).Equal(before) {
		t.Error("the transit key is another one")
	}
	server.Restart() // this time of a running Vault
	if got := document(t, client, kv); got != "kept" {
		t.Errorf("after the second restart: read %q, want kept", got)
	}
}

func TestAPausedVaultAnswersOnlyOnceResumed(t *testing.T) {
	server := vaulttest.Start(t)
	client := server.Client(t)
	for range 3 {
		server.Pause()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err := client.Sys().HealthWithContext(ctx)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("paused: got %v, want no answer", err)
		}
		server.Resume()
		if _, err := client.Sys().HealthWithContext(t.Context()); err != nil {
			t.Errorf("resumed: %v", err)
		}
	}
	server.Pause() // the end of the test must not wait for it
}

func TestAnswersCarryVaultsClock(t *testing.T) {
	server := vaulttest.Shared(t)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get(server.Addr + "/v1/sys/health")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := http.ParseTime(answer.Header.Get("Date")); err != nil {
		t.Errorf("Date: %v", err)
	}
}
