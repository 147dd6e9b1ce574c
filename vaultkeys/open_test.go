package vaultkeys_test

import (
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"playtoken/secret"
	"playtoken/store"
	"playtoken/vaultkeys"
)

func TestOpenReportsEveryMistake(t *testing.T) {
	for _, c := range []struct {
		config vaultkeys.Config
		want   []string
	}{
		{vaultkeys.Config{}, []string{"VAULT_ADDR", "VAULT_TOKEN", "mount"}},
		{vaultkeys.Config{Address: "vault.test:8200"}, []string{"address", "VAULT_TOKEN"}},
		{vaultkeys.Config{Address: "http://a b"}, []string{"address"}},
		{vaultkeys.Config{Address: "ftp://vault.test"}, []string{"address"}},
		{vaultkeys.Config{Address: "https://"}, []string{"address"}},
		{vaultkeys.Config{Address: "https://vault.test/?x=y"}, []string{"address"}},
		{vaultkeys.Config{Address: "https://u:canary@vault.test:x"}, []string{"address"}},
		{vaultkeys.Config{Transit: "same", KV: "same"}, []string{"each"}},
		{vaultkeys.Config{Transit: "a/../sys", KV: "../sys"}, []string{`"a/../sys"`, `"../sys"`}},
		{vaultkeys.Config{Transit: "/a", KV: "b/"}, []string{`"/a"`, `"b/"`}},
	} {
		_, err := vaultkeys.Open(t.Context(), c.config)
		if err == nil {
			t.Errorf("%+v: accepted", c.config)
			continue
		}
		for _, part := range c.want {
			if !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "canary") {
				t.Errorf("%+v: %v; want %q in it", c.config, err, part)
			}
		}
	}
}

func TestOpenObeysTheEnvironment(t *testing.T) {
	t.Setenv("VAULT_ADDR", "https://vault.test:8200/behind/")
	t.Setenv("VAULT_TOKEN", token+"\n")
	t.Setenv("VAULT_NAMESPACE", "team-a")
	t.Setenv("VAULT_WRAP_TTL", "60s")
	t.Setenv("VAULT_MAX_RETRIES", "9")
	var sent []*http.Request
	s := open(t, vaultkeys.Config{Transit: "deep/er/transit", KV: "kv", Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		sent = append(sent, r)
		return answer(r, 500, ""), nil
	})})
	s.Describe(t.Context(), "key_one")
	s.Now(t.Context())
	if len(sent) != 2 {
		t.Fatalf("%d requests for 2 calls", len(sent))
	}
	r := sent[0]
	if r.URL.String() != "https://vault.test:8200/behind/v1/deep/er/transit/keys/key_one" {
		t.Errorf("sent to %s", r.URL)
	}
	for name, want := range map[string]string{"Token": token, "Namespace": "team-a", "Wrap-TTL": "", "Request": "true"} {
		if got := r.Header.Get("X-Vault-" + name); got != want {
			t.Errorf("X-Vault-%s: %q, want %q", name, got, want)
		}
	}
	if ns := sent[1].Header.Get("X-Vault-Namespace"); ns != "" {
		t.Errorf("the cluster's clock was asked for in namespace %q", ns)
	}
}

func TestOpenRefusesAnEnvironmentItCannotRead(t *testing.T) {
	good := vaultkeys.Config{Address: "https://vault.test", Token: secret.New(token), Transit: "a", KV: "b"}
	open(t, good)
	for name, value := range map[string]string{
		"VAULT_CLIENT_TIMEOUT": "nonsense", "VAULT_SKIP_VERIFY": "perhaps", "VAULT_CACERT": "/no/such/file",
		"VAULT_PROXY_ADDR": "http://u:canary@pro xy:1", "VAULT_HEADERS": "{", "VAULT_TOKEN": "a\x01b",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, value)
			config := good
			if name == "VAULT_TOKEN" {
				config.Token = secret.Value{}
			}
			_, err := vaultkeys.Open(t.Context(), config)
			if err == nil || strings.Contains(err.Error(), "canary") {
				t.Errorf("Open with %s=%q = %v, want an error that does not quote it", name, value, err)
			}
		})
	}
}

func TestOpenTakesASocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vault.sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"data":{"data":{"document":"through a socket"},"metadata":{"version":1}}}`)
	}))
	server.Listener = listener
	server.Start()
	defer server.Close()
	s := open(t, vaultkeys.Config{Address: "unix://" + path, Token: secret.New(token), Transit: "a", KV: "b"})
	if doc, err := s.Read(t.Context(), "ring/default"); err != nil || string(doc.Data) != "through a socket" {
		t.Errorf("Read through a socket = %q, %v, want the document", doc.Data, err)
	}
}

func TestOpenTrustsTheEnvironmentsAuthority(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Proto != "HTTP/2.0" {
			t.Errorf("got protocol %s, want HTTP/2.0", r.Proto)
		}
		io.WriteString(w, `{"data":{"version":1}}`)
	}))
	server.EnableHTTP2 = true
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0) // about the failed handshake
	server.StartTLS()
	defer server.Close()
	config := vaultkeys.Config{Address: server.URL, Token: secret.New(token), Transit: "a", KV: "b"}
	untrusting := open(t, config)
	if _, err := untrusting.Write(t.Context(), "ring/default", nil, 0); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Write without VAULT_CACERT = %v, want unavailable", err)
	}
	path := filepath.Join(t.TempDir(), "ca.pem")
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(path, authority, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("VAULT_CACERT", path)
	if _, err := open(t, config).Write(t.Context(), "ring/default", nil, 0); err != nil {
		t.Errorf("Write with VAULT_CACERT = %v, want success", err)
	}
}
