package handlers

import (
	"context"
	"time"
)

// Doctor examines the deployment, and changes nothing. Callers who ask at the same
// time share one examination. Errors: projects.ErrNotFound.
type Doctor interface {
	Examine(ctx context.Context, about Subject) (Examination, error)
}

// Subject is what is examined; the zero one is the deployment with all projects.
type Subject struct {
	ProjectID       string // this project alone
	WithoutProjects bool   // what is about no project
}

// Examination is what doctor found.
type Examination struct {
	ExaminedAt time.Time  `json:"examined_at"`
	Findings   []Examined `json:"findings"`
}

// Examined is one thing that was examined, with what to do about it.
type Examined struct {
	ProjectID  *string `json:"project_id"` // null: it is about no project
	Code       string  `json:"code"`
	Check      string  `json:"check"`
	Severity   string  `json:"severity"` // "ok", "note" or "problem"
	OK         bool    `json:"ok"`       // it is no problem
	Meaning    string  `json:"meaning"`  // the same for each finding with the code
	Detail     string  `json:"detail"`
	Remedy     *string `json:"remedy"`  // commands and settings; null: nothing has to be done
	Runbook    *string `json:"runbook"` // page of the repository about the code; null: nothing has to be done
	Generation *int    `json:"generation"`
	KeyID      *string `json:"key_id"`
}

// examineQuery narrows an examination of the deployment.
type examineQuery struct{ withoutProjects bool }

func (*examineQuery) names() []string { return []string{"scope"} }

func (q *examineQuery) set(name, value string) *fieldError {
	if value != "all" && value != "deployment" {
		return &fieldError{Field: name, Detail: `must be "all" (the deployment and each project) or "deployment" (without the projects)`}
	}
	q.withoutProjects = value == "deployment"
	return nil
}

func (s *server) examine(ctx context.Context, _ call, q examineQuery) (Examination, error) {
	return s.Doctor.Examine(ctx, Subject{WithoutProjects: q.withoutProjects})
}

func (s *server) examineProject(ctx context.Context, c call, _ noBody) (Examination, error) {
	return s.Doctor.Examine(ctx, Subject{ProjectID: c.project})
}
