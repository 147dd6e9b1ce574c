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
	maxSubject = 255 // as in OpenID Connect
	skew       = time.Minute
)

// token is a signed token whose signature is not verified yet.
type token struct {
	raw    string
	header header
	claims map[string]any
}

// header has the members that are used, and those that are refused: keys come from
// the project's issuer and never from the token, and no extension is supported.
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

// algorithms are the accepted ones. All need a private key to sign.
func algorithms() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
}

// tokenTypes are the "typ" of ID and access tokens, in lower case. Other values are
// for other uses, such as a logout token or a proof of possession.
func tokenTypes() []string { return []string{"", "jwt", "at+jwt", "application/at+jwt"} }

func (h header) acceptable() bool {
	return slices.Contains(tokenTypes(), strings.ToLower(h.Typ)) &&
		len(h.Kid) <= maxKid && len(h.Crit)+len(h.B64)+len(h.JWK)+len(h.JKU)+len(h.X5U) == 0
}

// parse accepts exactly one spelling of a compact token. Libraries accept others,
// with line ends and stray bits, so that code which compares tokens as text would
// take one token for two.
func parse(raw string) (token, error) {
	t := token{raw: raw}
	if len(raw) > maxToken {
		return t, errMalformed
	}
	first, rest, _ := strings.Cut(raw, ".")
	second, third, _ := strings.Cut(rest, ".")
	head, err := part(first)
	if err != nil || json.Unmarshal(head, &t.header) != nil || !t.header.acceptable() {
		return t, errMalformed
	}
	if !slices.Contains(algorithms(), t.header.Alg) {
		return t, errAlgorithm
	}
	body, err := part(second)
	if err != nil || json.Unmarshal(body, &t.claims, wholeNumbers()) != nil {
		return t, errMalformed
	}
	if _, err := part(third); err != nil {
		return t, errMalformed
	}
	return t, nil
}

// part decodes a part of a token: canonical base64url, not empty, and no JSON that
// is nested too deeply.
func part(text string) ([]byte, error) {
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(data) == 0 || base64.RawURLEncoding.EncodeToString(data) != text || nested(data) {
		return nil, errMalformed
	}
	return data, nil
}

func nested(data []byte) bool {
	d := jsontext.NewDecoder(bytes.NewReader(data))
	for d.StackDepth() <= maxNesting {
		if _, err := d.ReadToken(); err != nil {
			return false // the end, or not JSON, which the decoder reports
		}
	}
	return true
}

// wholeNumbers reads numbers as int64 where that is exact, so that a rule and a
// webhook get an account number as the issuer wrote it.
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

// moment is a claim in seconds since 1970. Ok is false for a claim that is present
// and not a number.
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

// check reports what is wrong with claims that the issuer signed.
func (t token) check(now time.Time, audiences []string) error {
	expires, has, _ := t.moment("exp")
	notBefore, _, okNotBefore := t.moment("nbf")
	issued, _, okIssued := t.moment("iat")
	seconds := float64(now.UnixMicro()) / 1e6
	switch {
	case !has || !okNotBefore || !okIssued:
		return &Rejected{BadClaims, "its times are missing or not numbers"}
	case seconds >= expires+skew.Seconds():
		return &Rejected{Expired, "it has expired"}
	case seconds < max(notBefore, issued)-skew.Seconds():
		return &Rejected{NotYetValid, "it is not valid yet"}
	case !t.isFor(audiences):
		return &Rejected{WrongAudience, "it is for another audience"}
	case !subject(t.text("sub")):
		return &Rejected{BadClaims, "it does not say who the viewer is"}
	}
	return t.use()
}

// use refuses tokens of the right issuer and audience that are for another use:
// events, such as a logout, and tokens that are bound to a key.
func (t token) use() error {
	if t.claims["events"] != nil || t.claims["cnf"] != nil {
		return &Rejected{BadClaims, "it is not a bearer token of a viewer"}
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
