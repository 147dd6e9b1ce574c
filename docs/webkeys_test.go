package docs_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"slices"
	"testing"
)

// keyPair returns a private key and its public half as a JSON string.
func keyPair(t *testing.T) (*rsa.PrivateKey, string) {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
	if err != nil {
		t.Fatal(err)
	}
	return private, string(text)
}

// keyID is what the gate calls the key that it took.
func keyID(t *testing.T, resp *http.Response) string {
	t.Helper()
	var response struct{ Result struct{ ID string } }
	if err := json.NewDecoder(resp.Body).Decode(&response); err != nil || response.Result.ID == "" {
		t.Fatalf("register = status %d, id %q, %v, want an id", resp.StatusCode, response.Result.ID, err)
	}
	return response.Result.ID
}

// blockOf returns the only block of a page in a language.
func blockOf(t *testing.T, path, language string) string {
	t.Helper()
	all := allPages(t)
	i := slices.IndexFunc(all, func(p page) bool { return p.path == path })
	if i < 0 || all[i].blocks[language] == "" {
		t.Fatalf("got no block marked %s on %s, want one", language, path)
	}
	return all[i].blocks[language]
}
