package access

import (
	"context"
	"crypto/rsa"
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

// verified is what a token says whose signature was found to be good.
type verified struct {
	keyID              string // of the signing key
	subject            string // the API key's id
	scopes             []projects.Scope
	notBefore, expires time.Time
}

// Identify returns whose access token this is: that of an API key which still
// exists, with the scopes that the token was given and the key still has.
// Errors: ErrCredentials, store.ErrUnavailable.
func (a *Access) Identify(ctx context.Context, credential secret.Value) (projects.Caller, error) {
	said, err := a.verify(ctx, credential.Reveal())
	if err == nil {
		// Its form and signature are good, and its key is published now.
		err = said.inForce(time.Now())
	}
	if err != nil {
		return projects.Caller{}, err
	}
	key, err := a.key(ctx, said.subject)
	switch {
	case errors.Is(err, ErrCredentials):
		return projects.Caller{}, ErrCredentials
	case err != nil:
		return projects.Caller{}, fmt.Errorf("access token of API key %s: %w", said.subject, err)
	}
	return projects.Caller{ID: key.ID, ProjectID: key.ProjectID, Scopes: common(said.scopes, key.Scopes)}, nil
}

// verify reads a token, remembering those that are good. The published keys
// are asked each time: a key that is withdrawn takes its tokens along.
func (a *Access) verify(ctx context.Context, token string) (verified, error) {
	hash := sha256.Sum256([]byte(token))
	said, known := a.verified.Get(hash)
	if !known && !claimed(token) {
		return verified{}, ErrCredentials
	}
	published, err := a.published.current(ctx)
	if err != nil {
		return verified{}, fmt.Errorf("access token: %w", err)
	}
	if _, shown := published.find(said.keyID); known && shown {
		return said, nil
	}
	said, err = read(token, published.find)
	var refused *verify.Error
	if errors.As(err, &refused) && refused.Reason == verify.KeyUnknown {
		// Perhaps a key so new that we have not seen it yet. While the store is
		// away nobody can say that it is not.
		newer, unread := a.published.newest(ctx)
		if unread != nil {
			return verified{}, fmt.Errorf("access token: %w", unread)
		}
		said, err = read(token, newer.find)
	}
	if err != nil {
		return verified{}, ErrCredentials
	}
	a.verified.Add(hash, said)
	return said, nil
}

// claimed reports whether a token says of itself that it is one of ours. Those
// of viewers' providers do not, and no store is asked, or waited for, because
// of them.
func claimed(token string) bool {
	_, rest, _ := strings.Cut(token, ".")
	claims, _, _ := strings.Cut(rest, ".")
	data, err := base64.RawURLEncoding.DecodeString(claims)
	var says struct {
		Issuer string `json:"iss"`
	}
	return err == nil && json.Unmarshal(data, &says) == nil && says.Issuer == party
}

// read is the whole of what makes a token ours, but for its time.
func read(token string, keys func(string) (*rsa.PublicKey, bool)) (verified, error) {
	t, err := verify.Signed(token, tokenType, keys)
	if err != nil {
		return verified{}, err
	}
	scope, isText := t.Claims["scope"].(string)
	switch {
	case t.Claims["iss"] != party, t.Claims["aud"] != party, t.Subject == "", t.NotBefore.IsZero(), !isText:
		return verified{}, errors.New("access token: not made by us, or not for us")
	}
	return verified{t.KeyID, t.Subject, readScopes(scope), t.NotBefore, t.Expires}, nil
}

// inForce allows for no skew of its own: tokens are dated back by it.
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
