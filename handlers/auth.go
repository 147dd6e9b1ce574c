package handlers

import (
	"context"
	"errors"
	"net/http"
	"time"

	"playtoken/audit"
	"playtoken/projects/access"
	"playtoken/secret"
)

// Tokens is what an API key or a refresh token is exchanged for. Its names are
// those of OAuth 2.0, and of the platform whose clients ask for it.
type Tokens struct {
	Type      string `json:"token_type"`
	ExpiresIn int64  `json:"expires_in"` // seconds
	Access    string `json:"access_token"`
	Refresh   string `json:"refresh_token"`
}

type exchangeBody struct {
	APIKey string `json:"apiKey"`
}

func (b exchangeBody) check() error { return checkPresented("apiKey", b.APIKey) }

type refreshBody struct {
	RefreshToken string `json:"refreshToken"`
}

func (b refreshBody) check() error { return checkPresented("refreshToken", b.RefreshToken) }

func checkPresented(name, text string) error {
	if text == "" {
		return invalidFields(fieldError{name, "is required: send it as a string"})
	}
	return nil
}

// credential lets the gate see whose key it is.
func (b exchangeBody) credential() (member string, value secret.Value) {
	return "apiKey", secret.New(b.APIKey)
}

func (s *server) exchange(ctx context.Context, _ call, body exchangeBody) (Tokens, error) {
	ctx, cancel := detached(ctx)
	defer cancel()
	tokens, err := s.Access.Exchange(ctx, secret.New(body.APIKey))
	if err != nil {
		return Tokens{}, refusedCredential(err, "apiKey")
	}
	return newTokens(tokens), nil
}

// refresh learns only from the answer who is asking, so it is then that it is
// recorded: tokens that are not on record are not handed out.
func (s *server) refresh(ctx context.Context, c call, body refreshBody) (Tokens, error) {
	ctx, cancel := detached(ctx)
	defer cancel()
	tokens, err := s.Access.Refresh(ctx, secret.New(body.RefreshToken))
	if err != nil {
		return Tokens{}, refusedCredential(err, "refreshToken")
	}
	entry := audit.Entry{Actor: s.from(c.request).String(), Action: "api_key.refresh", RequestID: c.requestID, Result: "ok"}
	if caller, err := s.Callers.Identify(ctx, tokens.Access); err == nil {
		entry.Actor, entry.Project = caller.ID, caller.ProjectID
	}
	if err := s.put(ctx, entry); err != nil {
		return Tokens{}, err
	}
	return newTokens(tokens), nil
}

func newTokens(t access.Tokens) Tokens {
	return Tokens{"Bearer", int64(t.ExpiresIn / time.Second), t.Access.Reveal(), t.Refresh.Reveal()}
}

// badCredentials is what is wrong with what was presented in a member.
type badCredentials struct {
	error
	member string
}

func (b badCredentials) Unwrap() error { return b.error }

func refusedCredential(err error, member string) error {
	if errors.Is(err, access.ErrCredentials) {
		return badCredentials{err, member}
	}
	return err
}

// jwks shows the keys that access tokens are verified with. It may be kept for
// a minute: all but the very first key are shown for a whole rotation before
// they sign.
func (s *server) jwks(w http.ResponseWriter, r *http.Request) {
	set, err := s.Access.JWKS(r.Context())
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=60")
	s.write(w, r, http.StatusOK, "application/json", set)
}
