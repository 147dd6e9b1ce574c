package operators

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"strings"
	"time"

	"playtoken/projects"
	"playtoken/secret"
)

// The purposes of sealed texts, so that one cannot be used as another.
const (
	aboutState   = "state of a sign-in"
	aboutCode    = "code of a sign-in"
	aboutSession = "session of an operator"
)

// sessionPrefix begins every session token.
const sessionPrefix = "pts_"

// session is what a session token says.
type session struct {
	ID      string        `json:"id"`
	Name    string        `json:"name"`
	Role    projects.Role `json:"role"`
	Rules   string        `json:"rules"` // see SignIn.rules
	Expires time.Time     `json:"expires"`
	// Sequence is that of ended when the session began.
	Sequence int64 `json:"sequence,omitzero"`
}

// Session is a session that has just begun.
type Session struct {
	Token     secret.Value
	ExpiresIn time.Duration
	Name      string
	Role      projects.Role
}

// Redeem begins a session for the program that began the sign-in, which alone has
// the code's verifier. Errors: ErrRequest, store.ErrUnavailable.
func (s *SignIn) Redeem(ctx context.Context, code, verifier string) (Session, error) {
	var g grant
	if err := s.sealer.open(ctx, aboutCode, code, &g); err != nil {
		return Session{}, err
	}
	now := s.config.Clock()
	if now.After(g.Expires) || subtle.ConstantTimeCompare([]byte(hash(verifier)), []byte(g.Challenge)) != 1 {
		return Session{}, ErrRequest
	}
	token, err := s.sealer.seal(ctx, aboutSession, g.Session)
	if err != nil {
		return Session{}, err
	}
	return Session{
		Token: secret.New(sessionPrefix + token), ExpiresIn: g.Session.Expires.Sub(now).Truncate(time.Second),
		Name: g.Session.Name, Role: g.Session.Role,
	}, nil
}

// Identify returns the operator of a session token. Errors:
// projects.ErrUnknownCaller, store.ErrUnavailable.
func (s *SignIn) Identify(ctx context.Context, credential secret.Value) (projects.Caller, error) {
	sealed, ours := strings.CutPrefix(credential.Reveal(), sessionPrefix)
	if !ours {
		return projects.Caller{}, projects.ErrUnknownCaller
	}
	var held session
	if err := s.sealer.open(ctx, aboutSession, sealed, &held); err != nil {
		return projects.Caller{}, asUnknown(err)
	}
	if held.Rules != s.rules || !s.config.Clock().Before(held.Expires) {
		return projects.Caller{}, projects.ErrUnknownCaller
	}
	over, err := s.ended.get(ctx)
	switch {
	case err != nil:
		return projects.Caller{}, err
	case over.covers(sessionHash(credential.Reveal()), held.ID, held.Sequence):
		return projects.Caller{}, projects.ErrUnknownCaller
	}
	return projects.Caller{ID: held.ID, Name: held.Name, Role: held.Role}, nil
}

func asUnknown(err error) error {
	if err == ErrRequest {
		return projects.ErrUnknownCaller
	}
	return err
}

// NewVerifier returns a code verifier and its challenge, for a program that signs a
// person in.
func NewVerifier() (verifier, challenge string) {
	verifier = rand.Text() + rand.Text()
	return verifier, hash(verifier)
}

// IsSession reports whether a credential has the form of a session's token.
func IsSession(credential secret.Value) bool {
	return strings.HasPrefix(credential.Reveal(), sessionPrefix)
}
