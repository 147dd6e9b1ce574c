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

// Reasons that only a ring knows; the others are the verifier's.
const (
	unknownKey   = "unknown_key"
	keyNotUsable = "key_not_usable"
)

type inspectBody struct {
	Token     string     `json:"token"`
	VideoID   *string    `json:"video_id"` // absent: whichever the token is for
	At        *time.Time `json:"at"`       // absent: now
	ProjectID *string    `json:"project_id"`
}

func (b inspectBody) projectID() string { return deref(b.ProjectID) }

func (b inspectBody) check() error {
	var wrong []fieldError
	if b.Token == "" {
		wrong = append(wrong, fieldError{"token", "is required: send the playback token"})
	}
	if b.VideoID != nil && *b.VideoID == "" {
		wrong = append(wrong, fieldError{"video_id", "is empty: name the video, or leave it out"})
	}
	return invalidFields(append(wrong, checkProjectID(b.ProjectID)...)...)
}

// Inspection is why a platform would refuse a token. Header, Claims and Key are
// nil where the token does not have readable ones.
type Inspection struct {
	Valid   bool           `json:"valid"`
	Reasons []string       `json:"reasons"` // codes; empty, not nil, if valid
	Detail  string         `json:"detail"`  // the first reason, for people
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

// inspect knows the keys of one ring, which is one the caller may mint with:
// about another project's token it says what it says about a stranger's.
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
			return NewInspection(verdict), nil
		}
	}
	ring, err := s.ring(ctx, c.project)
	if err != nil {
		return Inspection{}, err
	}
	return Inspect(ring, body.Token, deref(body.VideoID), at), nil
}

// NewInspection shows what a platform says about a token of its own kind.
func NewInspection(v platforms.Verdict) Inspection {
	a := Inspection{Reasons: []string{}, Header: v.Header, Claims: v.Claims}
	for _, reason := range v.Reasons {
		a.refuse(reason.Code, reason.Detail)
	}
	a.Valid = len(a.Reasons) == 0
	return a
}

// Inspect says what a platform that knows the usable keys of a ring makes of a
// token at an instant; with no video, the token's own is meant.
func Inspect(ring keyrotation.Ring, token, videoID string, at time.Time) Inspection {
	a := Inspection{Reasons: []string{}}
	a.look(ring, token, videoID, at)
	a.Valid = len(a.Reasons) == 0
	return a
}

func (a *Inspection) look(ring keyrotation.Ring, text, videoID string, at time.Time) {
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
	a.Key = &InspectedKey{key.Generation, key.State, key.Fingerprint}
	public, err := verify.ParsePublicKey(key.PublicKey)
	switch {
	case !usable(key.State):
		a.refuse(keyNotUsable, "the signing key is "+string(key.State))
	case err != nil:
		a.refuse(keyNotUsable, "the signing key's recorded public half cannot be used")
	}
	if err != nil { // as with every tombstone: nothing to hold the token against
		return
	}
	a.hold(token, text, videoID, at, public)
}

// hold reports everything that is wrong with a token, not only what the
// verifier finds first: a token of the right key may be late and for another
// video.
func (a *Inspection) hold(token verify.Token, text, videoID string, at time.Time, public *rsa.PublicKey) {
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
	late := reason == string(verify.TokenExpired) || reason == string(verify.TokenNotYetValid)
	if late && token.Subject != "" && token.Subject != "*" && token.Subject != videoID {
		a.refuse(string(verify.VideoNotAllowed), "")
	}
}

func reasonOf(err error) (reason, detail string) {
	if refused, ok := errors.AsType[*verify.Error](err); ok {
		return string(refused.Reason), refused.Detail
	}
	return string(verify.TokenMalformed), "the token cannot be read"
}

// keyByID finds a key by what the platform calls it; a platform may have used
// an id again, so a tombstone gives way.
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
