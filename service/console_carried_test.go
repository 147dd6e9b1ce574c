package service

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"playtoken/keyrotation"
	"playtoken/projects"
)

// TestAnOperatorCarriesAKeyWithTheConsole: sees what waits, copies the key, says that it
// is carried and, of a revoked one, that it is taken out.
func TestAnOperatorCarriesAKeyWithTheConsole(t *testing.T) {
	s, _ := newService(t)
	made, err := s.Projects.CreateProject(t.Context(), projects.Project{
		Name: "appliance", Platform: "jws", Settings: map[string]string{"publication": "manual"},
	})
	if err != nil {
		t.Fatal(err)
	}
	tenant, err := s.Tenant(t.Context(), made.ID)
	if err == nil {
		_, err = tenant.Rotator.Reconcile(t.Context(), keyrotation.Order{Actor: "test"})
	}
	if err != nil {
		t.Fatal(err)
	}
	b, page := newBrowser(t, s), "/console/projects/"+made.ID
	b.signIn(adminKey)
	shows := func(path string, wants ...string) {
		t.Helper()
		got := b.get(path)
		for _, want := range wants {
			if got.status != http.StatusOK || !strings.Contains(got.text, want) {
				t.Errorf("%s: got status %d without %q, want 200 with it: %s", path, got.status, want, got.text)
			}
		}
	}
	shows(page, "I carried it…", page+"/keys/2/carried", "waits until an operator has taken it to the verifiers", "no key signs before")
	shows(page+"/keys/1/carried", "-----BEGIN PUBLIC KEY-----", "You confirm that every verifier has the public key of generation 1.")
	reason := url.Values{"reason": {"put into the appliance"}}
	if got := b.post(page+"/keys/1/carried", reason); got.status != http.StatusOK || !strings.Contains(got.text, "confirm generation 1") {
		t.Errorf("carried: got status %d, want 200 and what happened: %s", got.status, got.text)
	}
	if got := b.post(page+"/keys/1/revoke", reason); got.status != http.StatusOK || !strings.Contains(got.text, "taken its public key out of the verifiers") {
		t.Errorf("revoke: got status %d, want 200 and what is left to do: %s", got.status, got.text)
	}
	shows(page, "I took it out…", page+"/keys/1/removed")
	if got := b.post(page+"/keys/1/removed", reason); got.status != http.StatusOK || !strings.Contains(got.text, "withdraw generation 1") {
		t.Errorf("taken out: got status %d, want 200 and what happened: %s", got.status, got.text)
	}
	if got := b.get(page); strings.Contains(got.text, page+"/keys/1/removed") {
		t.Errorf("afterwards: got a button that takes generation 1 out, want none: %s", got.text)
	}
}
