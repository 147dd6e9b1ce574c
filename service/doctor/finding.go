// Package doctor examines a deployment and says what it found: whether
// settings, store, clock, audit file, platforms and keys are as they should be.
//
// It changes nothing. The decision a newcomer would get wrong: a finding says
// what is the case and not what to do. It has a stable Code, and data for the
// remedy; which command or setting that is, only the command line knows.
package doctor

import (
	"cmp"
	"time"

	"playtoken/keyrotation"
)

// Finding is one thing that was examined.
type Finding struct {
	Code      Code
	ProjectID string // of a check that is about one project
	Check     string // what was examined; from the code's Description
	Severity  Severity
	Detail    string // one sentence for people
	Data      Data   // what Detail is made of

	// Err is set where an error kept the examination from looking, rather
	// than what was seen being wrong.
	Err error
}

// Meaning is what is the same for every finding with the code, one line.
func (f Finding) Meaning() string { return describe(f.Code).Meaning }

// Generation is that of the key that the finding is about; 0 if it is about none.
func (f Finding) Generation() int { return cmp.Or(f.Data.Key.Generation, f.Data.Generation) }

// Data is what a remedy may need of a finding; most of it is zero.
type Data struct {
	FromSettings bool   // the deployment's settings describe the project, not a document
	Credential   string // name of the first member of the project's credential
	Platform     string // that the project should be on

	Path       string                // file or directory
	Command    string                // shell command that mends the permissions of Path
	Role       string                // policy that the token of Vault is for; empty: unknown
	Until      time.Time             // when a token, a credential or the keys end
	Generation int                   // of the active key
	Standby    int                   // generation of the standby
	KeysNeeded int                   // at the platform at once
	OnRecord   keyrotation.Durations // those that are longer than what is set
	EarliestAt time.Time             // when a key may be active
	Since      time.Time             // when it began
	Issuer     string                // URL
	Key        keyrotation.Finding   // a difference between ring, store and platform
}

// newFinding makes a finding.
func newFinding(code Code, detail string, data Data) Finding {
	d := describe(code)
	return Finding{Code: code, Check: d.Check, Severity: d.Severity, Detail: detail, Data: data}
}

// failure makes a finding of an error that kept the examination from looking.
func failure(code Code, err error, data Data) Finding {
	f := newFinding(code, err.Error(), data)
	f.Err = err
	return f
}

// moment is a time as findings show it.
func moment(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}
