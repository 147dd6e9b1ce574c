package vaultkeys_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"playtoken/keyrotation"
	"playtoken/keyrotation/storetest"
	"playtoken/secret"
	"playtoken/vaultkeys"
)

// sentPaths is every path that a store may ask for, given any names at all.
var sentPaths = regexp.MustCompile(`^/v1/(kv-a/data/[a-z]+/[a-z0-9_]{7,40}` +
	`|transit-a/keys/[a-z0-9_]{7,40}(/config)?|transit-a/sign/[a-z0-9_]{7,40}/sha2-256)$`)

// useName uses the name in every way there is and returns what was sent.
func useName(t *testing.T, name string) (sent []string) {
	s := openFake(t, func(r *http.Request) (*http.Response, error) {
		sent = append(sent, r.Method+" "+r.URL.RequestURI())
		if !sentPaths.MatchString(r.URL.RequestURI()) || !strings.Contains(r.URL.Path, name) {
			t.Errorf("%q led to %s %s", name, r.Method, r.URL)
		}
		return nil, errors.New("recorded")
	})
	defer s.Close()
	ctx := t.Context()
	var errs [7]error
	_, errs[0] = s.Read(ctx, name)
	_, errs[1] = s.Write(ctx, name, nil, 0)
	_, errs[2] = s.Create(ctx, name, keyrotation.KeySpec{Bits: 2048})
	_, errs[3] = s.Describe(ctx, name)
	_, errs[4] = s.SignSHA256(ctx, name, digest(1))
	errs[5] = s.Destroy(ctx, name)
	_, errs[6] = s.Write(ctx, name, nil, 1)
	for i, err := range errs {
		if err == nil {
			t.Errorf("use %d of %q: no error", i, name)
		}
	}
	return sent
}

func TestBadNamesAreRefusedBeforeAnythingIsSent(t *testing.T) {
	bad := append(storetest.BadKeyNames(), storetest.BadDocumentNames()...)
	for _, name := range bad {
		if name == "default" { // a key's name
			continue
		}
		if sent := useName(t, name); len(sent) != 0 {
			t.Errorf("%.60q: sent %q", name, sent)
		}
	}
	if sent := useName(t, "ring/default"); len(sent) != 3 {
		t.Errorf("a document's name: sent %q", sent)
	}
	if sent := useName(t, "key_one"); len(sent) != 4 {
		t.Errorf("a key's name: sent %q", sent)
	}
}

func FuzzNamesStayInTheirMounts(f *testing.F) {
	for _, name := range []string{"ring/default", "key_one", "../sys/seal", "a/../../../sys/seal", "a%2fb", "abcdefg/config", "x?y=z#w"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) { useName(t, name) })
}

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
	t.Setenv("VAULT_CLIENT_TIMEOUT", "nonsense")
	if _, err := vaultkeys.Open(t.Context(), vaultkeys.Config{Transit: "a", KV: "b"}); err == nil {
		t.Error("an unreadable VAULT_CLIENT_TIMEOUT was accepted")
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
		t.Errorf("%q, %v", doc.Data, err)
	}
}
