package vaultkeys_test

import (
	"net/http"
	"os"
	"os/exec"
	"testing"

	"go.uber.org/goleak"

	"playtoken/secret"
	"playtoken/store/storetest"
	"playtoken/vaultkeys"
	"playtoken/vaultkeys/vaulttest"
)

func TestMain(m *testing.M) {
	if os.Getenv(envDocument) == "" {
		for _, name := range []string{"VAULT_ADDR", "VAULT_AGENT_ADDR", "VAULT_TOKEN", "VAULT_NAMESPACE"} {
			os.Unsetenv(name) // of the developer's shell
		}
	}
	goleak.VerifyTestMain(vaulttest.Main(m))
}

// ownVault starts a Vault for one test that stops, seals or kills it.
func ownVault(t *testing.T) *vaulttest.Server {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a Vault of its own")
	}
	return vaulttest.Start(t)
}

// open opens a store and closes it at the end of the test.
func open(t testing.TB, config vaultkeys.Config) *vaultkeys.Store {
	t.Helper()
	s, err := vaultkeys.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// on returns the configuration of a store on new mounts of a Vault.
func on(t testing.TB, server *vaulttest.Server) vaultkeys.Config {
	t.Helper()
	transit, kv := server.Mount(t)
	return vaultkeys.Config{
		Address: server.Addr, Token: secret.New(server.RootToken), Transit: transit, KV: kv,
		Transport: &http.Transport{MaxIdleConnsPerHost: 16},
	}
}

func TestKeepsTheContractsOfAStore(t *testing.T) {
	config := on(t, vaulttest.Shared(t))
	storetest.Run(t, func(t *testing.T) storetest.Store { return open(t, config) })
}

// The environment of the processes of TestKeepsTheContractsBetweenProcesses.
const (
	envDocument = "PLAYTOKEN_TEST_DOCUMENT"
	envKV       = "PLAYTOKEN_TEST_KV"
)

func TestKeepsTheContractsBetweenProcesses(t *testing.T) {
	server := vaulttest.Shared(t)
	config := on(t, server)
	storetest.RunProcesses(t,
		func(t *testing.T) storetest.Store { return open(t, config) },
		func(document string) *exec.Cmd {
			cmd := exec.Command(os.Args[0], "-test.run=^TestOneOfTheProcesses$")
			cmd.Env = append(os.Environ(), "VAULT_ADDR="+server.Addr, "VAULT_TOKEN="+server.RootToken,
				envDocument+"="+document, envKV+"="+config.KV)
			return cmd
		})
}

func TestOneOfTheProcesses(t *testing.T) {
	document := os.Getenv(envDocument)
	if document == "" {
		t.Skip("runs only as a process of TestKeepsTheContractsBetweenProcesses")
	}
	s := open(t, vaultkeys.Config{Transit: "unused", KV: os.Getenv(envKV)})
	if err := storetest.Work(t.Context(), s, document); err != nil {
		t.Fatal(err)
	}
}
