// Package audit keeps the record of what was done, by whom, and whether it was
// allowed: one JSON object a line, each chained to the one before it by a MAC,
// so that no line can be altered, removed, reordered or cut off unnoticed.
//
// The decision a newcomer would get wrong: an entry is written before its
// effect. A change that cannot be recorded is not made; minting and revoking go
// on without a record, because viewers and emergencies do not wait for a disk.
package audit

import "time"

// Entry is one thing that somebody did, or tried to do. It never holds a
// secret. Empty members are left out.
type Entry struct {
	Actor     string `json:"actor"`  // "admin", an API key's id, "scheduler", "cli", or where it came from
	Action    string `json:"action"` // "project.update", "signing_key.active", "authenticate", "mint"…
	Project   string `json:"project_id,omitempty"`
	Subject   string `json:"subject,omitempty"`         // what it was done to: an id
	Key       string `json:"key_fingerprint,omitempty"` // of a signing key
	RequestID string `json:"request_id,omitempty"`
	Result    string `json:"result"` // "intent", "ok", or a problem's code
	Reason    string `json:"reason,omitempty"`
}

// line is an entry as it is written.
type line struct {
	Seq  uint64    `json:"seq"`
	Time time.Time `json:"time"`
	Entry
	MAC string `json:"mac"`
}
