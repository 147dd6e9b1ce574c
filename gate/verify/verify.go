// Package verify decides whether a playback token opens a video, and why not
// if it does not. It follows RFC 8725 and does nothing but compute: no network,
// no clock of its own, no keys but those it is handed.
//
// The token is first read by the strict reader of this package and only then
// given to a JWT library, for the signature alone. Libraries accept several
// spellings of one token, tokens without an end, unknown critical headers and
// members that appear twice; here a token has one spelling and one meaning.
package verify

import (
	"crypto/rsa"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
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
	VideoNotAllowed  Reason = "video_not_allowed"
)

// Error is the only type of error that Verify and Parse return. Its text never
// contains the token, but Detail may name a claim or header parameter.
type Error struct {
	Reason Reason
	Detail string // one sentence without a full stop, for people
}

func (e *Error) Error() string { return "verify token: " + string(e.Reason) + ": " + e.Detail }

// Token is what a playback token says. Verify vouches for it, Parse does not.
type Token struct {
	KeyID     string
	Subject   string // the video, "*" for every video, or empty: absent
	Expires   time.Time
	NotBefore time.Time // zero: absent
	Header    map[string]any
	Claims    map[string]any
}

// Keys finds the public key that the platform knows by a key id; ok is false
// for an id that it does not know. The key must have passed ParsePublicKey.
type Keys func(keyID string) (key *rsa.PublicKey, ok bool)

// Verify returns the token if, at the instant now, it opens the video. A token
// is good up to, but not at, the second of its "exp", without leeway: an issuer
// that fears skewed clocks dates "nbf" back and "exp" ahead. A token without
// "sub", or with "sub":"*", opens every video.
func Verify(token, videoID string, now time.Time, keys Keys) (Token, error) {
	t, err := Parse(token)
	if err != nil {
		return Token{}, err
	}
	key, ok := keys(t.KeyID)
	if !ok {
		return Token{}, &Error{KeyUnknown, "no key is registered under the token's kid"}
	}
	if _, err := jws.Verify([]byte(token), jws.WithKey(jwa.RS256, key)); err != nil {
		return Token{}, &Error{SignatureInvalid, "the signature is not that of the key named by kid"}
	}
	// From here on the token is its issuer's word.
	if err := t.opens(videoID, now); err != nil {
		return Token{}, err
	}
	return t, nil
}

func (t Token) opens(videoID string, now time.Time) error {
	switch {
	case !now.Before(t.Expires):
		return &Error{TokenExpired, "the token expired at " + t.Expires.UTC().Format(time.RFC3339)}
	case now.Before(t.NotBefore):
		return &Error{TokenNotYetValid, "the token is not valid before " + t.NotBefore.UTC().Format(time.RFC3339)}
	case t.Subject != "" && t.Subject != "*" && t.Subject != videoID:
		return &Error{VideoNotAllowed, "the token is for another video"}
	}
	return nil
}
