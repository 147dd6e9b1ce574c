package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"
)

// TestTheAdminKeyIsChangedWithoutAGap: a named admin key works before, while and after
// the environment's is replaced in its file; the old one is refused from then on.
func TestTheAdminKeyIsChangedWithoutAGap(t *testing.T) {
	t.Parallel()
	w := newDeployment(t)
	file, client := secretFile(t, adminKey), newClient(t)
	var overlap struct{ Value string }
	r := w.run("admin-key", "create", "--name", "while the admin key is changed", "--role", "admin", "--expires-at", "2100-01-31T00:00:00Z", "-o", "json")
	if err := json.Unmarshal([]byte(r.stdout), &overlap); err != nil || r.code != exitDone {
		t.Fatalf("make the key of the overlap: exit %d, %v\n%s", r.code, err, r.stderr)
	}
	url, _, stop := w.serveHere(w.with("PLAYTOKEN_ADMIN_KEY=", "PLAYTOKEN_ADMIN_KEY_FILE="+file))
	defer stop()
	admin := apiClient{t: t, client: client, url: url}
	status := func(key string) int {
		t.Helper()
		return admin.as(key).ask("GET /v1/projects", "").status
	}
	if got := status(adminKey); got != http.StatusOK {
		t.Fatalf("the admin key before: got status %d, want 200", got)
	}
	const next = "the-next-admin-key-0123456789abcdef"
	replaceSecret(t, file, next)
	eventually(t, 20*time.Second, func() error {
		if got := status(overlap.Value); got != http.StatusOK {
			t.Errorf("the named key during the change: got status %d, want 200", got)
		}
		if got := status(next); got != http.StatusOK {
			return fmt.Errorf("the new admin key: got status %d", got)
		}
		return nil
	})
	if got := status(adminKey); got != http.StatusUnauthorized {
		t.Errorf("the old admin key: got status %d, want 401", got)
	}
}
