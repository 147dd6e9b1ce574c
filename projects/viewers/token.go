package viewers

import (
	"bytes"
	"encoding/base64"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxToken   = 8 << 10 // bytes
	maxNesting = 32
	maxKid     = 256
	maxSubject = 255 // as OpenID Connect has it
	skew       = time.Minute
)

var errShape = errors.New("not one well-formed token")

// token is a signed token whose signature nobody has looked at yet.
type token struct {
	raw    string
	header header
	claims map[string]any
}

// header is what we go by, and what we do not take: keys come from the
// project's issuer, never from the token, and nothing optional is critical.
type header struct {
	Alg  string         `json:"alg"`
	Kid  string         `json:"kid"`
	Typ  string         `json:"typ"`
	Crit jsontext.Value `json:"crit"`
	B64  jsontext.Value `json:"b64"`
	JWK  jsontext.Value `json:"jwk"`
	JKU  jsontext.Value `json:"jku"`
	X5U  jsontext.Value `json:"x5u"`
}

// algorithms are those that need a private key, one per kind of key and RSA's
// two.
func algorithms() []string { return []string{"RS256", "PS256", "ES256", "EdDSA"} }

// types are "typ" of ID and access tokens, in lower case. Others name another
// use: a logout token, a proof of possession.
func tokenTypes() []string { return []string{"", "jwt", "at+jwt", "application/at+jwt"} }

func (h header) acceptable() bool {
	return slices.Contains(algorithms(), h.Alg) && slices.Contains(tokenTypes(), strings.ToLower(h.Typ)) &&
		len(h.Kid) <= maxKid && len(h.Crit)+len(h.B64)+len(h.JWK)+len(h.JKU)+len(h.X5U) == 0
}

// parse takes the one way to write a compact token. Libraries take others,
// with line ends and stray bits; two spellings of a token are two tokens to
// whoever compares them.
func parse(raw string) (token, error) {
	t := token{raw: raw}
	if len(raw) > maxToken {
		return t, errShape
	}
	first, rest, _ := strings.Cut(raw, ".")
	second, third, _ := strings.Cut(rest, ".")
	head, err := part(first)
	if err != nil || json.Unmarshal(head, &t.header) != nil || !t.header.acceptable() {
		return t, errShape
	}
	body, err := part(second)
	if err != nil || json.Unmarshal(body, &t.claims, wholeNumbers()) != nil {
		return t, errShape
	}
	if _, err := part(third); err != nil {
		return t, errShape
	}
	return t, nil
}

// part decodes a part of a token: canonical base64url, and not empty. What
// looks like JSON is not nested too deep to be looked at.
func part(text string) ([]byte, error) {
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(data) == 0 || base64.RawURLEncoding.EncodeToString(data) != text || nested(data) {
		return nil, errShape
	}
	return data, nil
}

func nested(data []byte) bool {
	d := jsontext.NewDecoder(bytes.NewReader(data))
	for d.StackDepth() <= maxNesting {
		if _, err := d.ReadToken(); err != nil {
			return false // the end, or not JSON at all: found out elsewhere
		}
	}
	return true
}

// wholeNumbers reads numbers as int64 where that is exact, so that a rule and
// a webhook see the account number that the issuer wrote.
func wholeNumbers() json.Options {
	return json.WithUnmarshalers(json.UnmarshalFromFunc(func(d *jsontext.Decoder, into *any) error {
		if d.PeekKind() != '0' {
			return errors.ErrUnsupported
		}
		number, err := d.ReadValue()
		if err != nil {
			return err
		}
		if whole, err := strconv.ParseInt(string(number), 10, 64); err == nil {
			*into = whole
			return nil
		}
		*into, err = strconv.ParseFloat(string(number), 64)
		return err
	}))
}

func (t token) text(claim string) string {
	text, _ := t.claims[claim].(string)
	return text
}

// moment is a claim in seconds since 1970. A claim that is there and no number
// is not ok.
func (t token) moment(claim string) (at float64, there, ok bool) {
	switch value := t.claims[claim].(type) {
	case int64:
		return float64(value), true, true
	case float64:
		return value, true, true
	}
	_, there = t.claims[claim]
	return 0, there, !there
}

// check says what is wrong with claims that the issuer signed. Only of those
// may people be told.
func (t token) check(now time.Time, audiences []string) error {
	expires, has, _ := t.moment("exp")
	notBefore, _, okNotBefore := t.moment("nbf")
	issued, _, okIssued := t.moment("iat")
	seconds := float64(now.UnixMicro()) / 1e6
	switch {
	case !has || !okNotBefore || !okIssued:
		return errors.New("its times are missing or are not numbers")
	case seconds >= expires+skew.Seconds():
		return errors.New("it has expired")
	case seconds < max(notBefore, issued)-skew.Seconds():
		return errors.New("it is not valid yet")
	case !t.isFor(audiences):
		return errors.New("it is for another audience")
	case !subject(t.text("sub")):
		return errors.New("it does not say who the viewer is")
	}
	return t.use()
}

// use refuses tokens of our issuer and audience that are for something else:
// events, such as a logout, and tokens bound to a key that nobody has shown.
func (t token) use() error {
	if t.claims["events"] != nil || t.claims["cnf"] != nil {
		return errors.New("it is not a bearer token of a viewer")
	}
	return nil
}

func (t token) isFor(audiences []string) bool {
	wanted := func(value any) bool {
		text, is := value.(string)
		return is && text != "" && slices.Contains(audiences, text)
	}
	if several, is := t.claims["aud"].([]any); is {
		return slices.ContainsFunc(several, wanted)
	}
	return wanted(t.claims["aud"])
}

func subject(text string) bool {
	return text != "" && len(text) <= maxSubject && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}
