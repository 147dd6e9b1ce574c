package handlers

import (
	"slices"
	"time"

	"playtoken/keyrotation"
	"playtoken/signer"
)

// The shapes of answers. The command line prints the same, so that a script
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
}

// NewToken shows a token.
func NewToken(t signer.Token) Token {
	return Token{
		Token: t.Value, VideoID: t.VideoID, KeyID: textOrNull(t.KeyID), IssuedAt: t.IssuedAt, ExpiresAt: t.ExpiresAt,
		ExpiresIn: int64(t.ExpiresAt.Sub(t.IssuedAt) / time.Second), RefreshAt: t.RefreshAt, URLs: t.URLs,
	}
}

// Key is a signing key.
type Key struct {
	Generation      int               `json:"generation"`
	State           keyrotation.State `json:"state"`
	KeyID           *string           `json:"key_id"`
	Name            string            `json:"name"`
	Fingerprint     *string           `json:"fingerprint"`
	Bits            int               `json:"bits"`
	Exportable      bool              `json:"exportable"`
	CreatedAt       *time.Time        `json:"created_at"`
	RegisteredAt    *time.Time        `json:"registered_at"`
	ActivatedAt     *time.Time        `json:"activated_at"`
	RetiredAt       *time.Time        `json:"retired_at"`
	DeleteNotBefore *time.Time        `json:"delete_not_before"`
	DeletedAt       *time.Time        `json:"deleted_at"`
	Note            *string           `json:"note"` // why it was revoked, quarantined or abandoned
}

// KeyDetail is a signing key with its public half.
type KeyDetail struct {
	Key
	PublicKey *string `json:"public_key"` // PEM; null for a deleted key
}

// KeyList is a project's keys, newest first.
type KeyList struct {
	Items []Key `json:"items"`
}

func newKey(k keyrotation.Key) Key {
	return Key{
		Generation: k.Generation, State: k.State, KeyID: textOrNull(k.KeyID), Name: k.Name, Fingerprint: textOrNull(k.Fingerprint),
		Bits: k.Bits, Exportable: k.Exportable, CreatedAt: timeOrNull(k.CreatedAt), RegisteredAt: timeOrNull(k.RegisteredAt),
		ActivatedAt: timeOrNull(k.ActivatedAt), RetiredAt: timeOrNull(k.RetiredAt),
		DeleteNotBefore: timeOrNull(k.DeleteNotBefore), DeletedAt: timeOrNull(k.DeletedAt), Note: textOrNull(k.Note),
	}
}

// NewKeyDetail shows one key.
func NewKeyDetail(k keyrotation.Key) KeyDetail { return KeyDetail{newKey(k), textOrNull(k.PublicKey)} }

// NewKeyList shows all keys of a ring.
func NewKeyList(ring keyrotation.Ring) KeyList {
	list := KeyList{Items: []Key{}}
	for _, k := range slices.Backward(ring.Keys) {
		list.Items = append(list.Items, newKey(k))
	}
	return list
}

// Rotated is how a change of keys ended.
type Rotated struct {
	Changed      bool       `json:"changed"`
	Actions      []Action   `json:"actions"`
	NextActionAt *time.Time `json:"next_action_at"`
	Reason       string     `json:"reason"`
	Refused      bool       `json:"refused,omitzero"` // a guard refused what was asked for
}

// Action is one move that was made.
type Action struct {
	Action     string  `json:"action"`
	Generation *int    `json:"generation"`
	KeyID      *string `json:"key_id"`
}

// NewRotated shows a result.
func NewRotated(r keyrotation.Result) Rotated {
	rotated := Rotated{Changed: r.Changed, Actions: []Action{}, NextActionAt: timeOrNull(r.NextActionAt), Reason: r.Reason}
	for _, done := range r.Actions {
		rotated.Actions = append(rotated.Actions, Action{done.Action, generationOrNull(done.Generation), textOrNull(done.KeyID)})
	}
	return rotated
}

// RotationStatus is the dry run.
type RotationStatus struct {
	Due          bool       `json:"due"`
	NextActionAt *time.Time `json:"next_action_at"`
	Plan         []Move     `json:"plan"`
	LastRun      LastRun    `json:"last_run"`
	Overdue      bool       `json:"overdue"`
}

// Move is one move that will be made, or would be but for what Why says.
type Move struct {
	Action     keyrotation.Action `json:"action"`
	Generation *int               `json:"generation"`
	KeyID      *string            `json:"key_id"`
	Why        string             `json:"why"`
	NotBefore  *time.Time         `json:"not_before"` // null: time alone will not help
}

// LastRun is how the newest reconcile that did something ended.
type LastRun struct {
	At      *time.Time `json:"at"`
	Outcome *string    `json:"outcome"`
	Error   *string    `json:"error"`
}

// NewRotationStatus shows a dry run.
func NewRotationStatus(s keyrotation.Status) RotationStatus {
	status := RotationStatus{
		Due: s.Due, NextActionAt: timeOrNull(s.NextActionAt), Plan: []Move{}, Overdue: s.Overdue,
		LastRun: LastRun{timeOrNull(s.LastRun.At), textOrNull(s.LastRun.Outcome), textOrNull(s.LastRun.Error)},
	}
	for _, m := range s.Plan {
		status.Plan = append(status.Plan, Move{m.Action, generationOrNull(m.Generation), textOrNull(m.KeyID), m.Why, timeOrNull(m.NotBefore)})
	}
	return status
}

// Revocation is what a revocation has done.
type Revocation struct {
	Revoked              int        `json:"revoked"`
	ActiveGeneration     *int       `json:"active_generation"` // null: none
	EarliestAt           *time.Time `json:"earliest_at"`
	TokensLostForSeconds int        `json:"tokens_lost_for_seconds"`
	Pending              *string    `json:"pending"` // what the next rotations still have to do; null: nothing
}

// NewRevocation shows a revocation that took effect, and the trouble that kept
// it from being finished, if any did.
func NewRevocation(r keyrotation.Revocation, trouble error) Revocation {
	revocation := Revocation{Revoked: r.Revoked, ActiveGeneration: generationOrNull(r.ActiveGeneration), EarliestAt: timeOrNull(r.EarliestAt)}
	if r.TokensLostFor > 0 {
		revocation.TokensLostForSeconds = seconds(r.TokensLostFor)
	}
	if trouble != nil {
		revocation.Pending = textOrNull("the key signs nothing more, but it is not yet gone everywhere: " +
			"until the platform has deleted it, tokens made with a stolen copy still open videos")
	}
	return revocation
}

// generationOrNull is null for what is about no generation.
func generationOrNull(generation int) *int {
	if generation == 0 {
		return nil
	}
	return &generation
}

// timeOrNull is null for what has not happened.
func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// textOrNull is null for a text that is not known yet.
func textOrNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
