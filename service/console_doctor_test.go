package service

import (
	"context"
	"fmt"
	"html"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"playtoken/handlers"
	"playtoken/projects"
)

// practice is a doctor who finds what a test says.
type practice struct {
	mu    sync.Mutex
	found map[string][]handlers.Examined // by project; under "" those of the deployment
	asked []handlers.Subject
}

func (p *practice) Examine(_ context.Context, about handlers.Subject) (handlers.Examination, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, about)
	found := handlers.Examination{ExaminedAt: time.Now().UTC(), Findings: []handlers.Examined{}}
	for id, findings := range p.found {
		if about.ProjectID == id || about.ProjectID == "" && !about.WithoutProjects {
			found.Findings = append(found.Findings, findings...)
		}
	}
	return found, nil
}

func (p *practice) Close() {}

// finding is one of doctor; about the project default if that is asked for.
func finding(code, severity, detail string, ofDefault bool) handlers.Examined {
	remedy, id, generation := "playtoken keys revoke 1 --project default --reason TEXT, and "+detail, projects.Default, 1
	f := handlers.Examined{Code: code, Check: "drift", Severity: severity, OK: severity != "problem", Meaning: "What it means.", Detail: detail}
	if severity != "ok" {
		f.Remedy = &remedy
	}
	if ofDefault {
		f.ProjectID, f.Generation = &id, &generation
	}
	return f
}

// examinedService is a deployment whose doctor finds something of each kind.
func examinedService(t testing.TB) (*Service, *practice) {
	t.Helper()
	p := &practice{found: map[string][]handlers.Examined{
		"": {finding("store_answers", "ok", "answers", false), finding("clock_apart", "problem", "off by "+marked, false)},
		projects.Default: {finding("platform_answers", "ok", "it shows 2 keys", true), finding("key_unmanaged", "note", "key by hand "+marked, true),
			finding("key_missing", "problem", "generation 1 is gone", true), finding("key_budget_too_small", "problem", "5 keys", true)},
	}}
	s := open(t, environ(t, startGate(t), "PLAYTOKEN_SIGNING=memory"), Options{HoldKeys: true, Doctor: func(*Service) Doctor { return p }})
	withActiveKey(t, s, projects.Default)
	return s, p
}

// TestDoctorIsReadOnTheConsole: each finding with what it means and what to do, as a
// button for those who may press it, or as a command.
func TestDoctorIsReadOnTheConsole(t *testing.T) {
	s, _ := examinedService(t)
	const revoke, compare = `href="/console/projects/default/keys/1/revoke"`, `href="/console/projects/default/drift"`
	for role, want := range map[projects.Role]struct{ revokes bool }{projects.RoleAdmin: {true}, projects.RoleOperator: {true}, projects.RoleAuditor: {false}} {
		b := newBrowser(t, s)
		b.signIn(operatorKey(t, s, role))
		all := b.shows("/console/doctor", "Doctor")
		for _, text := range []string{"What it means.", "&lt;img src=x", "playtoken keys revoke 1 --project default", "<code>clock_apart</code>", `href="/console/projects/default/doctor"`, "as it should be", compare} {
			if !strings.Contains(all, text) {
				t.Errorf("doctor as %s: got no %q, want it: %s", role, text, all)
			}
		}
		own := b.shows("/console/projects/default/doctor", "it shows 2 keys")
		if strings.Contains(own, "clock_apart") {
			t.Errorf("doctor of one project as %s: got a finding about the deployment, want none: %s", role, own)
		}
		for path, page := range map[string]string{"/console/doctor": all, "/console/projects/default/doctor": own} {
			if got := strings.Contains(page, revoke); got != want.revokes {
				t.Errorf("%s as %s: got the button to revoke %t, want %t", path, role, got, want.revokes)
			}
			if strings.Contains(page, "/projects/default/edit") {
				t.Errorf("%s as %s: got a button that changes the project of the environment, want none", path, role)
			}
		}
	}
}

// TestManyFindingsArePages: a page of doctor stays below 100 kB, and a deployment with
// many projects is not examined for one.
func TestManyFindingsArePages(t *testing.T) {
	const many = 230
	p := &practice{found: map[string][]handlers.Examined{}}
	for i := range many {
		p.found[""] = append(p.found[""], finding("key_missing", "problem", fmt.Sprintf("number %d. %s", i, strings.Repeat("long ", 60)), false))
	}
	s := open(t, environ(t, startGate(t), "PLAYTOKEN_SIGNING=memory"), Options{Doctor: func(*Service) Doctor { return p }})
	b := newBrowser(t, s)
	b.signIn(adminKey)
	seen, path := 0, "/console/doctor"
	for n := 1; path != ""; n++ {
		page := b.shows(path, "What it means.")
		seen += strings.Count(page, "number ")
		if len(page) > 100_000 {
			t.Errorf("%s: got %d bytes, want at most 100,000", path, len(page))
		}
		path = ""
		if next := fmt.Sprintf("/console/doctor?found=%d", n+1); strings.Contains(page, next) {
			path = next
		}
	}
	if seen != 2*many { // in what was found, and in what to do
		t.Errorf("got %d findings on all pages, want %d", seen/2, many)
	}
}

// TestManyProjectsAreExaminedPartByPart: each of them on one page, with the
// deployment, and none twice.
func TestManyProjectsAreExaminedPartByPart(t *testing.T) {
	const many = 61
	p := &practice{found: map[string][]handlers.Examined{"": {finding("clock_apart", "problem", "off by 3 s", false)}}}
	c := newTown(t, many, Options{Doctor: func(*Service) Doctor { return p }})
	if err := c.service.Projects.EnsureDefault(t.Context(), *c.service.Projects.DefaultProject); err != nil { // as the schedule does
		t.Fatal(err)
	}
	ids, err := c.service.Projects.ProjectIDs(t.Context())
	if err != nil || len(ids) != many {
		t.Fatalf("got %d projects, %v, want %d", len(ids), err, many)
	}
	for _, id := range ids {
		p.found[id] = []handlers.Examined{finding("key_missing", "problem", "gone from "+id, false)}
	}
	shown, parts := map[string]int{}, 0
	for path := "/console/doctor"; path != ""; parts++ {
		text, _ := c.page(path)
		if !strings.Contains(text, "clock_apart") {
			t.Errorf("%s: got nothing about the deployment, want it", path)
		}
		for _, id := range ids {
			shown[id] += strings.Count(text, "Found</dt><dd>gone from "+id+"<")
		}
		path = ""
		if next := regexp.MustCompile(`href="(/console/doctor\?[^"]+)">Next projects`).FindStringSubmatch(text); next != nil {
			path = html.UnescapeString(next[1])
		}
	}
	for _, id := range ids {
		if shown[id] != 1 {
			t.Errorf("%s: got it on %d pages, want 1", id, shown[id])
		}
	}
	if len(p.asked) != parts+many {
		t.Errorf("got %d examinations for %d pages, want %d", len(p.asked), parts, parts+many)
	}
}

// TestWithoutADoctorThereIsNoPage: a service whose program examines nothing says so.
func TestWithoutADoctorThereIsNoPage(t *testing.T) {
	s, _ := newService(t)
	b := newBrowser(t, s)
	b.signIn(adminKey)
	if got := b.get("/console/doctor"); got.status != http.StatusNotFound {
		t.Errorf("got status %d, want 404", got.status)
	}
}
