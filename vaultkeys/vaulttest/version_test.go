package vaulttest_test

import (
	"os"
	"strings"
	"testing"

	"playtoken/vaultkeys/vaulttest"
)

// TestTheVaultHasTheVersionThatWasAskedFor also says which one the tests run against.
func TestTheVaultHasTheVersionThatWasAskedFor(t *testing.T) {
	health, err := vaulttest.Shared(t).Client(t).Sys().HealthWithContext(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("Vault %s", health.Version)
	if want := os.Getenv("PLAYTOKEN_TEST_VAULT_VERSION"); want != "" && !strings.HasPrefix(health.Version, want+".") {
		t.Errorf("got version %s, want %s", health.Version, want)
	}
}
