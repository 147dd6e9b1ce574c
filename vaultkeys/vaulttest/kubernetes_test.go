package vaulttest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/hashicorp/vault/api"

	"playtoken/vaultkeys/vaulttest"
)

func TestKubernetesLogsInWhomTheClusterVouchesFor(t *testing.T) {
	server := vaulttest.Shared(t)
	client := server.Client(t)
	path := "kubernetes-" + rand.Text()
	if err := client.Sys().EnableAuthWithOptions(path, &api.MountInput{Type: "kubernetes"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Sys().DisableAuth(path) })
	write(t, client, "auth/"+path+"/config", map[string]any{
		"kubernetes_host":      cluster(t),
		"token_reviewer_jwt":   serviceAccountToken(t),
		"disable_local_ca_jwt": true,
	})
	for account, want := range map[string]int{"playtoken": 0, "stranger": http.StatusForbidden} {
		write(t, client, "auth/"+path+"/role/"+account, map[string]any{
			"bound_service_account_names":      account,
			"bound_service_account_namespaces": "video",
		})
		_, err := client.Logical().WriteWithContext(t.Context(), "auth/"+path+"/login",
			map[string]any{"role": account, "jwt": serviceAccountToken(t)})
		if got := status(err); got != want {
			t.Errorf("playtoken's token for the role of %s: status %d (%v), want %d", account, got, err, want)
		}
	}
}

// cluster is the one answer of a Kubernetes API server that Vault asks for: this
// token belongs to the service account video/playtoken.
func cluster(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","status":{"authenticated":true,
			"user":{"username":"system:serviceaccount:video:playtoken","uid":"u1",
			"groups":["system:serviceaccounts","system:serviceaccounts:video"]}}}`)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func serviceAccountToken(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader) // the cluster's to know, not Vault's
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
		"iss":                                    "kubernetes/serviceaccount",
		"sub":                                    "system:serviceaccount:video:playtoken",
		"kubernetes.io/serviceaccount/namespace": "video",
		"kubernetes.io/serviceaccount/service-account.name": "playtoken",
		"kubernetes.io/serviceaccount/service-account.uid":  "u1",
	}).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
