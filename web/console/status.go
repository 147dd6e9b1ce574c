package console

import (
	"slices"
	"time"
)

// project is a project as the API shows it, as far as pages need it.
type project struct {
	ID       string `json:"project_id"`
	Name     string `json:"name"`
	Platform string `json:"platform"`
}

// status is the dry run of a project's rotation.
type status struct {
	ProjectID    string     `json:"project_id"`
	Due          bool       `json:"due"`
	NextActionAt *time.Time `json:"next_action_at"`
	Plan         []move     `json:"plan"`
	LastRun      lastRun    `json:"last_run"`
	Overdue      bool       `json:"overdue"`
	Findings     []finding  `json:"findings"`
	Error        *Problem   `json:"error"`
}

// move is one that is due or will be.
type move struct {
	Action     string     `json:"action"`
	Generation *int       `json:"generation"`
	Why        string     `json:"why"`
	NotBefore  *time.Time `json:"not_before"`
}

// lastRun is the latest rotation that changed something.
type lastRun struct {
	At      *time.Time `json:"at"`
	Outcome *string    `json:"outcome"`
	Error   *string    `json:"error"`
}

// finding is something that an operator should know about a project's keys.
type finding struct {
	Code       string    `json:"code"`
	Severity   string    `json:"severity"`
	Stops      *string   `json:"stops"`
	Detail     string    `json:"detail"`
	Since      time.Time `json:"since"`
	Generation *int      `json:"generation"`
}

// Tone is how serious the finding is.
func (f finding) Tone() tone {
	switch {
	case f.Stops != nil:
		return bad
	case f.Severity == "problem":
		return warn
	}
	return plain
}

// State is a project's state in a word.
func (s status) State() badge {
	switch {
	case s.Error != nil:
		return badge{bad, "cannot be read"}
	case s.has(func(f finding) bool { return f.Stops != nil && *f.Stops == "viewers" }):
		return badge{bad, "viewers are refused"}
	case s.has(func(f finding) bool { return f.Stops != nil }):
		return badge{bad, "rotation is stopped"}
	case s.Overdue:
		return badge{warn, "overdue"}
	case s.has(func(f finding) bool { return f.Severity == "problem" }):
		return badge{warn, "needs attention"}
	}
	return badge{good, "healthy"}
}

func (s status) has(is func(finding) bool) bool { return slices.ContainsFunc(s.Findings, is) }

// Next is the next move of the plan; nil if nothing is planned.
func (s status) Next() *move {
	if len(s.Plan) == 0 {
		return nil
	}
	return &s.Plan[0]
}
