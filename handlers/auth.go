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
// those of OAuth 2.0 and of api.video.
type Tokens struct {
	Type      string `json:"token_type"`
	ExpiresIn int64  `json:"expires_in"` // seconds
	Access    string `json:"access_token"`
	Refresh   string `json:"refresh_token"`
}

type exchangeBody struct {
	APIKey string `json:"apiKey"`
}

var (
	_ withCheck      = exchangeBody{}
	_ withCredential = exchangeBody{}
)

func (b exchangeBody) check() error { return checkPresent("apiKey", b.APIKey) }

type refreshBody struct {
	RefreshToken string `json:"refreshToken"`
}

var (
	_ withCheck      = refreshBody{}
	_ withCredential = refreshBody{}
)

func (b refreshBody) check() error { return checkPresent("refreshToken", b.RefreshToken) }

// revokeBody names the token to end: exactly one of the two.
type revokeBody struct {
	RefreshToken string `json:"refreshToken"`
	AccessToken  string `json:"accessToken"`
}

var (
	_ withCheck      = revokeBody{}
	_ withCredential = revokeBody{}
	_ withSubject    = revokeBody{}
)

func (b revokeBody) check() error {
	if (b.RefreshToken == "") == (b.AccessToken == "") {
		return invalidFields(fieldError{"refreshToken", "send exactly one of refreshToken and accessToken, as a string"})
	}
	return nil
}

func (b revokeBody) credential(s *server) (member string, value secret.Value, owner credentialOwner) {
	if b.AccessToken != "" {
		return "accessToken", secret.New(b.AccessToken), s.Access.TokenOwner
	}
	return "refreshToken", secret.New(b.RefreshToken), s.Access.Owner
}

func (b revokeBody) subject() string {
	if b.AccessToken != "" {
		return "access token"
	}
	return "refresh token"
}

func checkPresent(name, text string) error { return invalidFields(missing(name, text)...) }

// missing is what to tell about a member that is required.
func missing(name, text string) []fieldError {
	if text != "" {
		return nil
	}
	return []fieldError{{name, "is required: send it as a string"}}
}

func (b exchangeBody) credential(s *server) (member string, value secret.Value, owner credentialOwner) {
	return "apiKey", secret.New(b.APIKey), s.Callers.Identify
}

func (b refreshBody) credential(s *server) (member string, value secret.Value, owner credentialOwner) {
	return "refreshToken", secret.New(b.RefreshToken), s.Access.Owner
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

// refresh records what became of the token. A used token that is presented again
// was copied, by its owner or by a thief, so that is recorded as well. Tokens whose
// exchange cannot be recorded are not returned.
func (s *server) refresh(ctx context.Context, c call, body refreshBody) (Tokens, error) {
	ctx, cancel := detached(ctx)
	defer cancel()
	tokens, err := s.Access.Refresh(ctx, secret.New(body.RefreshToken))
	if err != nil && !errors.Is(err, access.ErrReused) {
		return Tokens{}, refusedCredential(err, "refreshToken")
	}
	entry := audit.Entry{Actor: c.caller.ID, Project: c.caller.ProjectID, Action: "api_key.refresh", RequestID: c.outcome.id, ProxyRequestID: c.outcome.proxied(), Result: "ok"}
	if err != nil {
		entry.Result = "refresh_token_reused"
	}
	if recordErr := s.record(ctx, entry); err == nil && recordErr != nil {
		return Tokens{}, recordErr
	}
	if err != nil {
		return Tokens{}, refusedCredential(err, "refreshToken")
	}
	return newTokens(tokens), nil
}

// revokeToken ends an access token, or the family of a refresh token.
func (s *server) revokeToken(ctx context.Context, _ call, body revokeBody) (noContent, error) {
	ctx, cancel := detached(ctx)
	defer cancel()
	end := s.Access.Revoke
	member, token, _ := body.credential(s)
	if body.AccessToken != "" {
		end = s.Access.EndToken
	}
	return noContent{}, refusedCredential(end(ctx, token), member)
}

func newTokens(t access.Tokens) Tokens {
	return Tokens{
		Type: "Bearer", ExpiresIn: int64(t.ExpiresIn / time.Second),
		Access: t.Access.Reveal(), Refresh: t.Refresh.Reveal(),
	}
}

// badCredentials is an error about the credential in a member of the body.
type badCredentials struct {
	error
	member string
}

func (b badCredentials) Unwrap() error { return b.error }

func refusedCredential(err error, member string) error {
	if errors.Is(err, access.ErrCredentials) {
		return badCredentials{error: err, member: member}
	}
	return err
}

// jwks responds with the public keys of access tokens. It may be cached for a
// minute: every key but the first is published for a whole rotation before it
// signs.
func (s *server) jwks(w http.ResponseWriter, r *http.Request) {
	set, err := s.Access.JWKS(r.Context())
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=60")
	s.write(w, r, http.StatusOK, "application/json", set)
}
