package main

import (
	"net/http"
	"strings"
	"testing"
)

// losesData starts the gate anew, without the data file that held its keys.
func (w *deployment) losesData() {
	w.t.Helper()
	fresh := openSample(w.t, w.t.TempDir())
	w.behind.becomes(fresh.Handler())
}

// rotates makes the first keys. Calls of a deployment with a short settle time may
// take too long on a slow machine.
func (w *deployment) rotates() {
	w.t.Helper()
	eventually(w.t, patience, func() error {
		r := w.run("rotate")
		return r.unless(r.code == exitDone)
	})
}

// TestKeysThatAGateLostAreReplaced by one command, which ends when tokens are
// accepted again.
func TestKeysThatAGateLostAreReplaced(t *testing.T) {
	t.Parallel()
	slow(t, "it waits for looks at the platform")
	w, client := newDeployment(t, "PLAYTOKEN_PROPAGATION_DELAY=1s", "PLAYTOKEN_SETTLE=3s", "PLAYTOKEN_OBSERVE_EVERY=100ms"), newClient(t)
	w.rotates()
	order := []string{"rotate", "--replace-lost", "--reason", "the gate lost its data"}
	eventually(t, patience, func() error { // the platform may not answer in time
		r := w.run(order...)
		return r.unless(r.code == exitDone && strings.Contains(r.stdout, "nothing to replace"))
	})
	w.opens(client, http.StatusOK, w.minted("default"))

	w.losesData()
	eventually(t, patience, func() error { // once the keys are so old that they must be shown
		r := w.run(order...)
		return r.unless(r.code == exitRefused && strings.Contains(r.stderr, "a second one has to agree"))
	})
	if r := w.run("rotate"); r.code != exitRefused || !strings.Contains(r.stderr, "rotate --replace-lost --project default") {
		t.Errorf("rotate: got exit %d, %s%s; want %d and the command that helps", r.code, r.stdout, r.stderr, exitRefused)
	}
	w.opens(client, http.StatusUnauthorized, w.minted("default"))
	if f := w.problem("account"); f.Code != "all_keys_missing" || !strings.Contains(orDash(f.Remedy), "playtoken rotate --replace-lost --project default") {
		t.Errorf("got the finding %+v, want all_keys_missing and the command that helps", f)
	}
	eventually(t, patience, func() error {
		r := w.run(order...)
		if r.code != exitRefused && r.code != exitDone {
			t.Fatalf("got exit %d, %s%s", r.code, r.stdout, r.stderr)
		}
		return r.unless(r.code == exitDone)
	})
	w.opens(client, http.StatusOK, w.minted("default"))
	if got := w.states(); !strings.Contains(got, "3:active") {
		t.Errorf("got keys %s, want generation 3 active", got)
	}
}

// TestLostKeysAreReplacedByServe where the setting says so.
func TestLostKeysAreReplacedByServe(t *testing.T) {
	t.Parallel()
	slow(t, "it waits for looks at the platform")
	w, client := newDeployment(t, "PLAYTOKEN_PROPAGATION_DELAY=1s", "PLAYTOKEN_SETTLE=3s", "PLAYTOKEN_OBSERVE_EVERY=100ms", "PLAYTOKEN_REPLACE_LOST=auto"), newClient(t)
	w.rotates()
	w.losesData()
	s := w.startServer("serve")
	defer s.stop()
	eventually(t, patience, func() error {
		status, err := plays(t.Context(), client, w.minted("default"))
		return result{code: status}.unless(err == nil && status == http.StatusOK)
	})
}
