// Package access exchanges API keys for short-lived tokens: an access token that
// every replica can verify by itself for an hour, and a refresh token that can be
// exchanged for the next pair once.
//
// The decision a newcomer would get wrong: a refresh token that is presented a
// second time ends its whole family, but a forged one ends nothing. The token's own
// MAC tells them apart, before the store is read; the store's check-and-set alone
// decides which of two redemptions came first. The signing key is rotated like a
// project's: its ring is [RingID], and its platform is the key set that this
// service publishes.
package access

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"playtoken/projects"
	"playtoken/projects/internal/cache"
	"playtoken/secret"
	"playtoken/signer"
	"playtoken/store"
)

// RingID is the id of the ring whose keys sign access tokens, in the place of a
// project's id.
const RingID = "access_tokens"

// Lifetime is the lifetime of an access token, and therefore the longest lifetime
// in the ring's rotation policy.
const Lifetime = time.Hour

const (
	familyLife  = 30 * 24 * time.Hour // from the exchange, however often it is refreshed
	maxFamilies = 100                 // per API key

	tokenType = "at+jwt"    // RFC 9068, section 2.1
	party     = "playtoken" // "iss" and "aud": this service makes and accepts the tokens
	skew      = time.Minute // another replica's clock may be this far behind

	remembered = 10_000 // verified tokens; each takes about 300 bytes
)

// ErrCredentials: the API key or token is unknown, expired, deleted or already
// used. It is a [projects.ErrUnknownCaller], too.
var ErrCredentials = fmt.Errorf("the user credentials were incorrect: %w", projects.ErrUnknownCaller)

// ErrReused is an ErrCredentials: the refresh token was used before, and its family
// has ended.
var ErrReused = fmt.Errorf("the refresh token was used before: %w", ErrCredentials)

// Keys finds API keys; a [projects.View] is one. The results may be as old as a
// view's. Errors: store.ErrUnavailable, and those below.
type Keys interface {
	// Identify returns the caller of an API key, or projects.ErrUnknownCaller.
	Identify(ctx context.Context, apiKey secret.Value) (projects.Caller, error)

	// Key returns the API key with an id, or projects.ErrNotFound after its
	// deletion.
	Key(ctx context.Context, id string) (projects.APIKey, error)

	// NewestKey is Key, as it is now.
	NewestKey(ctx context.Context, id string) (projects.APIKey, error)
}

// Secrets derives secrets that all replicas share and that never change; a
// [projects.Store] does. It is called for each token.
type Secrets interface {
	// Secret returns 32 bytes, or store.ErrUnavailable.
	Secret(ctx context.Context, purpose string) ([]byte, error)
}

// Signer signs with the active key of the ring; see [signer.JWTs] for its contract.
type Signer interface {
	Sign(ctx context.Context, typ string, ttl time.Duration, claims func(issued, expires time.Time) map[string]any) (signer.Token, error)
}

// Config is what Access works with.
type Config struct {
	Documents store.Documents // of refresh families
	Keys      Keys
	Secrets   Secrets
	Signer    Signer

	// ViewAge is the largest age of cached published keys; Staleness is the same
	// while the store is unavailable, if it is longer. The ring's durations must
	// not be shorter.
	ViewAge, Staleness time.Duration
}

// Access makes and verifies tokens. It is safe for concurrent use, and replicas may
// share one store. Close must be called.
type Access struct {
	documents store.Documents
	keys      Keys
	secrets   Secrets
	signer    Signer
	published *sets
	verified  *lru.Cache[tokenHash, verified]
	ended     *cache.Cache[endedTokens] // by API key
}

// New returns an Access. Nothing is read until it is asked for.
func New(c Config) (*Access, error) {
	known, err := lru.New[tokenHash, verified](remembered)
	if err != nil {
		return nil, fmt.Errorf("remember access tokens: %w", err)
	}
	return &Access{
		documents: c.Documents, keys: c.Keys, secrets: c.Secrets, signer: c.Signer,
		published: newSets(c.Documents, c.ViewAge, c.Staleness), verified: known,
		ended: newEnded(c.Documents, c.ViewAge, c.Staleness),
	}, nil
}

// Close cancels reads that are under way and waits for them.
func (a *Access) Close() {
	a.published.held.Close()
	a.ended.Close()
}

// Tokens is the result of an exchange or a refresh.
type Tokens struct {
	Access, Refresh secret.Value
	ExpiresIn       time.Duration // of Access; whole seconds
}

// Exchange begins a family of tokens for an API key. A key with too many families
// loses its oldest. After an error no usable token exists. Errors: ErrCredentials,
// store.ErrUnavailable, and those of the signer.
func (a *Access) Exchange(ctx context.Context, apiKey secret.Value) (Tokens, error) {
	caller, err := a.keys.Identify(ctx, apiKey)
	switch {
	case errors.Is(err, projects.ErrUnknownCaller), err == nil && (caller.Operates() || caller.ProjectID == ""):
		return Tokens{}, ErrCredentials
	case err != nil:
		return Tokens{}, fmt.Errorf("exchange API key: %w", err)
	}
	tokens, err := a.exchange(ctx, caller)
	if err != nil {
		return Tokens{}, fmt.Errorf("exchange API key %s: %w", caller.ID, err)
	}
	return tokens, nil
}

// exchange returns a token only after everything that it depends on is stored.
func (a *Access) exchange(ctx context.Context, caller projects.Caller) (Tokens, error) {
	key, err := a.secret(ctx)
	if err != nil {
		return Tokens{}, err
	}
	// A view may be older than the end of all earlier tokens.
	owner, err := a.newestKey(ctx, caller.ID)
	if err != nil {
		return Tokens{}, err
	}
	access, err := a.sign(ctx, caller.ID, owner.TokensEnded, caller.Scopes)
	if err != nil {
		return Tokens{}, err
	}
	begun := newFamily(caller, owner.TokensEnded, time.Now())
	if begun.version, err = a.writeFamily(ctx, begun); err != nil {
		return Tokens{}, err
	}
	// The family is added to the key's list before its token is returned, so
	// that every family with a token is listed.
	if err := a.enlist(ctx, caller.ID, begun); err != nil {
		return Tokens{}, errors.Join(err, a.documents.Delete(context.WithoutCancel(ctx), familyName(begun.ID)))
	}
	return tokens(access, refreshToken{begun.ID, begun.Counter}, key), nil
}

// Refresh exchanges a refresh token for new tokens. Errors: ErrCredentials,
// store.ErrUnavailable, and those of the signer. After ErrUnavailable the token may
// already be used, and presenting it again may count as the second time.
func (a *Access) Refresh(ctx context.Context, presented secret.Value) (Tokens, error) {
	key, err := a.secret(ctx)
	if err != nil {
		return Tokens{}, fmt.Errorf("refresh: %w", err)
	}
	token, genuine := readRefreshToken(presented.Reveal(), key)
	if !genuine {
		return Tokens{}, ErrCredentials
	}
	access, err := a.redeem(ctx, token)
	switch {
	case errors.Is(err, ErrReused):
		return Tokens{}, ErrReused
	case errors.Is(err, ErrCredentials):
		return Tokens{}, ErrCredentials
	case err != nil:
		return Tokens{}, fmt.Errorf("refresh family %s: %w", token.family, err)
	}
	return tokens(access, refreshToken{token.family, token.counter + 1}, key), nil
}

// Owner returns the API key that a refresh token belongs to, whether or not the
// token was used before. The caller may do nothing: only [Access.Refresh] makes
// tokens. Errors: ErrCredentials for a token that was not made here, or whose API
// key or family is gone; store.ErrUnavailable.
func (a *Access) Owner(ctx context.Context, presented secret.Value) (projects.Caller, error) {
	key, err := a.secret(ctx)
	if err != nil {
		return projects.Caller{}, fmt.Errorf("refresh: %w", err)
	}
	token, genuine := readRefreshToken(presented.Reveal(), key)
	if !genuine {
		return projects.Caller{}, ErrCredentials
	}
	family, err := a.readFamily(ctx, token.family)
	if err != nil {
		return projects.Caller{}, err
	}
	owner, err := a.key(ctx, family.APIKeyID)
	return owner.Caller(nil), err
}

// Revoke ends the family of a refresh token, used or not: none of its refresh
// tokens is accepted any more. Its access tokens live to their end. Errors:
// ErrCredentials as of Owner, store.ErrUnavailable.
func (a *Access) Revoke(ctx context.Context, presented secret.Value) error {
	key, err := a.secret(ctx)
	if err != nil {
		return fmt.Errorf("revoke refresh token: %w", err)
	}
	token, genuine := readRefreshToken(presented.Reveal(), key)
	if !genuine {
		return ErrCredentials
	}
	if err = a.revoke(ctx, token.family); errors.Is(err, ErrReused) {
		return nil
	}
	return err
}

// redeem uses up a genuine token and returns an access token. If the outcome of the
// write is unknown, no caller gets the next token.
func (a *Access) redeem(ctx context.Context, token refreshToken) (signer.Token, error) {
	family, err := a.readFamily(ctx, token.family)
	switch {
	case err != nil:
		return signer.Token{}, err
	case family.over(time.Now()):
		return signer.Token{}, ErrCredentials
	case family.Counter != token.counter:
		return signer.Token{}, a.revoke(ctx, token.family)
	}
	key, err := a.newestKey(ctx, family.APIKeyID)
	switch {
	case err != nil:
		return signer.Token{}, err
	case family.TokensEnded < key.TokensEnded:
		return signer.Token{}, ErrCredentials
	}
	// The access token is signed before the family changes, so that a caller
	// keeps its refresh token while the signer is unavailable.
	access, err := a.sign(ctx, family.APIKeyID, key.TokensEnded, common(family.Scopes, key.Scopes))
	if err != nil {
		return signer.Token{}, err
	}
	family.Counter++
	switch _, err := a.writeFamily(ctx, family); {
	case errors.Is(err, store.ErrConflict): // another request redeems the same token
		return signer.Token{}, a.revoke(ctx, token.family)
	case err != nil:
		return signer.Token{}, err
	}
	return access, nil
}

func tokens(access signer.Token, refresh refreshToken, key []byte) Tokens {
	return Tokens{
		Access:    secret.New(access.Value),
		Refresh:   refresh.format(key),
		ExpiresIn: access.ExpiresAt.Sub(access.IssuedAt),
	}
}

// endedClaim is the claim with the TokensEnded of the API key at the exchange. A
// token without it has 0.
const endedClaim = "ended"

// sign makes an access token for an API key.
func (a *Access) sign(ctx context.Context, keyID string, ended int64, scopes []projects.Scope) (signer.Token, error) {
	return a.signer.Sign(ctx, tokenType, Lifetime, func(issued, expires time.Time) map[string]any {
		claims := map[string]any{
			"iss": party, "aud": party, "sub": keyID, "jti": rand.Text(),
			"iat": issued.Unix(), "nbf": issued.Add(-skew).Unix(), "exp": expires.Unix(),
			"scope": joinScopes(scopes),
		}
		if ended > 0 {
			claims[endedClaim] = ended
		}
		return claims
	})
}

// key returns an API key that still exists, or ErrCredentials.
func (a *Access) key(ctx context.Context, id string) (projects.APIKey, error) {
	key, err := a.keys.Key(ctx, id)
	return key, gone(err)
}

// newestKey is key, as it is now.
func (a *Access) newestKey(ctx context.Context, id string) (projects.APIKey, error) {
	key, err := a.keys.NewestKey(ctx, id)
	return key, gone(err)
}

func gone(err error) error {
	if errors.Is(err, projects.ErrNotFound) {
		return ErrCredentials
	}
	return err
}

// secret is the key of refresh tokens' MACs.
func (a *Access) secret(ctx context.Context) ([]byte, error) {
	key, err := a.secrets.Secret(ctx, "refresh tokens")
	if err == nil && len(key) < 32 {
		err = fmt.Errorf("it has %d bytes, fewer than 32", len(key))
	}
	if err != nil {
		return nil, fmt.Errorf("secret of refresh tokens: %w", err)
	}
	return key, nil
}

func joinScopes(scopes []projects.Scope) string {
	words := make([]string, len(scopes))
	for i, s := range scopes {
		words[i] = string(s)
	}
	return strings.Join(words, " ")
}

func splitScopes(text string) (scopes []projects.Scope) {
	for word := range strings.FieldsSeq(text) {
		scopes = append(scopes, projects.Scope(word))
	}
	return scopes
}

// common returns the scopes that the token has and the API key still has.
func common(granted, given []projects.Scope) (both []projects.Scope) {
	for _, s := range granted {
		if slices.Contains(given, s) {
			both = append(both, s)
		}
	}
	return both
}
