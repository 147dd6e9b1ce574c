package main

import (
	"strings"
	"testing"

	"playtoken/service/doctor"
	"playtoken/settings"
)

func TestEveryProblemAndNoteHasARemedy(t *testing.T) {
	described := map[doctor.Code]doctor.Severity{}
	for _, d := range doctor.Codes() {
		described[d.Code] = d.Severity
		if _, got := doctorRemedies[d.Code]; got != (d.Severity != doctor.OK) {
			t.Errorf("code %s, %s: got a remedy %t, want %t", d.Code, d.Severity, got, !got)
		}
	}
	for code := range doctorRemedies {
		if described[code] == "" {
			t.Errorf("got a remedy for %q, want only codes of package doctor", code)
		}
	}
}

func TestRemediesFillInWhatTheFindingSays(t *testing.T) {
	for _, d := range doctor.Codes() {
		f := doctor.New(d.Code, "detail", doctor.Data{Generation: 7, Standby: 8})
		f.ProjectID = "project_x"
		got := doctorRemedy(f, settings.Settings{})
		for _, placeholder := range []string{"$ACTIVE", "$STANDBY", "$PROJECT", "$REASON", "%!"} {
			if d.Severity != doctor.OK && strings.Contains(got, placeholder) {
				t.Errorf("remedy for %s = %q, want no %s in it", d.Code, got, placeholder)
			}
		}
	}
}
