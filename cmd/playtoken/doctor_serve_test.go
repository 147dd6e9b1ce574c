package main

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"playtoken/handlers"
)

// TestDoctorOfARunningServiceFindsWhatTheVerbFinds: with the same remedies, by its API
// and by the verb that asks it.
func TestDoctorOfARunningServiceFindsWhatTheVerbFinds(t *testing.T) {
	t.Parallel()
	w := newDeployment(t, "PLAYTOKEN_SCHEDULER=off")
	w.must(&struct{}{}, "rotate")
	other := w.addProject("other")
	w.atGate(http.MethodDelete, "/"+w.registered()[0], "", &struct{}{})
	beside := w.runWith(w.environ, "", "doctor", "-o", "json")
	url, _, stop := w.serveHere(append(w.environ, "PLAYTOKEN_LISTEN=127.0.0.1:0"))
	defer stop()
	admin := apiClient{t: t, client: newClient(t), url: url, key: adminKey}

	var all, own handlers.Examination
	admin.want(http.StatusOK, &all, "GET /v1/doctor", "")
	admin.want(http.StatusOK, &own, "GET /v1/projects/default/doctor", "")
	admin.want(http.StatusNotFound, nil, "GET /v1/projects/project_no/doctor", "")
	var verb findingsView
	if err := json.Unmarshal([]byte(beside.stdout), &verb); err != nil || beside.code != exitFailed {
		t.Fatalf("doctor beside the store: exit %d, %v, want %d: %s%s", beside.code, err, exitFailed, beside.stdout, beside.stderr)
	}
	if got, want := codesOf(all.Findings), codesOf(verb.Findings); !slices.Equal(got, want) {
		t.Errorf("GET /v1/doctor: got %v, want as the verb: %v", got, want)
	}
	gone := slices.IndexFunc(own.Findings, func(f handlers.Examined) bool { return f.Code == "key_missing" })
	if gone < 0 || own.Findings[gone].Generation == nil || *own.Findings[gone].Generation != 1 || own.Findings[gone].Meaning == "" {
		t.Fatalf("the project's findings: got %+v, want that generation 1 is missing, and what that means", own.Findings)
	}
	for _, f := range own.Findings {
		if f.ProjectID == nil || *f.ProjectID != "default" {
			t.Errorf("the project's findings: got %+v, want none about something else", f)
		}
	}

	there := []string{"PLAYTOKEN_SERVER=" + url, "PLAYTOKEN_ADMIN_KEY=" + adminKey}
	for project, want := range map[string]int{"": exitFailed, "default": exitFailed, other: exitDone} {
		got := w.runWith(there, "", "doctor", "--project", project, "-o", "json")
		var asked findingsView
		if err := json.Unmarshal([]byte(got.stdout), &asked); err != nil || got.code != want || len(asked.Findings) == 0 {
			t.Errorf("doctor --project %q of the running service: exit %d, %v and %d findings, want %d: %s", project, got.code, err, len(asked.Findings), want, got.stderr)
		}
	}
}

// codesOf are findings without what differs by the moment, in any order.
func codesOf(findings []handlers.Examined) (all []string) {
	for _, f := range findings {
		all = append(all, orDash(f.ProjectID)+" "+f.Code+" "+orDash(f.Remedy))
	}
	slices.Sort(all)
	return all
}
