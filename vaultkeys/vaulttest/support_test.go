package vaulttest_test

import (
	"errors"
	"testing"

	"github.com/hashicorp/vault/api"
)

func write(t *testing.T, client *api.Client, path string, data map[string]any) *api.Secret {
	t.Helper()
	secret, err := client.Logical().WriteWithContext(t.Context(), path, data)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func read(t *testing.T, client *api.Client, path string) *api.Secret {
	t.Helper()
	secret, err := client.Logical().ReadWithContext(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if secret == nil {
		t.Fatalf("nothing at %s", path)
	}
	return secret
}

func putDocument(t *testing.T, client *api.Client, kv, value string) {
	t.Helper()
	write(t, client, kv+"/data/d", map[string]any{"data": map[string]any{"v": value}})
}

func document(t *testing.T, client *api.Client, kv string) string {
	t.Helper()
	return read(t, client, kv+"/data/d").Data["data"].(map[string]any)["v"].(string)
}

// status is the HTTP status of Vault's refusal; 0 for success, -1 where there
// was no answer.
func status(err error) int {
	var answer *api.ResponseError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &answer):
		return answer.StatusCode
	}
	return -1
}
