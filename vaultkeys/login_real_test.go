package vaultkeys_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"

	"playtoken/secret"
	"playtoken/store"
	"playtoken/store/storetest"
	"playtoken/vaultkeys"
	"playtoken/vaultkeys/vaulttest"
)

// enable mounts a login method for this test alone.
func enable(t *testing.T, server *vaulttest.Server, kind string) (path string) {
	t.Helper()
	path = kind + "/" + storetest.ID()
	sys := server.Client(t).Sys()
	if err := sys.EnableAuthWithOptionsWithContext(t.Context(), path, &api.MountInput{Type: kind}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sys.DisableAuth(path) })
	return path
}

// policy makes one that allows all that a store does.
func policy(t *testing.T, server *vaulttest.Server, config vaultkeys.Config) (name string) {
	t.Helper()
	name = "test-" + storetest.ID()
	text := fmt.Sprintf(`path "%s/*" { capabilities = ["create", "read", "update", "delete"] }
		path "%s/*" { capabilities = ["create", "read", "update"] }`, config.Transit, config.KV)
	if err := server.Client(t).Sys().PutPolicyWithContext(t.Context(), name, text); err != nil {
		t.Fatal(err)
	}
	return name
}

// appRole makes a role and returns how to log in with it.
func appRole(t *testing.T, server *vaulttest.Server, settings map[string]any) vaultkeys.Login {
	t.Helper()
	l, path := root(t, server), enable(t, server, "approle")
	role := "auth/" + path + "/role/r"
	write(t, l, role, settings)
	get := func(answer *api.Secret, err error, name string) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return answer.Data[name].(string)
	}
	id, err := l.ReadWithContext(t.Context(), role+"/role-id")
	made, err2 := l.WriteWithContext(t.Context(), role+"/secret-id", nil)
	return vaultkeys.Login{
		Method: "approle", Path: path,
		RoleID: get(id, err, "role_id"), SecretID: secret.New(get(made, err2, "secret_id")),
	}
}

func TestShortLivedAppRoleTokensAreNeverNoticed(t *testing.T) {
	if testing.Short() {
		t.Skip("lasts as long as three of its tokens, half a minute")
	}
	server := vaulttest.Shared(t)
	for what, settings := range map[string]map[string]any{
		"renewed": {"token_ttl": "3s", "token_max_ttl": "8s"},
		"batch":   {"token_ttl": "2s", "token_max_ttl": "8s", "token_type": "batch"}, // cannot be renewed
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			config := on(t, server)
			settings["token_policies"] = policy(t, server, config)
			config.Login = appRole(t, server, settings)
			s, key := open(t, config), storetest.ID()
			if _, err := s.Create(t.Context(), key, store.KeySpec{Kind: store.RSA2048}); err != nil {
				t.Fatal(err)
			}
			r := startTraffic(t, s, key)
			logins := watchLogins(s, 24*time.Second)
			r.stop()
			r.wg.Wait()
			if r.bad.Load() != 0 || r.good.Load() < 1000 || logins < 3 {
				t.Errorf("%d requests failed, %d did not; %d logins", r.bad.Load(), r.good.Load(), logins)
			}
			t.Logf("%d requests, %d logins", r.good.Load(), logins)
		})
	}
}

// watchLogins counts logins for a while.
func watchLogins(s *vaultkeys.Store, while time.Duration) (logins int) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	last := time.Time{}
	for began := time.Now(); time.Since(began) < while; <-tick.C {
		if at := s.Login().At; !at.Equal(last) {
			logins, last = logins+1, at
		}
	}
	return logins
}

func TestRevokedTokensAreReplacedAtOnce(t *testing.T) {
	server := vaulttest.Shared(t)
	config := on(t, server)
	config.Login = appRole(t, server, map[string]any{"token_policies": policy(t, server, config), "token_ttl": "1h"})
	s, operator := open(t, config), root(t, server)
	for range 5 {
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if _, err := s.Write(t.Context(), "test/"+storetest.ID(), []byte("{}"), 0); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		write(t, operator, "sys/leases/revoke-prefix/auth/"+config.Login.Path+"/login", nil)
	}
}

func TestKubernetesLogsInAgainWithTheNewestToken(t *testing.T) {
	server := vaulttest.Shared(t)
	config := on(t, server)
	l, path := root(t, server), enable(t, server, "kubernetes")
	review := &tokenReview{known: map[string]bool{}}
	write(t, l, "auth/"+path+"/config", map[string]any{
		"kubernetes_host": review.start(t), "token_reviewer_jwt": accountToken(t), "disable_local_ca_jwt": true,
	})
	write(t, l, "auth/"+path+"/role/r", map[string]any{
		"bound_service_account_names": "playtoken", "bound_service_account_namespaces": "video",
		"token_policies": policy(t, server, config), "token_ttl": "1h",
	})
	file := filepath.Join(t.TempDir(), "token")
	config.Login = vaultkeys.Login{Method: "kubernetes", Path: path, Role: "r", JWTFile: file}
	rotate := func() { // the token before has expired then
		jwt := accountToken(t)
		review.knowOnly(jwt)
		writeFile(t, file, jwt+"\n")
	}
	rotate()
	s := open(t, config)
	for range 3 {
		if _, err := s.Write(t.Context(), "test/"+storetest.ID(), []byte("{}"), 0); err != nil {
			t.Error(err)
		}
		rotate()
		write(t, l, "sys/leases/revoke-prefix/auth/"+path+"/login", nil)
	}
}

// tokenReview stands for the one thing that Vault asks of a cluster: whose
// token this is. All that it knows are of video/playtoken.
type tokenReview struct {
	mu    sync.Mutex
	known map[string]bool
}

func (k *tokenReview) knowOnly(jwt string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.known = map[string]bool{jwt: true}
}

func (k *tokenReview) start(t *testing.T) (url string) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var asked struct{ Spec struct{ Token string } }
		err := json.NewDecoder(r.Body).Decode(&asked)
		k.mu.Lock()
		defer k.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","status":{"authenticated":%v,
			"user":{"username":"system:serviceaccount:video:playtoken","uid":"u1",
			"groups":["system:serviceaccounts","system:serviceaccounts:video"]}}}`, err == nil && k.known[asked.Spec.Token])
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// accountToken is a token as a cluster makes them. Only the cluster can tell
// whether it is genuine.
func accountToken(t *testing.T) string {
	t.Helper()
	claims, err := json.Marshal(map[string]string{
		"iss": "kubernetes/serviceaccount", "sub": "system:serviceaccount:video:playtoken", "jti": rand.Text(),
		"kubernetes.io/serviceaccount/namespace":            "video",
		"kubernetes.io/serviceaccount/service-account.name": "playtoken",
		"kubernetes.io/serviceaccount/service-account.uid":  "u1",
	})
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"ES256","typ":"JWT"}`)) + "." + base64.RawURLEncoding.EncodeToString(claims) + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 64))
}

func TestTheEnvironmentsClientCertificateIsShown(t *testing.T) {
	shown := make(chan []*x509.Certificate, 10)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown <- r.TLS.PeerCertificates
		io.WriteString(w, `{"data":{"version":1}}`)
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0) // of the client without a certificate
	server.StartTLS()
	defer server.Close()
	dir := t.TempDir()
	inPEM := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		writeFile(t, path, string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})))
		return path
	}
	t.Setenv("VAULT_CACERT", inPEM("ca.pem", "CERTIFICATE", server.Certificate().Raw))
	config := vaultkeys.Config{Address: server.URL, Token: secret.New(token), Transit: "a", KV: "b"}
	if _, err := open(t, config).Write(t.Context(), "ring/default", nil, 0); !unavailable(err) {
		t.Errorf("without VAULT_CLIENT_CERT: %v", err)
	}
	certificate, key := newCertificate(t)
	t.Setenv("VAULT_CLIENT_CERT", inPEM("cert.pem", "CERTIFICATE", certificate))
	t.Setenv("VAULT_CLIENT_KEY", inPEM("key.pem", "PRIVATE KEY", key))
	if _, err := open(t, config).Write(t.Context(), "ring/default", nil, 0); err != nil {
		t.Fatalf("with VAULT_CLIENT_CERT: %v", err)
	}
	if got := <-shown; len(got) != 1 || string(got[0].Raw) != string(certificate) {
		t.Errorf("another certificate was shown")
	}
}

func newCertificate(t *testing.T) (certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "playtoken"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	certificate, err = x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	if key, err = x509.MarshalPKCS8PrivateKey(private); err != nil {
		t.Fatal(err)
	}
	return certificate, key
}
