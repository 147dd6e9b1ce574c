package docs_test

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"playtoken/keyrotation"
	"playtoken/service/doctor"
)

// subject is what a runbook is about: a finding's code, or an alert.
type subject struct{ name, severity, meaning string }

// subjects are all that need a runbook, in the order of docs/runbooks.md.
func subjects(t *testing.T) (all []subject) {
	t.Helper()
	values := regexp.MustCompile(`\{\{ *\$(?:labels\.)?(\w+)[^}]*\}\}`)
	for _, a := range alerts(t) {
		all = append(all, subject{name: a.Name, severity: a.Labels["severity"], meaning: values.ReplaceAllString(a.Annotations["summary"], "*$1*")})
	}
	for _, d := range doctor.Codes() {
		if d.Severity != doctor.OK {
			all = append(all, subject{name: string(d.Code), severity: string(d.Severity), meaning: d.Meaning})
		}
	}
	return all
}

// runbooks are the pages by the name of what they are about.
func runbooks(t *testing.T) map[string]page {
	t.Helper()
	byName := map[string]page{}
	for _, p := range allPages(t) {
		if isRunbook(p) {
			byName[strings.TrimSuffix(path.Base(p.path), ".md")] = p
		}
	}
	return byName
}

// TestEveryAlertAndFindingHasARunbook that begins with what it means, as alert and
// doctor say it, and goes on with what viewers feel and what to do.
func TestEveryAlertAndFindingHasARunbook(t *testing.T) {
	pages, known := runbooks(t), map[string]bool{}
	for _, s := range subjects(t) {
		known[s.name] = true
		shape := regexp.MustCompile("(?s)^# " + s.name + "\n\n" + regexp.QuoteMeta(s.meaning) + "\n\n## What viewers feel\n\n[A-Z].*\\.\n\n## What to do\n\n.{30,}$")
		if p := pages[s.name]; !shape.MatchString(p.text) {
			t.Errorf("docs/runbooks/%s.md: got %q, want a page with the meaning %q, what viewers feel, and what to do", s.name, p.text, s.meaning)
		}
	}
	for name := range pages {
		if !known[name] {
			t.Errorf("got the page docs/runbooks/%s.md, want pages of alerts and of findings alone", name)
		}
	}
	for _, code := range keyrotation.TroubleCodes() {
		if !known[string(code)] {
			t.Errorf("finding %s: got no runbook, want one", code)
		}
	}
}

func TestEveryAlertLinksToItsRunbook(t *testing.T) {
	for _, a := range alerts(t) {
		if got, want := a.Annotations["runbook_url"], "docs/runbooks/"+a.Name+".md"; got != want {
			t.Errorf("%s: got the runbook_url %q, want %q", a.Name, got, want)
		}
	}
}

// TestTheTablesOfRunbooksAreComplete; with -update they are written.
func TestTheTablesOfRunbooksAreComplete(t *testing.T) {
	var lists [2]strings.Builder
	for _, s := range subjects(t) {
		list := &lists[0]
		if strings.Contains(s.name, "_") {
			list = &lists[1]
		}
		fmt.Fprintf(list, "| [%s](runbooks/%s.md) | %s | %s |\n", s.name, s.name, s.severity, s.meaning)
	}
	file := filepath.Join(root, "docs/runbooks.md")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	written := string(text)
	for i, head := range []string{"alert", "finding"} {
		rows := regexp.MustCompile(`(?m)(^\| ` + head + ` \|.*\n\|[-|]+\n)(?:\|.*\n)*`)
		written = rows.ReplaceAllString(written, "${1}"+strings.ReplaceAll(lists[i].String(), "$", "$$"))
	}
	if *update {
		if err := os.WriteFile(file, []byte(written), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if written != string(text) {
		t.Errorf("docs/runbooks.md: got other tables than go test ./docs -run Runbooks -update writes:\n%s", written)
	}
}
