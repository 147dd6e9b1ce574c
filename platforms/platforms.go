// Package platforms defines what a video platform is to the rest of playtoken.
// Each folder beside this file implements one platform.
//
// The decision a newcomer would get wrong: no code looks at a platform's name
// to decide what to do. What a platform can do is in its [Platform] value: a
// nil member is something that it does not do, and [Platform.Capabilities]
// reports the same to programs. A new platform is a folder with a [Kind], a
// line in package all, a call of platformtest.Run and a page in docs.
//
// A platform comes to know our keys in one of the ways of [Way], all of them with the
// one planner of package keyrotation. Where a key takes two objects, the key and a list
// that names it (CloudFront's key group), the folder implements [KeyObjects] and
// [KeyList], and its Registrar is [Listed]. One rotation then is: make the key; put the
// list with the old ids and the new one, if it still has the version that was read;
// wait until that is deployed and has propagated; sign with the new key; wait until the
// last token of the old one has expired; put the list without it; when that is
// deployed, remove the key. A crash or a lost response anywhere in between is found by
// the next look, which shows a key that no list names as Unlisted: one that is wanted
// is registered again, which finds it and only names it, and one on its way out is
// removed. Offer.MaxKeys is how many keys fit, all parties' together: three just fit an
// active key, a standby and one that retires.
package platforms

import (
	"context"
	"crypto"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"playtoken/keyrotation"
	"playtoken/platforms/lint"
	"playtoken/secret"
	"playtoken/signer"
	"playtoken/store"
)

// Kind describes a platform: the members of its accounts, and how to open one.
type Kind struct {
	Name string // "vidbeo"; never changes, because stored documents contain it

	// Settings and Credentials are the members that an account may have
	// ("url", "api_key"). Saving a project with any other member is refused.
	Settings    []Member
	Credentials []Member

	// Succeeds names the kinds whose projects may become projects of this one,
	// because their accounts have the same keys under the same ids. No other
	// project ever changes its platform.
	Succeeds []string

	// Offers is what an account can do at most. Programs read it before there is
	// an account, to say what a kind is good for.
	Offers Offer

	// Open checks the form of an account's settings and credential. It makes
	// no call and starts no goroutine. Its errors name the member, say what to
	// do, and never contain a credential.
	Open func(Account) (Platform, error)
}

// KeyKinds are the kinds of signing keys that an opened account takes. Where a
// project names none and the deployment's is not among them, the first is made.
func (k Kind) KeyKinds(opened Platform) []store.Kind {
	if opened.KeyKinds != nil {
		return opened.KeyKinds
	}
	return k.Offers.KeyKinds
}

// CheckKeyKind refuses a kind of key that a project asks for and an opened account
// does not take; "" asks for none. The error says what to set.
func (k Kind) CheckKeyKind(opened Platform, asked store.Kind) error {
	switch taken := k.KeyKinds(opened); {
	case asked == "" || slices.Contains(taken, asked):
		return nil
	case len(taken) == 0:
		return fmt.Errorf("platform %s takes no signing keys of this service: leave it out", k.Name)
	default:
		return fmt.Errorf("must be one of %s: platform %s takes no other keys with these settings", listed(taken), k.Name)
	}
}

func listed(kinds []store.Kind) string {
	names := make([]string, len(kinds))
	for i, kind := range kinds {
		names[i] = string(kind)
	}
	return strings.Join(names, ", ")
}

// Member is one setting or part of a credential.
type Member struct {
	Name     string
	Required bool
	Meaning  string // one line, for people

	// Receives marks a setting that decides where the credential is sent. A
	// caller who changes the setting must also send the credential.
	Receives bool

	// With names the member without which this one is refused.
	With string
}

// Account is one project's account at a platform.
type Account struct {
	Project    string // whose account it is
	Settings   map[string]string
	Credential map[string]secret.Value

	// Timeout bounds one call; 0 is the platform's default.
	Timeout time.Duration
	// Issued returns the active key among those that the platform issued to
	// this account. Errors: *signer.NoActiveKey, signer.ErrUnavailable. It is
	// nil unless Platform.Issuer is used.
	Issued func(context.Context) (IssuedKey, error)

	Transport http.RoundTripper // nil outside tests
}

// IssuedKey is a key that a platform generated.
type IssuedKey struct {
	ID    string // on the platform
	Value secret.Value
}

// Platform is an opened account. A nil member is something that the platform,
// or this account, does not do. All members are safe for concurrent use, and
// none of them retries a call that may have had an effect.
type Platform struct {
	// Exactly one of the three makes tokens. Those of a Shape, which are JWTs, and of
	// a Form are signed with the active key of the project's ring. A Minter makes
	// its own tokens and enforces the policy that it is given.
	Shape  signer.Shape
	Form   signer.Form
	Minter func(signer.Policy) signer.Minter

	// At most one of the four: the platform registers public keys, or it issues
	// keys, or it fetches the public keys that this service publishes, or an operator
	// carries them there.
	Registrar keyrotation.Registrar
	Issuer    keyrotation.Issuer
	Fetches   *Fetching
	Carries   bool

	// Header is that of a Shape's tokens.
	Header signer.Header

	// KeyKinds are the kinds of signing keys that this account takes, where its
	// settings leave fewer than the Kind offers. Nil: all of those.
	KeyKinds []store.Kind

	// Sessions ends what viewers opened with tokens, on a platform where that
	// goes on when the token has expired. Nil: the platform cannot end it.
	Sessions keyrotation.SessionEnder

	// URLs lists the members of signer.URLs that its tokens have, by their
	// JSON names.
	URLs []string
	// Kinds lists the kinds of tokens that some request may name; see
	// [signer.Request].
	Kinds []string

	// Check asks the platform whether it accepts the credential. Errors:
	// keyrotation.ErrUnauthorized, keyrotation.ErrThrottled; after any other
	// error the answer is unknown. An error that is an [Answered] says more.
	Check func(context.Context) (Health, error)

	// Mistaken asks what answers at the account's address, and reports if that
	// is a platform of another kind, for which this account is wrong. Nil: there
	// is no such mistake. An error tells nothing.
	Mistaken func(context.Context) (Mistake, error)

	// CallsLeft returns how many calls the platform still allowed in its
	// newest response that said so; false before the first such response. It
	// makes no call. Nil if the platform never says.
	CallsLeft func() (calls int, known bool)

	// Expects is what is known of its tokens without a key, for advice on tokens
	// that others have made. Nil: they are not JWTs.
	Expects *lint.Expected

	// Judge returns the reasons for which the verifier of a Shape's tokens refuses
	// the claims of one that is signed and timely; no videoID: it may be for any.
	// Nil: no audience may be named, and "sub" is the video.
	Judge func(claims map[string]any, videoID string) []Reason

	// Examine takes a token of a Form apart, and judges all but its signature; no
	// videoID: it may be for any. It is pure.
	Examine func(token, videoID string, at time.Time, want lint.Expected) Examined

	// Inspect returns the reasons for which the platform would refuse a token
	// of its own kind. Nil for a Shape and a Form, whose tokens are checked against
	// the keys of the ring.
	Inspect func(ctx context.Context, token, videoID string, at time.Time) (Verdict, error)
}

// Fetching is how verifiers fetch public keys from
// /v1/projects/{project_id}/jwks.json.
type Fetching struct {
	// Cache is for how long a verifier may go on with what it has fetched before
	// it fetches again, even if it sees a token of another key. No propagation
	// delay is shorter.
	Cache time.Duration
}

// Health is what a platform reports about a credential.
type Health struct {
	Detail    string // one line, for people: which account, which permissions
	Limit     int    // calls per Window; 0: unknown
	Remaining int    // calls of Limit that are left, by the newest response
	Window    time.Duration
	ExpiresAt time.Time // of the credential; zero: never, or unknown
}

// Answered is the error of a call that says how it was answered. The text has at
// most a line of the platform's own words, and no credential.
type Answered interface {
	error
	HTTPStatus() int // 0: there was no answer
}

// Mistake is an account of the wrong kind. The zero value is no mistake.
type Mistake struct {
	Kind string // the right one
	Why  string // a clause for people: what was seen, and what is wrong with that
}

// Verdict is a platform's decision about a token.
type Verdict struct {
	Reasons []Reason // empty: the platform would accept the token
	Header  map[string]any
	Claims  map[string]any
}

// Examined is a token of a Form.
type Examined struct {
	Verdict Verdict
	Advice  []lint.Advice // for who makes such tokens with other programs
	KeyID   string        // empty: the token names none, or cannot be read

	// Signed returns nil if the token was signed with a key, and else what is wrong
	// with its signature.
	Signed func(public crypto.PublicKey) *Reason
}

// Reason is a reason for a refusal: a code for programs ("token_expired") and a
// sentence for people.
type Reason struct{ Code, Detail string }

// HasKeys reports whether it verifies tokens with keys that are rotated.
func (p Platform) HasKeys() bool {
	return p.Registrar != nil || p.Issuer != nil || p.Fetches != nil || p.Carries
}

// Capabilities is what a platform can do, for programs that would otherwise
// look at its name.
type Capabilities struct {
	Mints        bool     `json:"mints"`
	Registers    bool     `json:"registers"`     // public keys
	Issues       bool     `json:"issues"`        // keys
	EndsSessions bool     `json:"ends_sessions"` // of viewers, before they end by themselves
	URLs         []string `json:"urls"`
	Kinds        []string `json:"kinds"` // of tokens
}

// Capabilities returns what the account can do.
func (p Platform) Capabilities() Capabilities {
	return Capabilities{
		Mints:        p.Shape != nil || p.Form != nil || p.Minter != nil,
		Registers:    p.Registrar != nil,
		Issues:       p.Issuer != nil,
		EndsSessions: p.Sessions != nil,
		URLs:         append([]string{}, p.URLs...),
		Kinds:        append([]string{}, p.Kinds...),
	}
}
