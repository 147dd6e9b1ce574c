package handlers_test

import (
	"strings"
	"testing"

	"playtoken/projects"
)

// TestAnAccountIsCheckedAsItWouldBeSaved: with the stored credential where none is
// sent, at no other address than the stored one, and without saving anything.
func TestAnAccountIsCheckedAsItWouldBeSaved(t *testing.T) {
	d, done := deploy(t)
	defer done()
	own := "/v1/projects/" + d.own.ID + "/check"
	before, err := d.projects.Project(t.Context(), d.own.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path, body, want, credential string // the response in short, and what the platform would get
	}{
		{own, `{}`, "200", before.Credential["api_key"].Reveal()},
		{own, `{"platform_credential":{"api_key":"canary"}}`, "200", "canary"},
		{own, `{"platform_settings":{"url":"https://other.example/v2"}}`, "400 invalid_request", ""},
		{own, `{"platform_settings":{"url":"https://other.example/v2"},"platform_credential":{"api_key":"canary"}}`, "200", "canary"},
		{own, `{"platform":"gate"}`, "400 invalid_request", ""},
		{own, `{"platform_credential":{"api_key":""}}`, "400 invalid_request", ""},
		{own, `{"name":"x"}`, "400 invalid_request", ""},
		{"/v1/projects/check", `{"platform":"vidbeo","platform_credential":{"api_key":"canary"}}`, "200", "canary"},
		{"/v1/projects/check", `{"platform":"vidbeo"}`, "400 invalid_request", ""},
		{"/v1/projects/check", `{"platform":"nowhere"}`, "400 invalid_request", ""},
		{"/v1/projects/check", `{}`, "400 invalid_request", ""},
		{"/v1/projects/project_no/check", `{}`, "404 not_found", ""},
	} {
		d.examined, d.counter.taken = nil, map[string]int{}
		got := d.ask("POST", c.path, adminKey, c.body)
		sent := ""
		for _, p := range d.examined {
			sent = p.Credential["api_key"].Reveal()
		}
		if short(got) != c.want || sent != c.credential || strings.Contains(got.Body.String(), "canary") {
			t.Errorf("%s %s: got %s, and the platform got %q; want %s, %q and no credential in the response", c.path, c.body, got.Body, sent, c.want, c.credential)
		}
	}
	after, err := d.projects.Project(t.Context(), d.own.ID)
	list, listErr := d.projects.Projects(t.Context(), projects.Page{})
	if err != nil || listErr != nil || after.Version != before.Version || len(list.Items) != 2 {
		t.Errorf("after the checks: got version %d of the project among %d, %v, %v; want %d among 2", after.Version, len(list.Items), err, listErr, before.Version)
	}
}

// TestChecksOfAccountsAreBounded: each counts as four requests, because each sends
// a credential to an address that the caller chooses.
func TestChecksOfAccountsAreBounded(t *testing.T) {
	d, done := deploy(t)
	defer done()
	refused := 0
	for range 4 {
		if got := d.ask("POST", "/v1/projects/"+d.own.ID+"/check", adminKey, `{}`); got.Code == 429 {
			refused++
		}
	}
	if refused < 1 || len(d.examined) > 3 {
		t.Errorf("four checks at once: got %d refused and %d made, want at most three made", refused, len(d.examined))
	}
}
