package handlers

import (
	"errors"
	"slices"
	"time"

	"playtoken/keyrotation"
	"playtoken/signer"
	"playtoken/store"
)

// These are the shapes of responses. The command line prints the same, so that a script
// can be moved from one to the other. Null is what is not known or has not
// timeOrNull; lists are never null.

// Token is a playback token with everything a player needs.
type Token struct {
	Token     string      `json:"token"`
	VideoID   string      `json:"video_id"`
	KeyID     *string     `json:"key_id"`
	IssuedAt  time.Time   `json:"issued_at"`
	ExpiresAt time.Time   `json:"expires_at"`
	ExpiresIn int64       `json:"expires_in"` // seconds
	RefreshAt time.Time   `json:"refresh_at"`
	URLs      signer.URLs `json:"urls"`

	Delivery signer.Delivery   `json:"delivery"`
	Tokens   map[string]string `json:"tokens,omitempty"` // by kind, where kinds were asked for
}

// newToken shows a token.
func newToken(t signer.Token) Token {
	return Token{
		Token: t.Value, VideoID: t.VideoID, KeyID: textOrNull(t.KeyID), IssuedAt: t.IssuedAt, ExpiresAt: t.ExpiresAt,
		ExpiresIn: int64(t.ExpiresAt.Sub(t.IssuedAt) / time.Second), RefreshAt: t.RefreshAt, URLs: t.URLs,
		Delivery: t.Delivery, Tokens: t.Kinds,
	}
}

// Key is a signing key.
type Key struct {
	Generation      int               `json:"generation"`
	State           keyrotation.State `json:"state"`
	KeyID           *string           `json:"key_id"`
	Name            string            `json:"name"`
	Fingerprint     *string           `json:"fingerprint"`
	Kind            store.Kind        `json:"kind,omitzero"` // of an issued key: absent
	Bits            int               `json:"bits"`
	Exportable      bool              `json:"exportable"`
	CreatedAt       *time.Time        `json:"created_at"`
	RegisteredAt    *time.Time        `json:"registered_at"`
	ActivatedAt     *time.Time        `json:"activated_at"`
	RetiredAt       *time.Time        `json:"retired_at"`
	DeleteNotBefore *time.Time        `json:"delete_not_before"`
	DeletedAt       *time.Time        `json:"deleted_at"`
	Note            *string           `json:"note"` // why it was revoked, quarantined or abandoned

	WaitsFor keyrotation.WaitsFor `json:"waits_for,omitempty"` // what an operator has to do
}

// KeyDetail is a signing key with its public key.
type KeyDetail struct {
	Key
	PublicKey *string             `json:"public_key"`    // PEM; null for a deleted key
	WebKey    *keyrotation.WebKey `json:"jwk,omitempty"` // the same, with the key id that tokens have
}

// KeyList is a project's keys, newest first.
type KeyList struct {
	Items []Key `json:"items"`
}

func newKey(k keyrotation.Key) Key {
	return Key{
		Generation: k.Generation, State: k.State, KeyID: textOrNull(k.KeyID), Name: k.Name, Fingerprint: textOrNull(k.Fingerprint),
		Kind: k.Kind, Bits: k.Kind.Bits(), Exportable: k.Exportable, CreatedAt: timeOrNull(k.CreatedAt), RegisteredAt: timeOrNull(k.RegisteredAt),
		ActivatedAt: timeOrNull(k.ActivatedAt), RetiredAt: timeOrNull(k.RetiredAt),
		DeleteNotBefore: timeOrNull(k.DeleteNotBefore), DeletedAt: timeOrNull(k.DeletedAt), Note: textOrNull(k.Note),
		WaitsFor: k.WaitsFor(),
	}
}

// newKeyDetail shows one key.
func newKeyDetail(k keyrotation.Key) KeyDetail {
	detail := KeyDetail{Key: newKey(k), PublicKey: textOrNull(k.PublicKey)}
	if public, err := keyrotation.ReadWebKey(k.PublicKey); err == nil {
		public.Kid = k.KeyID
		detail.WebKey = &public
	}
	return detail
}

// newKeyList shows all keys of a ring.
func newKeyList(ring keyrotation.Ring) KeyList {
	list := KeyList{Items: []Key{}}
	for _, k := range slices.Backward(ring.Keys) {
		list.Items = append(list.Items, newKey(k))
	}
	return list
}

// Rotated is the result of a change of keys.
type Rotated struct {
	Changed      bool       `json:"changed"`
	Actions      []Action   `json:"actions"`
	NextActionAt *time.Time `json:"next_action_at"`
	Reason       string     `json:"reason"`
	Refused      bool       `json:"refused,omitzero"` // a guard refused what was asked for

	Findings []RotationFinding `json:"findings,omitempty"`
}

// Action is one move that was carried out.
type Action struct {
	Action     string  `json:"action"`
	Generation *int    `json:"generation"`
	KeyID      *string `json:"key_id"`
}

// newRotated shows a result.
func newRotated(r keyrotation.Result) Rotated {
	rotated := Rotated{Changed: r.Changed, Actions: []Action{}, NextActionAt: timeOrNull(r.NextActionAt), Reason: r.Reason,
		Findings: newRotationFindings(r.Troubles)}
	for _, done := range r.Actions {
		rotated.Actions = append(rotated.Actions, Action{
			Action: done.Action, Generation: generationOrNull(done.Generation), KeyID: textOrNull(done.KeyID),
		})
	}
	return rotated
}

// RotationStatus is the dry run of a project.
type RotationStatus struct {
	Due          bool       `json:"due"`
	NextActionAt *time.Time `json:"next_action_at"`
	Plan         []Move     `json:"plan"`
	LastRun      LastRun    `json:"last_run"`
	Overdue      bool       `json:"overdue"`

	Findings []RotationFinding `json:"findings"`
}

// RotationFinding is something that an operator should know about a project's
// keys.
type RotationFinding struct {
	Code       keyrotation.TroubleCode `json:"code"`
	Severity   string                  `json:"severity"` // "problem" or "note"
	Stops      *string                 `json:"stops"`    // "viewers", "rotation", or null: neither
	Detail     string                  `json:"detail"`
	Since      time.Time               `json:"since"`
	Generation *int                    `json:"generation"`
	KeyID      *string                 `json:"key_id"`
}

// newRotationFindings shows troubles.
func newRotationFindings(troubles []keyrotation.Trouble) []RotationFinding {
	found := []RotationFinding{}
	for _, t := range troubles {
		f := RotationFinding{Code: t.Code, Severity: "problem", Detail: t.Detail, Since: t.Since.UTC(),
			Generation: generationOrNull(t.Generation), KeyID: textOrNull(t.KeyID)}
		switch t.Code.Stops() {
		case keyrotation.StopsNothing:
			f.Severity = "note"
		case keyrotation.StopsViewers:
			f.Stops = textOrNull("viewers")
		case keyrotation.StopsRotation:
			f.Stops = textOrNull("rotation")
		}
		found = append(found, f)
	}
	return found
}

// Move is a move that is due or will be. Why says what it is for, or what prevents
// it.
type Move struct {
	Action     keyrotation.Action `json:"action"`
	Generation *int               `json:"generation"`
	KeyID      *string            `json:"key_id"`
	Why        string             `json:"why"`
	NotBefore  *time.Time         `json:"not_before"` // null: waiting does not make it possible
}

// LastRun is the result of the latest reconcile that changed something.
type LastRun struct {
	At      *time.Time `json:"at"`
	Outcome *string    `json:"outcome"`
	Error   *string    `json:"error"`
}

// newRotationStatus shows a dry run.
func newRotationStatus(s keyrotation.Status) RotationStatus {
	status := RotationStatus{
		Due: s.Due, NextActionAt: timeOrNull(s.NextActionAt), Plan: []Move{}, Overdue: s.Overdue,
		Findings: newRotationFindings(s.Troubles),
		LastRun:  LastRun{At: timeOrNull(s.LastRun.At), Outcome: textOrNull(s.LastRun.Outcome), Error: textOrNull(s.LastRun.Error)},
	}
	for _, m := range s.Plan {
		status.Plan = append(status.Plan, Move{
			Action: m.Action, Generation: generationOrNull(m.Generation), KeyID: textOrNull(m.KeyID),
			Why: m.Why, NotBefore: timeOrNull(m.NotBefore),
		})
	}
	return status
}

// Revocation is the result of a revocation.
type Revocation struct {
	Revoked              int        `json:"revoked"`
	ActiveGeneration     *int       `json:"active_generation"` // null: no key is active
	EarliestAt           *time.Time `json:"earliest_at"`
	TokensLostForSeconds int        `json:"tokens_lost_for_seconds"`
	Unfinished
}

// Unfinished is what the next rotations still have to do, and why it is not done: the
// other members are absent where it is.
type Unfinished struct {
	Pending       *string `json:"pending"`                // null: everything is done
	Code          string  `json:"pending_code,omitempty"` // of the problem that is in the way
	NeedsOperator bool    `json:"needs_operator,omitzero"`
}

// newUnfinished shows what is left to do after a change that took effect.
func newUnfinished(pending string, trouble error) Unfinished {
	f := failureOf(trouble)
	return Unfinished{Pending: &pending, Code: f.code, NeedsOperator: f.operator}
}

// newRevocation shows a revocation that took effect, and the error that kept it
// from being completed, if there was one.
func newRevocation(r keyrotation.Revocation, trouble error) Revocation {
	revocation := Revocation{Revoked: r.Revoked, ActiveGeneration: generationOrNull(r.ActiveGeneration), EarliestAt: timeOrNull(r.EarliestAt)}
	if r.TokensLostFor > 0 {
		revocation.TokensLostForSeconds = seconds(r.TokensLostFor)
	}
	if trouble != nil {
		pending := "the key no longer signs, but it is not yet deleted everywhere: " +
			"until the platform has deleted it, tokens made with a stolen copy are still accepted"
		if r.EndsSessions {
			pending += ", and the sessions that its tokens opened may go on"
		}
		if guard, ok := errors.AsType[*keyrotation.Guard](trouble); ok {
			pending += "; " + guard.Why
		}
		revocation.Unfinished = newUnfinished(pending, trouble)
	}
	return revocation
}

// generationOrNull is null for generation 0, which no key has.
func generationOrNull(generation int) *int {
	if generation == 0 {
		return nil
	}
	return &generation
}

// timeOrNull is null for the zero time, of an event that has not happened.
func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// textOrNull is null for an empty text, which means unknown.
func textOrNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
