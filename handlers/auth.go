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

func (s *server) exchange(ctx context.Context, c call, body exchangeBody) (Tokens, error) {
	return s.disposable(ctx, c, "api_key.exchange", "apiKey", body.APIKey, s.Access.Exchange)
}

func (s *server) refresh(ctx context.Context, c call, body refreshBody) (Tokens, error) {
	return s.disposable(ctx, c, "api_key.refresh", "refreshToken", body.RefreshToken, s.Access.Refresh)
}

// badCredentials is what is wrong with what was presented in a member.
type badCredentials struct {
	error
	member string
}

func (b badCredentials) Unwrap() error { return b.error }

// disposable exchanges something for tokens. The caller is known only
// afterwards, so it is then that it is recorded: tokens that are not on record
// are not handed out.
func (s *server) disposable(ctx context.Context, c call, action, member, presented string,
	exchange func(context.Context, secret.Value) (access.Tokens, error)) (Tokens, error) {
	ctx, cancel := whole(ctx)
	defer cancel()
	tokens, err := exchange(ctx, secret.New(presented))
	if errors.Is(err, access.ErrCredentials) {
		return Tokens{}, badCredentials{err, member}
	} else if err != nil {
		return Tokens{}, err
	}
	entry := audit.Entry{Actor: s.from(c.request).String(), Action: action, RequestID: c.requestID, Result: "ok"}
	if caller, err := s.Callers.Identify(ctx, tokens.Access); err == nil {
		entry.Actor, entry.Project = caller.ID, caller.ProjectID
	}
	if err := s.put(ctx, entry); err != nil {
		return Tokens{}, err
	}
	return Tokens{"Bearer", int64(tokens.ExpiresIn / time.Second), tokens.Access.Reveal(), tokens.Refresh.Reveal()}, nil
}

// jwks shows the keys that access tokens are verified with. It may be kept for
// as long as a key is shown before it signs.
func (s *server) jwks(w http.ResponseWriter, r *http.Request) {
	set, err := s.Access.JWKS(r.Context())
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=60")
	s.write(w, r, http.StatusOK, "application/json", set)
}
