package handlers

import (
	"fmt"

	"playtoken/durations"
	"playtoken/keyrotation"
)

// Drift is every difference between ring, store and platform.
type Drift struct {
	Orphans    []Finding `json:"orphans"`
	Missing    []Finding `json:"missing"`
	Unmanaged  []Finding `json:"unmanaged"`
	Mismatched []Finding `json:"mismatched"`

	Keys []KnownKey `json:"keys"`
}

// KnownKey is which of ring, store and platform know a key.
type KnownKey struct {
	Generation  *int                  `json:"generation"`
	State       *keyrotation.State    `json:"state"` // in the ring; null: it does not have the key
	KeyID       *string               `json:"key_id"`
	Name        string                `json:"name"`
	Fingerprint *string               `json:"fingerprint"`
	Store       *keyrotation.Presence `json:"store"` // null: the store was not asked
	Platform    keyrotation.Presence  `json:"platform"`
}

func newKnownKeys(all []keyrotation.Known) []KnownKey {
	keys := []KnownKey{}
	for _, k := range all {
		one := KnownKey{
			Generation: generationOrNull(k.Generation), KeyID: textOrNull(k.KeyID), Name: k.Name, Fingerprint: textOrNull(k.Fingerprint), Platform: k.Platform,
		}
		if k.State != "" {
			one.State = &k.State
		}
		if k.Store != "" {
			one.Store = &k.Store
		}
		keys = append(keys, one)
	}
	return keys
}

// Finding is one difference, what it means and what an operator can do.
type Finding struct {
	KeyID       *string `json:"key_id"`
	Name        string  `json:"name"`
	Fingerprint *string `json:"fingerprint"`
	Generation  *int    `json:"generation"`
	Meaning     string  `json:"meaning"`
	Remedy      string  `json:"remedy"`
}

// newDrift shows the comparison of a project.
func newDrift(project string, d keyrotation.Drift) Drift {
	return Drift{
		Orphans: newFindings(project, d.Orphans), Missing: newFindings(project, d.Missing),
		Unmanaged: newFindings(project, d.Unmanaged), Mismatched: newFindings(project, d.Mismatched),
		Keys: newKnownKeys(d.Keys),
	}
}

func newFindings(project string, found []keyrotation.Finding) []Finding {
	findings := []Finding{}
	for _, f := range found {
		findings = append(findings, Finding{
			KeyID: textOrNull(f.KeyID), Name: f.Name, Fingerprint: textOrNull(f.Fingerprint), Generation: generationOrNull(f.Generation),
			Meaning: f.Meaning, Remedy: DriftRemedy(project, f),
		})
	}
	return findings
}

// DriftRemedy says what an operator can do about a finding.
func DriftRemedy(project string, f keyrotation.Finding) string {
	remove := fmt.Sprintf("playtoken keys remove-unmanaged %s --project %s --reason TEXT", f.KeyID, project)
	confirm := fmt.Sprintf("playtoken keys confirm %d --project %s --reason TEXT", f.Generation, project)
	switch f.Code {
	case keyrotation.KeyUnconfirmed:
		return "if the platform's console shows this key under this id: " + confirm
	case keyrotation.KeyUnrecognised:
		return fmt.Sprintf("if the platform's console shows it as generation %d: %s --key-id %s; if not: %s", f.Generation, confirm, f.KeyID, remove)
	case keyrotation.KeyOrphan:
		return "none needed, the next rotations delete it; to hurry: playtoken rotate --project " + project
	case keyrotation.KeyForgotten:
		return fmt.Sprintf("if no copy of the store is in use, and %s after the backup was restored: %s", durations.Text(f.TokensFor), remove)
	case keyrotation.KeyForeign:
		return "if no signer uses it any more: " + remove
	case keyrotation.KeyOfProject:
		return "none needed, that project rotates it"
	case keyrotation.KeyUnattributed:
		return "none until the other projects can be read: playtoken doctor"
	}
	return fmt.Sprintf("if this was done on purpose: playtoken keys revoke %d --project %s --reason TEXT", f.Generation, project)
}
