package main

import (
	"net/http"
	"strings"
	"testing"

	"playtoken/handlers"
)

// TestTheCommandLineWaitsForASecondOperator, who approves over HTTP, and the other
// way round: what waits is in the store.
func TestTheCommandLineWaitsForASecondOperator(t *testing.T) {
	t.Parallel()
	onEachStore(t, func(t *testing.T, w *deployment, _ func() []byte) {
		w.must(&struct{}{}, "rotate")
		s := w.startServer("serve")
		defer s.stop()
		admin := apiClient{t: t, client: http.DefaultClient, url: s.url, key: adminKey}

		asked := w.run("keys", "revoke", "1", "--reason", "stolen")
		id := strings.TrimSpace(asked.stdout)
		if asked.code != exitRefused || !strings.HasPrefix(id, "approval_") || !strings.Contains(asked.stderr, "waits for another operator") {
			t.Fatalf("keys revoke: exit %d, %s%s; want 4 and the approval's id", asked.code, asked.stdout, asked.stderr)
		}
		if states := w.states(); !strings.Contains(states, "active") {
			t.Errorf("states while it waits: got %s, want the key active", states)
		}
		if r := w.run("approvals", "approve", id); r.code != exitFailed || !strings.Contains(r.stderr, "another operator has to approve it") {
			t.Errorf("approval by the same user: exit %d, %s; want 1 and why", r.code, r.stderr)
		}
		if r := w.run("approvals", "list"); r.code != exitDone || !strings.Contains(r.stdout, id) || !strings.Contains(r.stdout, "stolen") {
			t.Errorf("approvals list: exit %d, %s; want what waits", r.code, r.stdout)
		}
		var revoked handlers.Revocation
		admin.want(http.StatusOK, &revoked, "POST /v1/approvals/"+id+"/approve", "")
		if revoked.Revoked != 1 {
			t.Errorf("approval over HTTP: got %+v, want generation 1 revoked", revoked)
		}

		var waits handlers.Asked
		admin.want(http.StatusAccepted, &waits, "DELETE /v1/projects/default/platform-keys/key_9", `{"reason":"old"}`)
		if r := w.run("approvals", "approve", waits.ApprovalID); r.code != exitFailed || !strings.Contains(r.stderr, "no such key") {
			t.Errorf("approval on the command line: exit %d, %s; want it carried out, to find no such key", r.code, r.stderr)
		}
		if r := w.run("keys", "revoke", "2", "--reason", "stolen too", "--override"); r.code != exitDone || !strings.Contains(r.stderr, "level=WARN") || !strings.Contains(r.stderr, "approval.override") {
			t.Errorf("keys revoke --override: exit %d, %s; want it done, with a warning and a record", r.code, r.stderr)
		}
		if r := w.run("project", "delete", "default", "--override"); r.code != exitRefused || !strings.Contains(r.stderr, "defined by the environment") {
			t.Errorf("project delete default: exit %d, %s; want it refused by its guard", r.code, r.stderr)
		}
	}, "PLAYTOKEN_APPROVALS=revoke, remove,delete", "PLAYTOKEN_OBSERVE_EVERY=1h")
}
