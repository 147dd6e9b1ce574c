package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestServeInMemoryDoesWithoutItsStoreAndLogsNoKey(t *testing.T) {
	t.Parallel()
	slow(t, "it starts a process")
	w := newDeployment(t, "PLAYTOKEN_SIGNING=memory", "PLAYTOKEN_KEY_BUDGET=10")
	w.must(&struct{}{}, "rotate")
	s := w.startServer("serve")
	client := newClient(t)
	s.awaitReady(client)
	var list keyListView
	if w.must(&list, "keys", "list"); len(list.Items) == 0 || !list.Items[0].Exportable {
		t.Fatalf("keys: %+v", list)
	}
	store := filepath.Join(w.dir, "play.db")
	move := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	aged := time.NewTicker(150 * time.Millisecond) // longer than a view may be old
	defer aged.Stop()
	mints := func() int {
		t.Helper()
		<-aged.C
		_, status, _, err := mintOver(t.Context(), client, s.url)
		if err != nil {
			t.Fatal(err)
		}
		return status
	}
	for { // until the key is loaded
		move(store, store+".away")
		if mints() == http.StatusCreated {
			break
		}
		move(store+".away", store)
		if status := mints(); status != http.StatusCreated {
			t.Fatalf("with its store: %d", status)
		}
	}
	for range 10 {
		if status := mints(); status != http.StatusCreated {
			t.Errorf("without its store: %d", status)
		}
	}
	if status, err := plays(t.Context(), client, s.url+"/readyz"); status != http.StatusOK || err != nil {
		t.Errorf("readiness without its store: %d, %v", status, err)
	}
	move(store+".away", store)
	logs := s.stop()
	if !strings.Contains(logs, "loaded into memory") || strings.Contains(logs, "PRIVATE KEY") {
		t.Errorf("logs:\n%s", logs)
	}
}
