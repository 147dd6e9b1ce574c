package main

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"playtoken/handlers"
)

// TestOneProjectsTroubleTakesNoReplicaFromTheOthers: a replica is ready as long as
// one project mints, and operators ask about each.
func TestOneProjectsTroubleTakesNoReplicaFromTheOthers(t *testing.T) {
	t.Parallel()
	w := newTroubled(t)
	url, _, stop := w.serveHere(w.environ)
	defer stop()
	admin := apiClient{t: t, client: newClient(t), url: url, key: adminKey}
	probe := admin.as("")
	probe.want(http.StatusOK, nil, "GET /readyz", "") // there is no project yet
	troubled := startGate(t, secondKey)
	ids := map[string]string{}
	for name, gate := range map[string]string{"one": troubled.URL, "two": startGate(t, secondKey).URL} {
		var made handlers.Project
		admin.want(http.StatusCreated, &made, "POST /v1/projects", onGate(name, gate, secondKey))
		ids[name] = made.ID
		admin.awaitStates("GET /v1/projects/"+made.ID+"/signing-keys", "2:registered 1:active")
		admin.await("GET /readyz?project="+made.ID, func(got response) bool { return got.status == http.StatusOK })
	}
	troubled.Close() // so that no new key takes the place of those
	for generation := range 2 {
		admin.want(http.StatusOK, nil, fmt.Sprintf("POST /v1/projects/%s/signing-keys/%d/revoke", ids["one"], 2-generation), `{"reason":"lost"}`)
	}
	admin.await("GET /readyz?project="+ids["one"], func(got response) bool { return got.refuses(http.StatusServiceUnavailable, "no_active_key") })
	time.Sleep(1100 * time.Millisecond) // longer than an outcome is remembered
	probe.want(http.StatusOK, nil, "GET /readyz", "")
	admin.want(http.StatusOK, nil, "GET /readyz?project="+ids["two"], "")
	admin.want(http.StatusNotFound, nil, "GET /readyz?project=default", "")
	probe.want(http.StatusUnauthorized, nil, "GET /readyz?project="+ids["two"], "")
}
