// Package access exchanges API keys for disposable tokens: an access token
// that every replica can verify by itself for an hour, and a refresh token that
// is good for the next pair, once.
//
// The decision a newcomer would get wrong: a refresh token that is presented a
// second time ends its whole family, and a token that is merely wrong ends
// nothing. Which of the two it is, its own MAC tells, before the store is
// asked; which of two redemptions came first, the store's check-and-set
// decides, and nobody else. The signing key is rotated like any project's: the
// ring is [RingID], and the platform that it is registered with is the key set
// that we publish ourselves.
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
	"playtoken/secret"
	"playtoken/signer"
	"playtoken/store"
)

// RingID names the ring of the keys that sign access tokens, as a project's id
// names a project's.
const RingID = "access_tokens"

// Lifetime is how long an access token lives, and so the longest token of the
// ring's rotation policy.
const Lifetime = time.Hour

const (
	familyLife  = 30 * 24 * time.Hour // from the exchange, however often it is refreshed
	maxFamilies = 100                 // of an API key

	tokenType = "at+jwt"    // RFC 9068, section 2.1
	party     = "playtoken" // "iss" and "aud": these tokens are ours, for us
	skew      = time.Minute // other clocks may be this far behind ours

	remembered = 10_000 // verified tokens; each takes about 300 bytes
)

// ErrCredentials: what was presented is not, or no longer, good for anything.
// It is a [projects.ErrUnknownCaller], too.
var ErrCredentials = fmt.Errorf("the user credentials were incorrect: %w", projects.ErrUnknownCaller)

// Keys knows API keys; a [projects.View] is one. Both answers may be as old as
// a view may be. Errors: store.ErrUnavailable, and those below.
type Keys interface {
	// Identify returns whose API key this is, or projects.ErrUnknownCaller.
	Identify(ctx context.Context, apiKey secret.Value) (projects.Caller, error)

	// Key returns the API key of an id; projects.ErrNotFound once it is
	// deleted.
	Key(ctx context.Context, id string) (projects.APIKey, error)
}

// Secrets derives secrets that every replica knows, and that never change; a
// [projects.Store] does. It is asked for each token.
type Secrets interface {
	// Secret returns 32 bytes, or store.ErrUnavailable.
	Secret(ctx context.Context, purpose string) ([]byte, error)
}

// Signer signs with the active key of the ring; see [signer.JWTs] for what it
// promises, and its errors.
type Signer interface {
	Sign(ctx context.Context, typ string, ttl time.Duration, claims func(issued, expires time.Time) map[string]any) (signer.Token, error)
}

// Config is what Access works with.
type Config struct {
	Documents store.Documents // of refresh families
	Keys      Keys
	Secrets   Secrets
	Signer    Signer

	// ViewAge is how old a reading of the published keys may be; Staleness the
	// same while the store does not answer, if that is longer. The ring's
	// durations must be no shorter.
	ViewAge, Staleness time.Duration
}

// Access makes and reads tokens. It is safe for concurrent use, and any number
// of replicas may work on one store. Close must be called.
type Access struct {
	documents store.Documents
	keys      Keys
	secrets   Secrets
	signer    Signer
	published *sets
	verified  *lru.Cache[tokenHash, verified]
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
	}, nil
}

// Close ends a read of the published keys that is under way, and waits for it.
func (a *Access) Close() { a.published.held.Close() }

// Tokens is the answer to an exchange or a refresh.
type Tokens struct {
	Access, Refresh secret.Value
	ExpiresIn       time.Duration // of Access; whole seconds
}

// Exchange begins a family of tokens for an API key. A key that has too many
// loses its oldest. Errors: ErrCredentials, store.ErrUnavailable, and
// those of the signer. After an error nothing that could be used is left.
func (a *Access) Exchange(ctx context.Context, apiKey secret.Value) (Tokens, error) {
	caller, err := a.keys.Identify(ctx, apiKey)
	switch {
	case errors.Is(err, projects.ErrUnknownCaller), err == nil && (caller.Admin || caller.ProjectID == ""):
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

// exchange shows nobody a token before all that it depends on is in the store.
func (a *Access) exchange(ctx context.Context, caller projects.Caller) (Tokens, error) {
	key, err := a.secret(ctx)
	if err != nil {
		return Tokens{}, err
	}
	access, err := a.sign(ctx, caller.ID, caller.Scopes)
	if err != nil {
		return Tokens{}, err
	}
	begun := newFamily(caller, time.Now())
	if begun.version, err = a.writeFamily(ctx, begun); err != nil {
		return Tokens{}, err
	}
	// Nobody knows the family yet; it is among the key's own before somebody
	// does, so none that is of use is ever forgotten.
	if err := a.enlist(ctx, caller.ID, begun); err != nil {
		return Tokens{}, errors.Join(err, a.documents.Delete(context.WithoutCancel(ctx), familyName(begun.ID)))
	}
	return tokens(access, refreshToken{begun.ID, begun.Counter}, key), nil
}

// Refresh redeems a refresh token. Errors: ErrCredentials,
// store.ErrUnavailable, and those of the signer. After ErrUnavailable
// the token may have been used up; to present it again is then the second time.
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
	case errors.Is(err, ErrCredentials):
		return Tokens{}, ErrCredentials
	case err != nil:
		return Tokens{}, fmt.Errorf("refresh family %s: %w", token.family, err)
	}
	return tokens(access, refreshToken{token.family, token.counter + 1}, key), nil
}

// redeem uses a genuine token up and returns an access token. The successor is
// owed to whoever gets one: that is nobody, if the answer to the write is lost.
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
	key, err := a.key(ctx, family.APIKeyID)
	if err != nil {
		return signer.Token{}, err
	}
	// Signed before the family moves on: a signer that is away costs nobody
	// the refresh token.
	access, err := a.sign(ctx, family.APIKeyID, common(family.Scopes, key.Scopes))
	if err != nil {
		return signer.Token{}, err
	}
	family.Counter++
	switch _, err := a.writeFamily(ctx, family); {
	case errors.Is(err, store.ErrConflict): // somebody else redeems the same token
		return signer.Token{}, a.revoke(ctx, token.family)
	case err != nil:
		return signer.Token{}, err
	}
	return access, nil
}

func tokens(access signer.Token, refresh refreshToken, key []byte) Tokens {
	return Tokens{
		Access:    secret.New(access.Value),
		Refresh:   refresh.spell(key),
		ExpiresIn: access.ExpiresAt.Sub(access.IssuedAt),
	}
}

// sign makes an access token for an API key.
func (a *Access) sign(ctx context.Context, keyID string, scopes []projects.Scope) (signer.Token, error) {
	return a.signer.Sign(ctx, tokenType, Lifetime, func(issued, expires time.Time) map[string]any {
		return map[string]any{
			"iss": party, "aud": party, "sub": keyID, "jti": rand.Text(),
			"iat": issued.Unix(), "nbf": issued.Add(-skew).Unix(), "exp": expires.Unix(),
			"scope": spellScopes(scopes),
		}
	})
}

// key returns an API key that still exists; else the error is ErrCredentials.
func (a *Access) key(ctx context.Context, id string) (projects.APIKey, error) {
	key, err := a.keys.Key(ctx, id)
	if errors.Is(err, projects.ErrNotFound) {
		return projects.APIKey{}, ErrCredentials
	}
	return key, err
}

// secret is what refresh tokens are made genuine with.
func (a *Access) secret(ctx context.Context) ([]byte, error) {
	key, err := a.secrets.Secret(ctx, "refresh tokens")
	if err == nil && len(key) < 32 {
		err = fmt.Errorf("%d bytes are too few", len(key))
	}
	if err != nil {
		return nil, fmt.Errorf("secret of refresh tokens: %w", err)
	}
	return key, nil
}

func spellScopes(scopes []projects.Scope) string {
	words := make([]string, len(scopes))
	for i, s := range scopes {
		words[i] = string(s)
	}
	return strings.Join(words, " ")
}

func readScopes(text string) (scopes []projects.Scope) {
	for word := range strings.FieldsSeq(text) {
		scopes = append(scopes, projects.Scope(word))
	}
	return scopes
}

// common returns what is granted and still given.
func common(granted, given []projects.Scope) (both []projects.Scope) {
	for _, s := range granted {
		if slices.Contains(given, s) {
			both = append(both, s)
		}
	}
	return both
}
