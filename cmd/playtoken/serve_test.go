package main

import (
	"fmt"
	"net/http"
	"testing"
)

// awaitReady polls until the server could mint.
func (s *server) awaitReady(client *http.Client) {
	s.t.Helper()
	eventually(s.t, patience, func() error {
		status, err := plays(s.t.Context(), client, s.url+"/readyz")
		if err != nil {
			s.t.Fatal(err)
		}
		if status != http.StatusOK {
			return fmt.Errorf("not ready: %d", status)
		}
		return nil
	})
}

func TestServeMakesItsFirstKeyByItself(t *testing.T) {
	t.Parallel()
	w := newDeploymentWithoutStore(t)
	s := w.startServer("serve")
	client := newClient(t)
	s.awaitReady(client)
	token, status, _, err := mintOver(t.Context(), client, s.url)
	if status != http.StatusCreated || err != nil {
		t.Fatalf("mint: %d, %v", status, err)
	}
	if status, err := plays(t.Context(), client, token.URLs.HLS); status != http.StatusOK || err != nil {
		t.Errorf("the gate answers %d, %v", status, err)
	}
	// The verbs see what serve does, while it runs.
	w.awaitStates("2:registered 1:active")
	var list keyListView
	w.must(&list, "keys", "list")
	if len(list.Items) != 2 || *list.Items[1].KeyID != *token.KeyID {
		t.Errorf("keys: %+v", list)
	}
	s.stop()
}

func TestServeLeavesRotationToCronIfAsked(t *testing.T) {
	t.Parallel()
	w := newDeployment(t, "PLAYTOKEN_SCHEDULER=off")
	s := w.startServer("serve")
	client := newClient(t)
	if status, err := plays(t.Context(), client, s.url+"/readyz"); status != http.StatusServiceUnavailable || err != nil {
		t.Errorf("before cron came: %d, %v", status, err)
	}
	w.must(&struct{}{}, "rotate")
	s.awaitReady(client)
	s.stop()
}
