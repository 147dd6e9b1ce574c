// Package verify decides whether a playback token opens a video, and says why
// not if it does not. It follows RFC 8725 and only computes: no network, no
// clock of its own, no keys but those that its caller hands it.
//
// The token is first read by the strict reader of this package and only then
// given to a JWT library, for the signature alone. Libraries accept several
// spellings of one token, tokens without an end, unknown critical headers and
// members that appear twice; here a token has one spelling and one meaning.
package verify

import (
	"crypto"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/lestrrat-go/jwx/v2/jws"
)

// Reason says in one word why a token is refused; callers show it to programs.
type Reason string

// The reasons, in the order in which they are looked for: only a token whose
// signature is good is told that it is late, early or for another video.
const (
	TokenMissing     Reason = "token_missing"
	TokenMalformed   Reason = "token_malformed"
	KeyUnknown       Reason = "key_unknown"
	SignatureInvalid Reason = "signature_invalid"
	TokenExpired     Reason = "token_expired"
	TokenNotYetValid Reason = "token_not_yet_valid"
	TokenLifeTooLong Reason = "token_life_too_long" // for Verify's callers, who know what is too long
	VideoNotAllowed  Reason = "video_not_allowed"
)

// Error is the only type of error that Verify, Signed and Parse return. Its text never
// contains the token, but Detail may name a claim or header parameter.
type Error struct {
	Reason Reason
	Detail string // one sentence without a full stop, for people
}

func (e *Error) Error() string { return "verify token: " + string(e.Reason) + ": " + e.Detail }

// Token is what a token says. Verify and Signed vouch for it, Parse does not.
type Token struct {
	KeyID     string
	Subject   string // of a playback token: the video, "*" for every video; empty: absent
	Expires   time.Time
	NotBefore time.Time // zero: absent
	Header    map[string]any
	Claims    map[string]any
}

// Keys finds the public key that the platform knows by a key id; ok is false
// for an id that it does not know. The key must have passed ParsePublicKey.
type Keys func(keyID string) (key crypto.PublicKey, ok bool)

// Verify returns the token if, at the instant now, it opens the video. A token
// is good up to, but not at, the second of its "exp", without leeway: an issuer
// that fears skewed clocks dates "nbf" back and "exp" ahead. A token without
// "sub", or with "sub":"*", opens every video.
func Verify(token, videoID string, now time.Time, keys Keys) (Token, error) {
	t, err := Parse(token)
	if err != nil {
		return Token{}, err
	}
	if err := t.signedBy(keys, token); err != nil {
		return Token{}, err
	}
	// From here on the token is its issuer's word.
	if err := t.opens(videoID, now); err != nil {
		return Token{}, err
	}
	return t, nil
}

// Signed reads a token of another kind as strictly, and returns it if its
// header has exactly the given "typ" and its signature is good. Its claims are
// for the caller to judge, "exp" and "nbf" included; that they are times, and
// that "exp" is there, is certain. Playback tokens have the type "JWT"
// or none: no token passes here for typ and in Verify, unless typ is "JWT".
func Signed(token, typ string, keys Keys) (Token, error) {
	if token == "" {
		return Token{}, &Error{Reason: TokenMissing, Detail: "there is no token"}
	}
	t, err := parse(token)
	if err == nil && t.Header["typ"] != typ {
		err = fmt.Errorf(`header: "typ" is not %s`, typ)
	}
	if err != nil {
		return Token{}, &Error{Reason: TokenMalformed, Detail: err.Error()}
	}
	if err := t.signedBy(keys, token); err != nil {
		return Token{}, err
	}
	return t, nil
}

// signedBy looks at the signature of a token whose form is right.
func (t Token) signedBy(keys Keys, token string) error {
	key, ok := keys(t.KeyID)
	if !ok {
		return &Error{Reason: KeyUnknown, Detail: "no key is registered under the token's kid"}
	}
	// RFC 8725, section 3.1: the key decides how the signature is verified, and
	// the token may only agree.
	algorithm := algorithmOf(key)
	if t.Header["alg"] != algorithm.String() {
		return &Error{Reason: TokenMalformed, Detail: fmt.Sprintf(`header: "alg" is not %s, that of the key named by kid`, algorithm)}
	}
	if _, err := jws.Verify([]byte(token), jws.WithKey(algorithm, key)); err != nil {
		return &Error{Reason: SignatureInvalid, Detail: "the signature is not that of the key named by kid"}
	}
	return nil
}

func (t Token) opens(videoID string, now time.Time) error {
	if err := t.Timely(now); err != nil {
		return err
	}
	if t.Subject != "" && t.Subject != "*" && t.Subject != videoID {
		return &Error{Reason: VideoNotAllowed, Detail: "the token is for another video"}
	}
	return nil
}

// Timely returns an error for a token that is over at the instant now, or has not begun.
func (t Token) Timely(now time.Time) error {
	switch {
	case !now.Before(t.Expires):
		return &Error{Reason: TokenExpired, Detail: "the token expired at " + t.Expires.UTC().Format(time.RFC3339)}
	case now.Before(t.NotBefore):
		return &Error{Reason: TokenNotYetValid, Detail: "the token is not valid before " + t.NotBefore.UTC().Format(time.RFC3339)}
	}
	return nil
}

// Viewer returns the claim "viewer": the SHA-256 of the viewer's id in base64url
// without padding, or nothing if the claim is absent. Not every platform means
// that by it, so it is for the caller to ask.
func (t Token) Viewer() (string, error) {
	claim, there := t.Claims["viewer"]
	if !there {
		return "", nil
	}
	viewer, _ := claim.(string)
	if !IsViewer(viewer) {
		return "", &Error{Reason: TokenMalformed, Detail: `claims: "viewer" is not a SHA-256 in base64url without padding`}
	}
	return viewer, nil
}

// IsViewer reports whether the text is a SHA-256 in base64url without padding,
// in the one way in which it is written.
func IsViewer(text string) bool {
	sum, err := canonical(text)
	return err == nil && len(sum) == sha256.Size
}
