package handlers

import (
	"context"
	"crypto/rsa"
	"errors"
	"time"

	"playtoken/gate/verify"
	"playtoken/keyrotation"
	"playtoken/platforms"
)

// Reasons that come from the ring; the others come from the verifier.
const (
	unknownKey   = "unknown_key"
	keyNotUsable = "key_not_usable"
	keyMissing   = "key_missing_at_platform"
)

type inspectBody struct {
	Token     string     `json:"token"`
	VideoID   *string    `json:"video_id"` // absent: the token's own
	At        *time.Time `json:"at"`       // absent: now
	ProjectID *string    `json:"project_id"`
}

var (
	_ withCheck     = inspectBody{}
	_ withProjectID = inspectBody{}
)

func (b inspectBody) projectID() string { return deref(b.ProjectID) }

func (b inspectBody) check() error {
	var wrong []fieldError
	if b.Token == "" {
		wrong = append(wrong, fieldError{"token", "is required: send the playback token"})
	}
	if b.VideoID != nil && *b.VideoID == "" {
		wrong = append(wrong, fieldError{"video_id", "is empty: send the video's id, or leave it out"})
	}
	return invalidFields(append(wrong, checkProjectID(b.ProjectID)...)...)
}

// Inspection says whether a platform would accept a token, and why not. Header,
// Claims and Key are nil where the token has none that can be read.
type Inspection struct {
	Valid   bool           `json:"valid"`
	Reasons []string       `json:"reasons"` // codes; empty, not nil, if valid
	Detail  string         `json:"detail"`  // the first reason, as text
	Header  map[string]any `json:"header"`
	Claims  map[string]any `json:"claims"`
	Key     *InspectedKey  `json:"key"`
}

// InspectedKey is the signing key that a token names.
type InspectedKey struct {
	Generation  int               `json:"generation"`
	State       keyrotation.State `json:"state"`
	Fingerprint string            `json:"fingerprint"`
}

func (a *Inspection) refuse(reason, detail string) {
	if len(a.Reasons) == 0 {
		a.Detail = detail
	}
	a.Reasons = append(a.Reasons, reason)
}

// inspect uses the keys of one project, which the caller may mint for. A token of
// another project is reported as one with an unknown key.
func (s *server) inspect(ctx context.Context, c call, body inspectBody) (Inspection, error) {
	at := time.Now()
	if body.At != nil {
		at = *body.At
	}
	if s.Verdict != nil {
		verdict, known, err := s.Verdict(ctx, c.project, body.Token, deref(body.VideoID), at)
		if err != nil {
			return Inspection{}, err
		}
		if known {
			return newInspection(verdict), nil
		}
	}
	ring, err := s.ringOf(ctx, c.project)
	if err != nil {
		return Inspection{}, err
	}
	return inspectWith(ring, body.Token, deref(body.VideoID), at), nil
}

// newInspection shows the verdict of a platform whose tokens are its own kind.
func newInspection(v platforms.Verdict) Inspection {
	a := Inspection{Reasons: []string{}, Header: v.Header, Claims: v.Claims}
	for _, reason := range v.Reasons {
		a.refuse(reason.Code, reason.Detail)
	}
	a.Valid = len(a.Reasons) == 0
	return a
}

// Inspect verifies a token as a platform would that has the usable keys of a
// ring. Without a videoID, the token's own is used.
func inspectWith(ring keyrotation.Ring, token, videoID string, at time.Time) Inspection {
	a := Inspection{Reasons: []string{}}
	a.examine(ring, token, videoID, at)
	a.Valid = len(a.Reasons) == 0
	return a
}

func (a *Inspection) examine(ring keyrotation.Ring, text, videoID string, at time.Time) {
	token, err := verify.Parse(text)
	if err != nil {
		a.refuse(reasonOf(err))
		return
	}
	a.Header, a.Claims = token.Header, token.Claims
	key, ok := keyByID(ring, token.KeyID)
	if !ok {
		a.refuse(unknownKey, "no signing key of this project has the token's kid")
		return
	}
	a.Key = &InspectedKey{Generation: key.Generation, State: key.State, Fingerprint: key.Fingerprint}
	public, err := verify.ParsePublicKey(key.PublicKey)
	switch {
	case !usable(key.State):
		a.refuse(keyNotUsable, "the signing key is "+string(key.State))
	case err != nil:
		a.refuse(keyNotUsable, "the recorded public key of the signing key is unusable")
	}
	if ring.MissingAtPlatform(key) {
		a.refuse(keyMissing, "the platform does not hold the signing key, as the look at "+ring.ObservedAt.UTC().Format(time.RFC3339)+" found")
	}
	if err != nil { // a deleted key has no public key to verify with
		return
	}
	a.verify(token, text, videoID, at, public)
}

// verify reports everything that is wrong with a token, and not only the first
// error of the verifier: a token may be both expired and for another video.
func (a *Inspection) verify(token verify.Token, text, videoID string, at time.Time, public *rsa.PublicKey) {
	if videoID == "" {
		videoID = token.Subject
	}
	keys := func(string) (*rsa.PublicKey, bool) { return public, true }
	_, err := verify.Verify(text, videoID, at, keys)
	if err == nil {
		return
	}
	reason, detail := reasonOf(err)
	a.refuse(reason, detail)
	untimely := reason == string(verify.TokenExpired) || reason == string(verify.TokenNotYetValid)
	if untimely && token.Subject != "" && token.Subject != "*" && token.Subject != videoID {
		a.refuse(string(verify.VideoNotAllowed), "")
	}
}

func reasonOf(err error) (reason, detail string) {
	if refused, ok := errors.AsType[*verify.Error](err); ok {
		return string(refused.Reason), refused.Detail
	}
	return string(verify.TokenMalformed), "the token cannot be read"
}

// keyByID finds a key by its platform's id. A platform may use the id of a deleted
// key again, so another key is preferred to a deleted one.
func keyByID(ring keyrotation.Ring, keyID string) (found keyrotation.Key, ok bool) {
	for _, key := range ring.Keys {
		if key.KeyID == keyID && (!ok || found.State == keyrotation.Deleted) {
			found, ok = key, true
		}
	}
	return found, ok
}

// usable reports whether a platform verifies tokens with a key in this state.
func usable(state keyrotation.State) bool {
	return state == keyrotation.Registered || state == keyrotation.Active || state == keyrotation.Retiring
}
