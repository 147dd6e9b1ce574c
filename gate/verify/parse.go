package verify

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxToken = 8 << 10      // bytes, checked before anything is read
	maxDepth = 32           // of nested JSON
	lastTime = 253402300799 // 9999-12-31T23:59:59Z, in seconds since 1970
)

// refusedHeaders would change how a token is read or whose key it is checked
// with. Everything listed in "crit" is unknown here, so "crit" itself is too.
var refusedHeaders = []string{"crit", "b64", "jwk", "jku", "x5u", "x5c", "cty", "enc", "zip"}

var keyIDForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// Parse reads a token without any key: the form is right, but who made it is
// not known. It is for showing a token to people, never for letting one in.
func Parse(token string) (Token, error) { return read(token, (*Token).isPlayback) }

// Header is what a verifier asks of the header of its tokens, beside the algorithm.
type Header struct {
	Type    string // "typ" has to be this; empty: "JWT", or absent
	NoKeyID bool   // "kid" may be absent: every key is tried
}

// ParseOfAny is Parse for a token that may name any audience, and has the header that
// its verifier asks for: the platform that it is for judges its claims.
func ParseOfAny(token string, header Header) (Token, error) {
	return readAs(token, header.NoKeyID, func(t *Token) error { return t.isOf(header.Type) })
}

// SignedAs is Signed for a token that ParseOfAny reads.
func SignedAs(token string, header Header, key crypto.PublicKey) (Token, error) {
	t, err := ParseOfAny(token, header)
	if err == nil {
		err = t.signedBy(func(string) (crypto.PublicKey, bool) { return key, true }, token)
	}
	if err != nil {
		return Token{}, err
	}
	return t, nil
}

func read(token string, kind func(*Token) error) (Token, error) { return readAs(token, false, kind) }

func readAs(token string, anyKey bool, kind func(*Token) error) (Token, error) {
	if token == "" {
		return Token{}, &Error{Reason: TokenMissing, Detail: "there is no token"}
	}
	t, err := parseAs(token, anyKey)
	if err == nil {
		err = kind(&t)
	}
	if err != nil {
		return Token{}, &Error{Reason: TokenMalformed, Detail: err.Error()}
	}
	return t, nil
}

func parse(token string) (Token, error) { return parseAs(token, false) }

// parseAs reads the form; anyKey says that "kid" may be absent.
func parseAs(token string, anyKey bool) (Token, error) {
	if len(token) > maxToken {
		return Token{}, fmt.Errorf("the token is longer than %d bytes", maxToken)
	}
	header, rest, _ := strings.Cut(token, ".")
	claims, signature, two := strings.Cut(rest, ".")
	if !two {
		return Token{}, errors.New("the token has not three parts")
	}
	var t Token
	var err error
	if t.Header, err = object(header); err != nil {
		return Token{}, fmt.Errorf("header: %w", err)
	}
	if t.Claims, err = object(claims); err != nil {
		return Token{}, fmt.Errorf("claims: %w", err)
	}
	if _, err := canonical(signature); err != nil {
		return Token{}, fmt.Errorf("signature: %w", err)
	}
	if err := t.readHeader(anyKey); err != nil {
		return Token{}, err
	}
	return t, t.readClaims()
}

// canonical decodes a part that is written in the one way that its bytes have.
// Comparing with the re-encoded bytes also refuses what Go's decoder skips
// (line ends) or ignores (unused bits of the last character).
func canonical(part string) ([]byte, error) {
	b, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil || base64.RawURLEncoding.EncodeToString(b) != part {
		return nil, errors.New("not canonical base64url without padding")
	}
	if len(b) == 0 {
		return nil, errors.New("empty")
	}
	return b, nil
}

// object decodes a part that is one JSON object: valid UTF-8, no member twice,
// nothing after it.
func object(part string) (map[string]any, error) {
	b, err := canonical(part)
	if err != nil {
		return nil, err
	}
	if err := shallow(b); err != nil {
		return nil, err
	}
	var members map[string]any
	if err := json.Unmarshal(b, &members); err != nil || members == nil {
		return nil, errors.New("not one strict JSON object")
	}
	return members, nil
}

func shallow(b []byte) error {
	dec := jsontext.NewDecoder(bytes.NewReader(b))
	for {
		if _, err := dec.ReadToken(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return errors.New("not one strict JSON object")
		}
		if dec.StackDepth() > maxDepth {
			return fmt.Errorf("nested deeper than %d", maxDepth)
		}
	}
}

func (t *Token) readHeader(anyKey bool) error {
	for _, name := range refusedHeaders {
		if _, there := t.Header[name]; there {
			return fmt.Errorf("header: %q is not allowed", name)
		}
	}
	if alg, _ := t.Header["alg"].(string); !isAlgorithm(alg) {
		return errors.New(`header: "alg" is not RS256, ES256, ES384 or EdDSA`)
	}
	if _, there := t.Header["kid"]; !there && anyKey {
		return nil
	}
	t.KeyID, _ = t.Header["kid"].(string)
	if !keyIDForm.MatchString(t.KeyID) {
		return errors.New(`header: "kid" is not 1 to 64 characters of A-Z a-z 0-9 _ -`)
	}
	return nil
}

func (t *Token) readClaims() (err error) {
	if _, there := t.Claims["exp"]; !there {
		return errors.New(`claims: "exp" is missing`)
	}
	if t.Expires, err = t.date("exp"); err != nil {
		return err
	}
	if t.NotBefore, err = t.date("nbf"); err != nil {
		return err
	}
	if iat, there := t.Claims["iat"]; there {
		if _, ok := iat.(float64); !ok {
			return errors.New(`claims: "iat" is not a number`)
		}
	}
	return t.readSubject()
}

// isPlayback tells a playback token from tokens of other types.
func (t *Token) isPlayback() error {
	if err := t.isJWT(); err != nil {
		return err
	}
	// RFC 7519, section 4.1.3: a recipient that is not in the audience must
	// refuse the token, and playback tokens have no audience.
	if _, there := t.Claims["aud"]; there {
		return errors.New(`claims: "aud" is not for this platform`)
	}
	return nil
}

// isOf refuses a token of another type than a verifier asks for.
func (t *Token) isOf(typ string) error {
	if typ == "" {
		return t.isJWT()
	}
	if t.Header["typ"] != typ {
		return fmt.Errorf(`header: "typ" is not %s`, typ)
	}
	return nil
}

func (t *Token) isJWT() error {
	if typ, there := t.Header["typ"]; there && typ != "JWT" {
		return errors.New(`header: "typ" is not JWT`)
	}
	return nil
}

func (t *Token) readSubject() error {
	sub, there := t.Claims["sub"]
	if !there {
		return nil
	}
	if t.Subject, _ = sub.(string); t.Subject == "" {
		return errors.New(`claims: "sub" is empty or not a text`)
	}
	return nil
}

// date reads a claim of whole seconds since 1970; the zero time is an absent
// claim.
func (t *Token) date(claim string) (time.Time, error) {
	value, there := t.Claims[claim]
	if !there {
		return time.Time{}, nil
	}
	seconds, ok := value.(float64)
	if !ok || seconds != math.Trunc(seconds) || seconds < 0 || seconds > lastTime {
		return time.Time{}, fmt.Errorf("claims: %q is not a time in whole seconds", claim)
	}
	return time.Unix(int64(seconds), 0), nil
}
