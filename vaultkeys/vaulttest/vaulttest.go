// Package vaulttest gives tests a real HashiCorp Vault.
//
// There is no imitation of Vault here on purpose: its habits (check-and-set,
// sealing, policies, what a lost answer leaves behind) are what the tests are
// about. Start gives a test a Vault of its own to seal, kill or freeze; Shared
// gives it fresh mounts on one that the package's other tests use too.
//
// The Vault is, in this order:
//   - the one at PLAYTOKEN_TEST_VAULT_ADDR, with PLAYTOKEN_TEST_VAULT_TOKEN;
//   - the program vault or bao at the absolute path PLAYTOKEN_TEST_VAULT;
//   - vault or bao from PATH;
//   - Vault's own core, compiled once per machine from the module in server/, or at
//     the version PLAYTOKEN_TEST_VAULT_VERSION of those in server/versions, which
//     goes before vault and bao from PATH.
//
// With PLAYTOKEN_TEST_VAULT=skip, and where no Vault can be had, the test is skipped
// and says why; with PLAYTOKEN_TEST_VAULT=require it fails instead.
package vaulttest

import (
	"crypto/rand"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/hashicorp/vault/api"
)

// Server is one initialised, unsealed Vault, as one test sees it.
type Server struct {
	Addr      string // for example http://127.0.0.1:8200
	RootToken string

	t        testing.TB
	instance *instance // nil unless it belongs to t alone
	foreign  bool      // this package did not start it
}

// Start gives t a Vault that no other test uses; it ends with t, or with the
// test process, however that ends. On a Vault from PLAYTOKEN_TEST_VAULT_ADDR a
// test which seals, kills or pauses is skipped.
func Start(t testing.TB) *Server {
	t.Helper()
	if s := external(t); s != nil {
		return s
	}
	return startWith(t, TLS{})
}

// StartTLS is Start with TLS, for clients with a certificate. It skips t where the
// environment names a Vault.
func StartTLS(t testing.TB, files TLS) *Server {
	t.Helper()
	if external(t) != nil {
		t.Skip("starts a Vault of its own")
	}
	return startWith(t, files)
}

func startWith(t testing.TB, files TLS) *Server {
	t.Helper()
	i, err := start(files)
	demand(t, err)
	t.Cleanup(i.stop)
	return &Server{Addr: i.url(), RootToken: i.rootToken, t: t, instance: i}
}

// external is the Vault that the environment names, or nil.
func external(t testing.TB) *Server {
	t.Helper()
	addr, token := os.Getenv("PLAYTOKEN_TEST_VAULT_ADDR"), os.Getenv("PLAYTOKEN_TEST_VAULT_TOKEN")
	if addr == "" || os.Getenv("PLAYTOKEN_TEST_VAULT") == "skip" {
		return nil
	}
	if token == "" {
		t.Fatal("PLAYTOKEN_TEST_VAULT_ADDR is set but PLAYTOKEN_TEST_VAULT_TOKEN is not")
	}
	return &Server{Addr: strings.TrimSuffix(addr, "/"), RootToken: token, t: t, foreign: true}
}

// demand ends the test unless err is nil: skipped where there can be no Vault,
// failed where there should have been one.
func demand(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, ErrUnavailable) && !required() {
		t.Skipf("NOT TESTED against a real Vault: %v", err)
	}
	if err != nil {
		t.Fatalf("starting Vault: %v", err)
	}
}

// Client returns a client with the root token, which does not retry and whose
// idle connections close with t.
func (s *Server) Client(t testing.TB) *api.Client {
	t.Helper()
	ca := ""
	if s.instance != nil {
		ca = s.instance.files.CA
	}
	client, err := newClient(s.Addr, s.RootToken, ca)
	if err != nil {
		t.Fatalf("making a Vault client: %v", err)
	}
	t.Cleanup(client.CloneConfig().HttpClient.CloseIdleConnections)
	return client
}

// newClient ignores the VAULT_ variables that a developer's shell may hold.
func newClient(addr, token, ca string) (*api.Client, error) {
	config := api.DefaultConfig()
	if config.Error != nil {
		return nil, config.Error
	}
	if ca != "" {
		if err := config.ConfigureTLS(&api.TLSConfig{CACert: ca}); err != nil {
			return nil, err
		}
	}
	config.Address, config.AgentAddress, config.MaxRetries = addr, "", 0
	client, err := api.NewClient(config)
	if err != nil {
		return nil, err
	}
	client.ClearNamespace()
	client.SetToken(token)
	return client, nil
}

// unique names something on a Vault that other tests may be using.
func unique(kind string) string {
	return kind + "-" + strings.ToLower(rand.Text()[:12])
}
