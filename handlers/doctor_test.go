package handlers_test

import (
	"context"
	"slices"
	"testing"

	"playtoken/handlers"
)

// Examine is a doctor who finds that a project exists.
func (d *deployment) Examine(ctx context.Context, about handlers.Subject) (handlers.Examination, error) {
	d.subjects = append(d.subjects, about)
	found := handlers.Examined{Code: "store_answers", Check: "store", Severity: "ok", OK: true, Meaning: "The store answers.", Detail: "answers"}
	if about.ProjectID != "" {
		if _, err := d.projects.Project(ctx, about.ProjectID); err != nil {
			return handlers.Examination{}, err
		}
		found.ProjectID = &about.ProjectID
	}
	return handlers.Examination{ExaminedAt: day(5), Findings: []handlers.Examined{found}}, nil
}

func TestADoctorIsToldWhatToExamine(t *testing.T) {
	d, done := deploy(t)
	defer done()
	for path, want := range map[string]handlers.Subject{
		"/v1/doctor": {}, "/v1/doctor?scope=all": {}, "/v1/doctor?scope=deployment": {WithoutProjects: true},
		"/v1/projects/" + d.own.ID + "/doctor": {ProjectID: d.own.ID},
	} {
		d.subjects = nil
		if got := d.ask("GET", path, adminKey, ""); got.Code != 200 || !slices.Equal(d.subjects, []handlers.Subject{want}) {
			t.Errorf("%s: got status %d and %+v examined, want 200 and %+v", path, got.Code, d.subjects, want)
		}
	}
	d.subjects = nil
	for path, status := range map[string]int{"/v1/doctor?scope=projects": 400, "/v1/doctor?project_id=default": 400, "/v1/projects/project_unknown/doctor": 404} {
		if got := d.ask("GET", path, adminKey, ""); got.Code != status {
			t.Errorf("%s: got status %d, want %d", path, got.Code, status)
		}
	}
}
