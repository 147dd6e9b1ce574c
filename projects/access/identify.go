package access

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"playtoken/gate/verify"
	"playtoken/projects"
	"playtoken/secret"
)

type tokenHash = [sha256.Size]byte

// verified is the content of a token whose signature was verified.
type verified struct {
	keyID              string // of the signing key
	subject            string // the API key's id
	id                 string // its own, "jti"
	ended              int64  // the API key's TokensEnded at the exchange
	scopes             []projects.Scope
	notBefore, expires time.Time
}

// Identify returns the caller of an access token: its API key, which must still
// exist, with the scopes that both the token and the key have. Errors:
// ErrCredentials, store.ErrUnavailable.
func (a *Access) Identify(ctx context.Context, credential secret.Value) (projects.Caller, error) {
	claims, err := a.verify(ctx, credential.Reveal())
	if err == nil {
		// Its form and signature are right, and its key is published now.
		err = claims.inForce(time.Now())
	}
	if err != nil {
		return projects.Caller{}, err
	}
	key, err := a.key(ctx, claims.subject)
	switch {
	case errors.Is(err, ErrCredentials):
		return projects.Caller{}, ErrCredentials
	case err != nil:
		return projects.Caller{}, fmt.Errorf("access token of API key %s: %w", claims.subject, err)
	}
	ended, err := a.ended.Get(ctx, claims.subject)
	switch {
	case err != nil:
		return projects.Caller{}, fmt.Errorf("access token of API key %s: %w", claims.subject, err)
	case claims.ended < key.TokensEnded, ended.has(claims.id):
		return projects.Caller{}, ErrCredentials
	}
	return key.Caller(common(claims.scopes, key.Scopes)), nil
}

// verify verifies a token and caches the result. The published keys are checked
// each time, so that the tokens of a withdrawn key end with it.
func (a *Access) verify(ctx context.Context, token string) (verified, error) {
	hash := sha256.Sum256([]byte(token))
	content, known := a.verified.Get(hash)
	if !known && !claimed(token) {
		return verified{}, ErrCredentials
	}
	if known {
		a.ended.Expect(content.subject) // both reads at once, if the store is slow
	}
	published, err := a.published.current(ctx)
	if err != nil {
		return verified{}, fmt.Errorf("access token: %w", err)
	}
	if _, shown := published.find(content.keyID); known && shown {
		return content, nil
	}
	content, err = read(token, published.find)
	var refused *verify.Error
	if errors.As(err, &refused) && refused.Reason == verify.KeyUnknown {
		// The key may be newer than the cached set. While the store is
		// unavailable, that cannot be ruled out.
		newer, unread := a.published.newest(ctx)
		if unread != nil {
			return verified{}, fmt.Errorf("access token: %w", unread)
		}
		content, err = read(token, newer.find)
	}
	if err != nil {
		return verified{}, ErrCredentials
	}
	a.verified.Add(hash, content)
	return content, nil
}

// claimed reports whether a token names this service as its issuer. Tokens of
// viewers' identity providers do not, so that they cause no read of the store.
func claimed(token string) bool {
	_, rest, _ := strings.Cut(token, ".")
	claims, _, _ := strings.Cut(rest, ".")
	data, err := base64.RawURLEncoding.DecodeString(claims)
	var says struct {
		Issuer string `json:"iss"`
	}
	return err == nil && json.Unmarshal(data, &says) == nil && says.Issuer == party
}

// read verifies everything about a token except its time.
func read(token string, keys verify.Keys) (verified, error) {
	t, err := verify.Signed(token, tokenType, keys)
	if err != nil {
		return verified{}, err
	}
	scope, isText := t.Claims["scope"].(string)
	ended, _ := t.Claims[endedClaim].(float64) // absent: 0
	id, _ := t.Claims["jti"].(string)
	switch {
	case t.Claims["iss"] != party, t.Claims["aud"] != party, t.Subject == "", t.NotBefore.IsZero(), !isText, id == "":
		return verified{}, errors.New("access token: wrong issuer, audience or claims")
	}
	return verified{
		keyID: t.KeyID, subject: t.Subject, id: id, ended: int64(ended), scopes: splitScopes(scope),
		notBefore: t.NotBefore, expires: t.Expires,
	}, nil
}

// inForce allows no clock skew, because tokens are back-dated by it.
func (v verified) inForce(now time.Time) error {
	if now.Before(v.notBefore) || !now.Before(v.expires) {
		return ErrCredentials
	}
	return nil
}

// JWKS returns the JSON Web Key Set that verifies access tokens (RFC 7517).
// Errors: store.ErrUnavailable.
func (a *Access) JWKS(ctx context.Context) ([]byte, error) {
	published, err := a.published.current(ctx)
	if err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	return published.jwks, nil
}
