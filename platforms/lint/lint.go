// Package lint finds the mistakes of people who sign tokens themselves, or copy
// them by hand, and says what to do about each.
//
// The decision a newcomer would get wrong: nothing here decides whether a token is
// good. Verifiers read strictly and stop at the first fault; lint reads as loosely as
// it can, so that it can tell why, and what it says of a token that no one has
// verified is a guess about its maker.
package lint

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Advice is one mistake: a code for programs ("exp_in_milliseconds"), and a sentence
// for people that says what to change. It never contains the token.
type Advice struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// Expected is what is known of the tokens that a platform accepts. Empty members
// are not compared.
type Expected struct {
	Algorithms []string          // of the keys that the platform verifies with
	KeyIDs     []string          // of these keys
	Misnamed   map[string]string // what is taken for a key id (a fingerprint, a generation), with the right one
	NoKeyID    bool              // tokens need no key id: the verifier tries every key
	Type       string            // of tokens, where it is another one than JWT
	Issuer     string
	Audience   []string // one of which a token has to name; nil: no token may name any
	Audiences  bool     // whether Audience is compared
	Video      string   // the claim that names the video
	MaxTTL     time.Duration
	// OtherForm reports whether a text is a token of a form that is not a JWT's, on
	// which there is no advice. Nil: there is no such form.
	OtherForm func(token string) bool
}

// maxText is the longest text that is read, in bytes.
const maxText = 16 << 10

// finder collects advice on one token.
type finder struct {
	want   Expected
	at     time.Time
	found  []Advice
	header map[string]any
	claims map[string]any
}

// Lint returns advice on what was pasted as a token of a platform, at a time. The
// most fundamental mistake is the first. A token without mistakes has none.
func Lint(text string, want Expected, at time.Time) []Advice {
	f := &finder{want: want, at: at, found: []Advice{}}
	if len(text) > maxText {
		f.add("not_a_token", "the text is longer than %d bytes: paste one token alone", maxText)
		return f.found
	}
	if want.OtherForm != nil && want.OtherForm(text) {
		return f.found
	}
	token := f.extract(text)
	if token == "" || !f.read(token) {
		return f.found
	}
	f.judgeHeader()
	f.judgeTimes()
	f.judgeParties()
	f.judgeVideo()
	return f.found
}

func (f *finder) add(code, format string, values ...any) {
	f.found = append(f.found, Advice{Code: code, Detail: fmt.Sprintf(format, values...)})
}

// read takes a token apart, as far as that can be done.
func (f *finder) read(token string) bool {
	parts := strings.Split(token, ".")
	switch {
	case len(parts) == 5:
		f.add("encrypted", "the token has five parts, so it is encrypted (JWE): sign it instead (JWS), because a verifier that has a public key can decrypt nothing")
		return false
	case len(parts) == 2 || len(parts) == 3 && parts[2] == "":
		f.add("signature_cut_off", "the token has no signature: copy it to its end, and look whether a limit on addresses or a column cuts it off")
	case len(parts) != 3:
		f.add("not_a_token", "the text is not of the form header.claims.signature: paste the playback token itself, which begins with eyJ")
		return false
	}
	var ok bool
	if f.header, ok = f.object("header", parts[0]); !ok {
		return false
	}
	f.claims, ok = f.object("claims", parts[1])
	return ok
}

// object decodes a part, in any of the spellings of base64.
func (f *finder) object(name, part string) (members map[string]any, ok bool) {
	plain := strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(part, "="))
	data, err := base64.RawURLEncoding.DecodeString(plain)
	if err != nil {
		f.add("damaged", "the %s is not base64: the token was cut off, or a program has changed it on the way", name)
		return nil, false
	}
	if plain != part {
		f.add("not_base64url", "the %s is in the base64 of e-mails, with + / or =: write it in base64url without padding (RFC 7515, section 2)", name)
	}
	if err := json.Unmarshal(data, &members, jsontext.AllowDuplicateNames(true)); err != nil || members == nil {
		f.add("damaged", "the %s is not a JSON object: the token was cut off, or a program has changed it on the way", name)
		return nil, false
	}
	if err := json.Unmarshal(data, new(map[string]any)); err != nil {
		f.add("member_twice", "the %s has a member twice, or text that is not UTF-8: verifiers read it differently, and strict ones refuse it", name)
	}
	return members, true
}

func (f *finder) judgeHeader() {
	f.judgeAlgorithm()
	f.judgeKeyID()
	if f.want.Type != "" && f.header["typ"] != f.want.Type {
		f.add("typ_unexpected", `"typ" is not %s, which the verifier asks for: set it in the header`, f.want.Type)
	}
	if _, there := f.header["crit"]; there {
		f.add("crit", `the header has "crit": a verifier that does not know the extension has to refuse the token, so leave it out`)
	}
	for _, name := range []string{"jwk", "jku", "x5u", "x5c"} {
		if _, there := f.header[name]; there {
			f.add("key_in_header", "the header brings a key (%q): verifiers use the keys that they know, so name one of them with kid", name)
		}
	}
}

func (f *finder) judgeAlgorithm() {
	algorithm, _ := f.header["alg"].(string)
	switch {
	case len(f.want.Algorithms) == 0:
	case algorithm == "":
		f.add("alg_missing", `the header has no "alg": set it to %s`, alternatives(f.want.Algorithms))
	case strings.EqualFold(algorithm, "none"):
		f.add("alg_none", `"alg" says "none": the token is not signed, and every verifier refuses it`)
	case slices.Contains(f.want.Algorithms, algorithm):
	case strings.HasPrefix(algorithm, "HS"):
		f.add("alg_symmetric", `"alg" is %s, which needs a secret that both sides have: the platform has public keys, so sign with the private key and %s`, algorithm, alternatives(f.want.Algorithms))
	default:
		f.add("alg_unexpected", `"alg" is %.20q, and the project's keys sign with %s`, algorithm, alternatives(f.want.Algorithms))
	}
}

func (f *finder) judgeKeyID() {
	if _, there := f.header["kid"]; len(f.want.KeyIDs) == 0 || f.want.NoKeyID && !there {
		return
	}
	value, there := f.header["kid"]
	id, text := value.(string)
	_, inClaims := f.claims["kid"]
	switch {
	case inClaims && !there:
		f.add("kid_in_claims", `"kid" stands among the claims: it belongs into the header`)
	case !there || text && id == "":
		f.add("kid_missing", `the header has no "kid": set it to the key id that the platform gave the key, which playtoken keys list shows`)
	case !text:
		f.add("kid_not_text", `"kid" is not a text: write the key id in quotes`)
	case slices.Contains(f.want.KeyIDs, id):
	case f.want.Misnamed[id] != "":
		f.add("kid_of_another_kind", `"kid" is the key's fingerprint or generation: set it to its id at the platform, %s`, f.want.Misnamed[id])
	default:
		f.add("kid_unknown", `the platform verifies with no key of this project whose id is the token's "kid": look whether the token is of another project or deployment, or of a key that was deleted`)
	}
}

func alternatives(words []string) string { return strings.Join(words, " or ") }
