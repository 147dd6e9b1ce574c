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
			os.Unsetenv(name) // a developer's own
		}
	}
	goleak.VerifyTestMain(vaulttest.Main(m))
}

// open opens a store that closes with t.
func open(t testing.TB, config vaultkeys.Config) *vaultkeys.Store {
	t.Helper()
	s, err := vaultkeys.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// on configures a store on fresh mounts of a real Vault.
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

// The environment is how the processes below learn which Vault to work with.
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
		t.Skip("started by another test only")
	}
	s := open(t, vaultkeys.Config{Transit: "unused", KV: os.Getenv(envKV)})
	if err := storetest.Work(t.Context(), s, document); err != nil {
		t.Fatal(err)
	}
}
