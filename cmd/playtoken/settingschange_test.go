package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"playtoken/handlers"
	"playtoken/platforms/apivideo/apivideotest"
	"playtoken/platforms/standin"
	"playtoken/secret"
)

const accountsAdminKey = "admin-key-of-the-account-0123456789"

// newIssuing is a platform that makes keys for us, and the settings of an
// account there.
func newIssuing(t *testing.T) map[string]string {
	t.Helper()
	standin := apivideotest.New(standin.World{
		Credential: map[string]secret.Value{"admin_key": secret.New(accountsAdminKey)}, Keys: standin.New(standin.Options{}), PageSize: 100,
	})
	server := httptest.NewServer(standin)
	t.Cleanup(server.Close)
	return map[string]string{"url": server.URL, "admin_url": server.URL, "project_id": apivideotest.Project}
}

// settle is the body of a change of settings.
func settle(credential bool, settings map[string]any) string {
	body := map[string]any{"platform_settings": settings}
	if credential {
		body["platform_credential"] = map[string]string{"admin_key": accountsAdminKey}
	}
	text, _ := json.Marshal(body)
	return string(text)
}

// TestAnIssuedKeyStaysWhereItIsTaken: with the settings of another account, or
// of none that has keys, every mint would be refused until the next rotation.
func TestAnIssuedKeyStaysWhereItIsTaken(t *testing.T) {
	t.Parallel()
	slow(t, "it waits for rotations")
	w := newTroubled(t)
	url, _, stop := w.serveHere(w.environ)
	defer stop()
	admin := apiClient{t: t, client: newClient(t), url: url, key: adminKey}
	var asked atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusNotFound)
	}))
	defer other.Close()
	body, _ := json.Marshal(map[string]any{
		"name": "issued", "platform": "apivideo", "platform_settings": newIssuing(t),
		"platform_credential": map[string]string{"admin_key": accountsAdminKey},
	})
	var made handlers.Project
	admin.want(http.StatusCreated, &made, "POST /v1/projects", string(body))
	path := "/v1/projects/" + made.ID
	admin.awaitStates("GET "+path+"/signing-keys", "2:registered 1:active")

	for what, change := range map[string]string{
		"another address":       settle(true, map[string]any{"url": other.URL}),
		"another Admin API":     settle(true, map[string]any{"admin_url": other.URL}),
		"another account there": settle(false, map[string]any{"project_id": "project_other"}),
		"no keys made for us":   `{"platform_settings":{"project_id":null},"platform_credential":{"api_key":"given-key-of-the-account"}}`,
	} {
		if got := admin.ask("PATCH "+path, change); got.status != http.StatusConflict || !strings.Contains(string(got.body), "active key") {
			t.Errorf("change to %s: got status %d, want 409 because of the active key: %s", what, got.status, got.body)
		}
	}
	if n := asked.Load(); n > 0 {
		t.Errorf("got %d requests at the new address, want none", n)
	}
	admin.want(http.StatusOK, nil, "PATCH "+path, settle(false, map[string]any{"authentication": "basic"}))
	mint := `{"project_id":"` + made.ID + `","video_id":"` + apivideotest.PrivateVideos[0] + `"}`
	admin.want(http.StatusCreated, nil, "POST /v1/playback-tokens", mint)
}
