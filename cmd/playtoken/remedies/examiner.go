package remedies

import (
	"context"

	"playtoken/handlers"
	"playtoken/service"
	"playtoken/service/doctor"
	"playtoken/settings"
)

// examiner is doctor for a service that runs: its API says what to do as the verb
// does.
type examiner struct {
	doctor   *doctor.Examiner
	settings settings.Settings
}

var _ service.Doctor = examiner{}

// NewExaminer returns what examines a service, with what to do about each finding.
func NewExaminer(s *service.Service) service.Doctor {
	return examiner{doctor: doctor.NewExaminer(s), settings: s.Settings}
}

// Examine implements [handlers.Doctor].
func (e examiner) Examine(ctx context.Context, about handlers.Subject) (handlers.Examination, error) {
	report, err := e.doctor.Examine(ctx, about)
	return handlers.Examination{ExaminedAt: report.At.UTC(), Findings: Examined(report.Findings, e.settings)}, err
}

// Close implements [service.Doctor].
func (e examiner) Close() { e.doctor.Close() }

// Examined is findings as the API shows them, with what to do about each.
func Examined(findings []doctor.Finding, c settings.Settings) []handlers.Examined {
	shown := []handlers.Examined{}
	for _, f := range findings {
		one := handlers.Examined{
			ProjectID: known(f.ProjectID), Code: string(f.Code), Check: f.Check, Severity: string(f.Severity), OK: f.Severity != doctor.Problem,
			Meaning: f.Meaning(), Detail: f.Detail, Remedy: known(For(f, c)), Runbook: known(runbook(f)), Generation: known(f.Generation()), KeyID: known(f.Data.Key.KeyID),
		}
		shown = append(shown, one)
	}
	return shown
}

// runbook is the page of the repository about a finding's code, which says what viewers
// feel and what to do; "" if nothing has to be done.
func runbook(f doctor.Finding) string {
	if f.Severity == doctor.OK {
		return ""
	}
	return "docs/runbooks/" + string(f.Code) + ".md"
}

// known is a value, or nil for the zero one.
func known[T comparable](value T) *T {
	var zero T
	if value == zero {
		return nil
	}
	return &value
}
