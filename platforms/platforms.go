// Package platforms defines what a video platform is to the rest of playtoken.
// Each folder beside this file implements one platform.
//
// The decision a newcomer would get wrong: no code looks at a platform's name
// to decide what to do. What a platform can do is in its [Platform] value: a
// nil member is something that it does not do, and [Platform.Capabilities]
// reports the same to programs. A new platform is a folder with a [Kind], a
// line in package all, a call of platformtest.Run and a page in docs.
package platforms

import (
	"context"
	"net/http"
	"time"

	"playtoken/keyrotation"
	"playtoken/secret"
	"playtoken/signer"
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

	// Open checks the form of an account's settings and credential. It makes
	// no call and starts no goroutine. Its errors name the member, say what to
	// do, and never contain a credential.
	Open func(Account) (Platform, error)
}

// Member is one setting or part of a credential.
type Member struct {
	Name     string
	Required bool
	Meaning  string // one line, for people

	// Receives marks a setting that decides where the credential is sent. A
	// caller who changes the setting must also send the credential.
	Receives bool
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
	// Exactly one of the two makes tokens. The tokens of a Shape are signed
	// with the active key of the project's ring. A Minter makes its own tokens
	// and enforces the policy that it is given.
	Shape  signer.Shape
	Minter func(signer.Policy) signer.Minter

	// At most one of the two: the platform registers public keys, or it issues
	// keys.
	Registrar keyrotation.Registrar
	Issuer    keyrotation.Issuer

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
	// error the answer is unknown.
	Check func(context.Context) (Health, error)

	// Mistaken asks what answers at the account's address, and reports if that
	// is a platform of another kind, for which this account is wrong. Nil: there
	// is no such mistake. An error tells nothing.
	Mistaken func(context.Context) (Mistake, error)

	// CallsLeft returns how many calls the platform still allowed in its
	// newest response that said so; false before the first such response. It
	// makes no call. Nil if the platform never says.
	CallsLeft func() (calls int, known bool)

	// Inspect returns the reasons for which the platform would refuse a token
	// of its own kind. Nil for a Shape, whose tokens are checked against the
	// keys of the ring.
	Inspect func(ctx context.Context, token, videoID string, at time.Time) (Verdict, error)
}

// Health is what a platform reports about a credential.
type Health struct {
	Detail    string // one line, for people: which account, which permissions
	Limit     int    // calls per Window; 0: unknown
	Remaining int    // calls of Limit that are left, by the newest response
	Window    time.Duration
	ExpiresAt time.Time // of the credential; zero: never, or unknown
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

// Reason is a reason for a refusal: a code for programs ("token_expired") and a
// sentence for people.
type Reason struct{ Code, Detail string }

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
		Mints:        p.Shape != nil || p.Minter != nil,
		Registers:    p.Registrar != nil,
		Issues:       p.Issuer != nil,
		EndsSessions: p.Sessions != nil,
		URLs:         append([]string{}, p.URLs...),
		Kinds:        append([]string{}, p.Kinds...),
	}
}
