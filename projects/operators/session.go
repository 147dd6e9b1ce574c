package operators

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

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

// maxSealed is the longest sealed text that is read, in bytes.
const maxSealed = 4 << 10

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
	if err := s.open(ctx, aboutCode, code, &g); err != nil {
		return Session{}, err
	}
	now := s.config.Clock()
	if now.After(g.Expires) || subtle.ConstantTimeCompare([]byte(hash(verifier)), []byte(g.Challenge)) != 1 {
		return Session{}, ErrRequest
	}
	token, err := s.seal(ctx, aboutSession, g.Session)
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
	if err := s.open(ctx, aboutSession, sealed, &held); err != nil {
		return projects.Caller{}, asUnknown(err)
	}
	if held.Rules != s.rules || !s.config.Clock().Before(held.Expires) {
		return projects.Caller{}, projects.ErrUnknownCaller
	}
	over, err := s.ended.Get(ctx, endedName)
	switch {
	case err != nil:
		return projects.Caller{}, err
	case over.covers(credential.Reveal(), held):
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

// sealing returns the cipher that all replicas share.
func (s *SignIn) sealing(ctx context.Context) (cipher.AEAD, error) {
	key, err := s.config.Secrets.Secret(ctx, "operators' sign-in")
	if err != nil {
		return nil, fmt.Errorf("secret of operators' sign-in: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("secret of operators' sign-in: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func (s *SignIn) seal(ctx context.Context, about string, content any) (string, error) {
	with, err := s.sealing(ctx)
	if err != nil {
		return "", err
	}
	plain, err := json.Marshal(content)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(with.Seal(nil, nil, plain, []byte(about))), nil
}

// open reads a sealed text. Errors: ErrRequest, store.ErrUnavailable.
func (s *SignIn) open(ctx context.Context, about, sealed string, into any) error {
	with, err := s.sealing(ctx)
	if err != nil {
		return err
	}
	data, err := base64.RawURLEncoding.DecodeString(sealed[:min(len(sealed), maxSealed)])
	if err != nil || len(sealed) > maxSealed || base64.RawURLEncoding.EncodeToString(data) != sealed {
		return ErrRequest
	}
	plain, err := with.Open(nil, nil, data, []byte(about))
	if err != nil || json.Unmarshal(plain, into) != nil {
		return ErrRequest
	}
	return nil
}

// NewVerifier returns a code verifier and its challenge, for a program that signs a
// person in.
func NewVerifier() (verifier, challenge string) {
	verifier = rand.Text() + rand.Text()
	return verifier, hash(verifier)
}
