package main

import (
	"net/http"
	"strings"
	"testing"

	"playtoken/vaultkeys/vaulttest"
)

// TestRotationsBehindAStandbyDoNoHarm: what a process reads through a performance
// standby may be older than what another has written. Nothing is done twice, no key is
// lost, and what was refused for it is done by a later attempt.
func TestRotationsBehindAStandbyDoNoHarm(t *testing.T) {
	t.Parallel()
	vault := vaulttest.Shared(t)
	transit, kv := vault.Mount(t)
	standby := vault.StartStandby(t, 3)
	w := newDeploymentWithoutStore(t, "PLAYTOKEN_PROPAGATION_DELAY=0s", "PLAYTOKEN_STORE=vault", "PLAYTOKEN_STORE_PASSWORD=", "VAULT_TOKEN="+vault.RootToken,
		"PLAYTOKEN_VAULT_TRANSIT="+transit, "PLAYTOKEN_VAULT_KV="+kv)
	environ := w.environ[:len(w.environ):len(w.environ)]
	done := 0
	for done < 3 && !t.Failed() {
		w.environ = append(environ, "VAULT_ADDR="+standby.Addr)
		attempts := 0
		for done++; w.run("rotate", "--now", "--reason", "test").code != exitDone; attempts++ {
			if attempts == 20 {
				t.Fatalf("rotation %d: got 20 refusals, want it done by then", done)
			}
		}
		w.environ = append(environ, "VAULT_ADDR="+vault.Addr)
		states := w.states()
		if strings.Count(states, ":active") != 1 || strings.Contains(states, "quarantined") {
			t.Errorf("rotation %d: got the keys %s, want one that is active, and none lost", done, states)
		}
		var token tokenView
		w.must(&token, "token", "mint", "counter")
		if status, err := plays(t.Context(), newClient(t), token.URLs.HLS); status != http.StatusOK || err != nil {
			t.Errorf("rotation %d: play: got status %d, %v, want 200", done, status, err)
		}
	}
	if standby.Refused() == 0 {
		t.Error("the standby refused no request, want it to be behind")
	}
	w.must(&findingsView{}, "doctor")
}
