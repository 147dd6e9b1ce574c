package handlers

import (
	"context"
	"crypto"
	"errors"
	"time"

	"playtoken/gate/verify"
	"playtoken/keyrotation"
	"playtoken/platforms"
	"playtoken/platforms/lint"
	"playtoken/signer"
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

	// Advice is for who makes the token, or copies it: mistakes that explain a
	// reason, or that this platform lets pass.
	Advice []lint.Advice `json:"advice,omitempty"`
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
			return s.advised(ctx, c, newInspection(verdict), body.Token, at, keyrotation.Ring{})
		}
	}
	ring, err := s.ringOf(ctx, c.project)
	if err != nil {
		return Inspection{}, err
	}
	e := examination{ring: ring, text: body.Token, video: deref(body.VideoID), at: at}
	if s.Examine != nil {
		examine, err := s.Examine(ctx, c.project)
		if err != nil {
			return Inspection{}, err
		}
		if examine != nil {
			return e.inspectForm(examine), nil
		}
	}
	if s.Judge != nil {
		if e.judging, err = s.Judge(ctx, c.project); err != nil {
			return Inspection{}, err
		}
	}
	return s.advised(ctx, c, e.inspect(), body.Token, at, ring)
}

func (s *server) advised(ctx context.Context, c call, found Inspection, token string, at time.Time, ring keyrotation.Ring) (Inspection, error) {
	var err error
	found.Advice, err = s.advice(ctx, c.project, token, at, ring)
	return found, err
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

// examination is of a token, as by a platform that has the usable keys of a ring.
type examination struct {
	ring    keyrotation.Ring
	text    string
	video   string // empty: the token's own
	at      time.Time
	judging Judging
}

// Judging is how a project's platform judges a token that a key of the ring signed; see
// platforms.Platform. The zero value is the rule of the platforms that have none.
type Judging struct {
	Judge  func(claims map[string]any, videoID string) []platforms.Reason
	Header signer.Header
}

// asks is what the verifier asks of a header.
func (j Judging) asks() verify.Header {
	return verify.Header{Type: j.Header.Type, NoKeyID: j.Header.NoKeyID}
}

func (e examination) inspect() Inspection {
	a := Inspection{Reasons: []string{}}
	a.examine(e)
	a.Valid = len(a.Reasons) == 0
	return a
}

func (e examination) parse() (verify.Token, error) {
	if e.judging.Judge != nil {
		return verify.ParseOfAny(e.text, e.judging.asks())
	}
	return verify.Parse(e.text)
}

func (a *Inspection) examine(e examination) {
	token, err := e.parse()
	if err != nil {
		a.refuse(reasonOf(err))
		return
	}
	a.Header, a.Claims = token.Header, token.Claims
	key, ok := e.keyOf(token)
	if !ok {
		a.refuse(unknownKey, "no signing key of this project has the token's kid, or, of a token without one, has signed it")
		return
	}
	public := a.key(e.ring, key)
	switch {
	case public == nil:
	case e.judging.Judge != nil:
		a.judge(e, token, public)
	default:
		a.verify(token, e.text, e.video, e.at, public)
	}
}

// key says what is wrong with the key of a token. Nil: there is no public key to verify
// with, as of a key that was deleted.
func (a *Inspection) key(ring keyrotation.Ring, key keyrotation.Key) crypto.PublicKey {
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
	if err != nil {
		return nil
	}
	return public
}

// inspectForm is about a token that is no JWT. The key comes first: without it, there is
// nothing to say about the signature.
func (e examination) inspectForm(examine func(token, videoID string, at time.Time, want lint.Expected) platforms.Examined) Inspection {
	examined := examine(e.text, e.video, e.at, withKeys(lint.Expected{}, e.ring))
	a := Inspection{Reasons: []string{}, Header: examined.Verdict.Header, Claims: examined.Verdict.Claims, Advice: examined.Advice}
	if examined.KeyID != "" {
		a.signedBy(e.ring, examined)
	}
	for _, reason := range examined.Verdict.Reasons {
		a.refuse(reason.Code, reason.Detail)
	}
	a.Valid = len(a.Reasons) == 0
	return a
}

// signedBy says what is wrong with the key and the signature of a token.
func (a *Inspection) signedBy(ring keyrotation.Ring, examined platforms.Examined) {
	key, ok := keyByID(ring, examined.KeyID)
	if !ok {
		a.refuse(unknownKey, "no signing key of this project has the token's key id")
		return
	}
	public := a.key(ring, key)
	if public == nil || examined.Signed == nil {
		return
	}
	if reason := examined.Signed(public); reason != nil {
		a.refuse(reason.Code, reason.Detail)
	}
}

// judge has the platform say what is wrong with the claims of a token that was signed
// with a key.
func (a *Inspection) judge(e examination, token verify.Token, public crypto.PublicKey) {
	_, err := verify.SignedAs(e.text, e.judging.asks(), public)
	if err != nil {
		a.refuse(reasonOf(err))
		return
	}
	if err := token.Timely(e.at); err != nil {
		a.refuse(reasonOf(err))
	}
	for _, reason := range e.judging.Judge(token.Claims, e.video) {
		a.refuse(reason.Code, reason.Detail)
	}
}

// verify reports everything that is wrong with a token, and not only the first
// error of the verifier: a token may be both expired and for another video.
func (a *Inspection) verify(token verify.Token, text, videoID string, at time.Time, public crypto.PublicKey) {
	if videoID == "" {
		videoID = token.Subject
	}
	keys := func(string) (crypto.PublicKey, bool) { return public, true }
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

// keyOf finds the key that a token names or, where its verifier tries every key, the
// one that signed it: a usable one first.
func (e examination) keyOf(token verify.Token) (signed keyrotation.Key, ok bool) {
	if token.KeyID != "" {
		return keyByID(e.ring, token.KeyID)
	}
	for _, key := range e.ring.Keys {
		public, err := verify.ParsePublicKey(key.PublicKey)
		if err != nil || ok && !usable(key.State) {
			continue
		}
		if _, err := verify.SignedAs(e.text, e.judging.asks(), public); err == nil {
			signed, ok = key, true
		}
	}
	return signed, ok
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
