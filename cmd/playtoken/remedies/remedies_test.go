package remedies

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"playtoken/service/doctor"
	"playtoken/settings"
)

func TestEveryProblemAndNoteHasARemedy(t *testing.T) {
	described := map[doctor.Code]doctor.Severity{}
	for _, d := range doctor.Codes() {
		described[d.Code] = d.Severity
		if _, got := table[d.Code]; got != (d.Severity != doctor.OK) {
			t.Errorf("code %s, %s: got a remedy %t, want %t", d.Code, d.Severity, got, !got)
		}
	}
	for code := range table {
		if described[code] == "" {
			t.Errorf("got a remedy for %q, want only codes of package doctor", code)
		}
	}
}

func TestProblemsAndNotesNameTheirRunbook(t *testing.T) {
	for _, d := range doctor.Codes() {
		shown := Examined([]doctor.Finding{{Code: d.Code, Severity: d.Severity}}, settings.Settings{})[0]
		if d.Severity == doctor.OK {
			if shown.Runbook != nil {
				t.Errorf("code %s: got the runbook %s, want none of what is well", d.Code, *shown.Runbook)
			}
			continue
		}
		if shown.Runbook == nil {
			t.Fatalf("code %s: got no runbook, want one", d.Code)
		}
		if _, err := os.Stat(filepath.Join("../../..", *shown.Runbook)); err != nil {
			t.Errorf("code %s: got the runbook %s, want a page that exists: %v", d.Code, *shown.Runbook, err)
		}
	}
}

func TestRemediesFillInWhatTheFindingSays(t *testing.T) {
	for _, d := range doctor.Codes() {
		f := doctor.Finding{Code: d.Code, ProjectID: "project_x", Severity: d.Severity, Data: doctor.Data{Generation: 7, Standby: 8}}
		got := For(f, settings.Settings{})
		for _, placeholder := range []string{"$ACTIVE", "$STANDBY", "$PROJECT", "$REASON", "%!"} {
			if d.Severity != doctor.OK && strings.Contains(got, placeholder) {
				t.Errorf("remedy for %s = %q, want no %s in it", d.Code, got, placeholder)
			}
		}
	}
}

func TestRemediesNameTheProjectsCredential(t *testing.T) {
	for _, tt := range []struct {
		data doctor.Data
		want string
	}{
		{doctor.Data{Credential: "api_key"}, "playtoken project update project_x --credential api_key=FILE"},
		{doctor.Data{}, "playtoken project update project_x --credential NAME=FILE"},
		{doctor.Data{Credential: "api_key", FromSettings: true}, "set PLAYTOKEN_PLATFORM_API_KEY"},
	} {
		f := doctor.Finding{Code: doctor.CredentialExpires, ProjectID: "project_x", Data: tt.data}
		if got := For(f, settings.Settings{}); !strings.HasSuffix(got, tt.want) {
			t.Errorf("remedy with %+v = %q, want %q at its end", tt.data, got, tt.want)
		}
	}
}
