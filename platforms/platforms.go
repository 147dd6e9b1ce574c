// Package platforms says what a video platform is to the rest of playtoken.
// Each folder beside this file is one of them.
//
// The decision a newcomer would get wrong: nobody asks a platform for its name
// to decide what to do. A platform is what its [Platform] value holds: a nil
// member is something that it does not do, and [Platform.Capabilities] is that
// in words. Adding one is a folder with a [Kind], a line in cmd/playtoken's
// table, a call of platformtest and a row of the README.
package platforms

import (
	"context"
	"net/http"
	"time"

	"playtoken/keyrotation"
	"playtoken/secret"
	"playtoken/signer"
)

// Kind is one platform, before anybody has an account there.
type Kind struct {
	Name string // "vidbeo"; never changes, it is in stored documents

	// Settings and Credentials are the members that an account may have, by
	// name ("url", "api_key"). What is not listed is refused when a project is
	// saved.
	Settings    []Member
	Credentials []Member

	// Open checks an account's settings and credential for form; it calls
	// nobody and starts nothing. Its errors name the member and say what to
	// do, and never show a credential.
	Open func(Account) (Platform, error)
}

// Member is one setting or part of a credential.
type Member struct {
	Name     string
	Required bool
	Meaning  string // one line, for people

	// Receives marks a setting that says where the credential is sent. Whoever
	// changes it has to know the credential.
	Receives bool
}

// Account is one project's account at a platform.
type Account struct {
	Settings   map[string]string
	Credential map[string]secret.Value

	// Timeout bounds one call; 0 is the platform's own.
	Timeout time.Duration
	// Issued returns the value of the key that the platform issued to us and
	// that is active now, and its id there. Errors: *signer.NoActiveKey,
	// signer.ErrUnavailable. It is nil unless Platform.Issuer is used.
	Issued func(context.Context) (IssuedKey, error)

	Transport http.RoundTripper // nil outside tests
}

// IssuedKey is a key that a platform made for us.
type IssuedKey struct {
	ID    string
	Value secret.Value
}

// Platform is an opened account: what can be done there. Nil members are what
// this platform, or this account of it, does not do. Everything in it is safe
// for concurrent use.
type Platform struct {
	// Exactly one of the two makes tokens. A Shape's tokens are signed with
	// the active key of the project's ring; a Minter makes its own (and obeys
	// the policy that it is given).
	Shape  signer.Shape
	Minter func(signer.Policy) signer.Minter

	// At most one: who takes our public keys, or makes keys for us.
	Registrar keyrotation.Registrar
	Issuer    keyrotation.Issuer

	// URLs are the members of signer.URLs that its tokens come with, by their
	// JSON names.
	URLs []string

	// Check asks the platform whether the credential is alive. Errors:
	// keyrotation.ErrUnauthorized, ErrThrottled, or any other, after which it
	// is not known.
	Check func(context.Context) (Health, error)

	// Inspect says why the platform would refuse a token of its own kind; nil
	// where the ring's keys tell (see Shape).
	Inspect func(ctx context.Context, token, videoID string, at time.Time) (Verdict, error)
}

// Health is what a platform says about a credential.
type Health struct {
	Detail    string // one line, for people: whose account, which permissions
	Limit     int    // calls per Window; 0: not known
	Remaining int    // of Limit, at the newest answer
	Window    time.Duration
	ExpiresAt time.Time // of the credential; zero: never, or not known
}

// Verdict is what a platform would say to a token.
type Verdict struct {
	Reasons []Reason // none: it would be accepted
	Header  map[string]any
	Claims  map[string]any
}

// Reason is one reason for a refusal: a code for programs ("token_expired"),
// and a sentence for people.
type Reason struct{ Code, Detail string }

// Capabilities is what a platform does, for programs that would otherwise ask
// for its name.
type Capabilities struct {
	Mints     bool     `json:"mints"`
	Registers bool     `json:"registers"` // takes our public keys
	Issues    bool     `json:"issues"`    // makes keys for us
	URLs      []string `json:"urls"`
}

// Capabilities says what the account can do.
func (p Platform) Capabilities() Capabilities {
	return Capabilities{
		Mints:     p.Shape != nil || p.Minter != nil,
		Registers: p.Registrar != nil,
		Issues:    p.Issuer != nil,
		URLs:      append([]string{}, p.URLs...),
	}
}
