package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"playtoken/handlers"
	"playtoken/keyrotation"
)

// newHanging is a platform that takes every call and answers none.
func newHanging(t *testing.T) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // only then the end of the connection is seen
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	return server
}

// newFailing is a platform that answers every call with 500.
func newFailing(t *testing.T) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(said(http.StatusInternalServerError, `{"error":"internal"}`))
	t.Cleanup(server.Close)
	return server
}

// newTroubled is an environment without a project default and with short
// calls.
func newTroubled(t *testing.T) *deployment {
	t.Helper()
	w := newDeployment(t, "PLAYTOKEN_PLATFORM_API_KEY=", "PLAYTOKEN_API_KEY=", "PLAYTOKEN_PLATFORM_URL=", "PLAYTOKEN_PLATFORM_HLS_URL=",
		"PLAYTOKEN_SETTLE=4s", "PLAYTOKEN_ROTATE_EVERY=1h", "PLAYTOKEN_TOKEN_TTL=2s", "PLAYTOKEN_TOKEN_MAX_TTL=3s")
	return w
}

func TestAProjectRotatesOnTimeWhileOtherPlatformsHangOrFail(t *testing.T) {
	t.Parallel()
	slow(t, "it waits for platforms that hang")
	w := newTroubled(t)
	url, _, stop := w.serveHere(w.environ)
	defer stop()
	admin := apiClient{t: t, client: newClient(t), url: url, key: adminKey}
	ids := map[string]string{}
	for name, platform := range map[string]string{
		"hangs": newHanging(t).URL, "hangs too": newHanging(t).URL, "fails": newFailing(t).URL, "fine": startGate(t, secondKey).URL,
	} {
		var made handlers.Project
		admin.want(http.StatusCreated, &made, "POST /v1/projects", onGate(name, platform, secondKey))
		ids[name] = made.ID
	}
	keys := "GET /v1/projects/" + ids["fine"] + "/signing-keys"
	admin.awaitStates(keys, "2:registered 1:active")
	eventually(t, patience, func() error { // at first, the standby is still propagating
		var rotated handlers.Rotated
		admin.want(http.StatusOK, &rotated, "POST /v1/projects/"+ids["fine"]+"/rotation", `{"mode":"now","reason":"test"}`)
		if !rotated.Changed {
			return fmt.Errorf("%+v", rotated)
		}
		return nil
	})
	// The old key goes by itself, when its tokens are over.
	admin.awaitStates(keys, "3:registered 2:active 1:deleted")
	var shown handlers.RotationStatus
	admin.want(http.StatusOK, &shown, "GET /v1/projects/"+ids["fine"]+"/rotation", "")
	if shown.Overdue || shown.LastRun.Error != nil {
		t.Errorf("rotation = %+v, want it on time and without an error", shown)
	}
	for _, name := range []string{"hangs", "hangs too", "fails"} {
		for _, k := range admin.signingKeys("GET /v1/projects/" + ids[name] + "/signing-keys").Items {
			if k.State == keyrotation.Active || k.State == keyrotation.Registered {
				t.Errorf("%s: got generation %d in state %s, want no key at its platform", name, k.Generation, k.State)
			}
		}
	}
	w.rotatesAll(admin, ids)
}

// rotatesAll: cron hears about every project, and from the exit code that some
// failed.
func (w *deployment) rotatesAll(admin apiClient, ids map[string]string) {
	w.t.Helper()
	var all struct {
		Results []struct {
			ProjectID string `json:"project_id"`
			Error     *struct{ Code string }
		}
	}
	admin.want(http.StatusMultiStatus, &all, "POST /v1/rotation", `{"mode":"due"}`)
	codes := map[string]string{}
	for _, one := range all.Results {
		codes[one.ProjectID] = "fine"
		if one.Error != nil {
			codes[one.ProjectID] = one.Error.Code
		}
	}
	for name, want := range map[string]string{"hangs": "platform_unavailable", "hangs too": "platform_unavailable", "fails": "platform_unavailable", "fine": "fine"} {
		if got := codes[ids[name]]; got != want {
			w.t.Errorf("rotation of the project whose platform %s: got %q, want %q", name, got, want)
		}
	}
	r := w.run("rotate", "-o", "json")
	if r.code != exitSomeFailed || !strings.Contains(r.stderr, "3 of 4 projects failed") {
		w.t.Errorf("rotate: got exit %d, %s, want %d and 3 of 4 failed", r.code, r.stderr, exitSomeFailed)
	}
	for name, id := range ids {
		failed := name != "fine"
		if got := strings.Contains(r.stdout, `"error"`); !strings.Contains(r.stdout, id) || failed && !got {
			w.t.Errorf("rotate: got no result for %s, want one of each project: %s", name, r.stdout)
		}
	}
}

func (v apiClient) signingKeys(route string) (list handlers.KeyList) {
	v.t.Helper()
	v.want(http.StatusOK, &list, route, "")
	return list
}

// awaitStates waits for "2:registered 1:active".
func (v apiClient) awaitStates(route, want string) {
	v.t.Helper()
	v.await(route, func(got response) bool {
		var list handlers.KeyList
		return got.status == http.StatusOK && json.Unmarshal(got.body, &list) == nil && statesOf(list) == want
	})
}
