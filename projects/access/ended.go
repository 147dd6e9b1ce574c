package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"playtoken/keyrotation"
	"playtoken/projects"
	"playtoken/projects/internal/cache"
	"playtoken/secret"
	"playtoken/store"
)

const (
	// maxEnded bounds how many access tokens of one API key may be ended one by one
	// while they would still be valid.
	maxEnded = 500
	// rememberedKeys is of how many API keys it is cached which tokens were ended.
	rememberedKeys = 16_384
)

// endedTokens are the access tokens of one API key that were ended before their
// time.
type endedTokens struct {
	Tokens []endedToken `json:"tokens"`
}

type endedToken struct {
	ID        string    `json:"jti"`
	ExpiresAt time.Time `json:"expires_at"` // after which it is forgotten
}

// endedName is the name of their document. Its kind is that of the list of
// families, so that the rights of a process at the store are enough.
func endedName(keyID string) string { return "families/ended_" + keyID }

func newEnded(documents Reader, age, staleness time.Duration) *cache.Cache[endedTokens] {
	return cache.New(cache.Config[endedTokens]{
		Size: rememberedKeys, Age: age, Staleness: staleness, Pause: minInterval,
		Read: func(ctx context.Context, keyID string) (endedTokens, error) { return readEnded(ctx, documents, keyID) },
	})
}

// readEnded returns the tokens of an API key that were ended; none if it never had
// any. It ignores unknown members, since it does not write them.
func readEnded(ctx context.Context, documents Reader, keyID string) (ended endedTokens, err error) {
	doc, err := documents.Read(ctx, endedName(keyID))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return endedTokens{}, nil
	case err != nil:
		return endedTokens{}, err
	}
	if err := json.Unmarshal(doc.Data, &ended); err != nil {
		return endedTokens{}, fmt.Errorf("decode %s: %w", endedName(keyID), err)
	}
	return ended, nil
}

func (e endedTokens) has(id string) bool {
	return slices.ContainsFunc(e.Tokens, func(t endedToken) bool { return t.ID == id })
}

// TokenOwner returns the API key that an access token belongs to, whether or not the
// token was ended or has expired. The caller may do nothing with it. Errors:
// ErrCredentials for a token that was not made here, or whose API key is gone;
// store.ErrUnavailable.
func (a *Access) TokenOwner(ctx context.Context, presented secret.Value) (projects.Caller, error) {
	content, err := a.verify(ctx, presented.Reveal())
	if err != nil {
		return projects.Caller{}, err
	}
	owner, err := a.key(ctx, content.subject)
	return owner.Caller(nil), err
}

// EndToken ends an access token before its time: at once in this process, within the
// view age in others. It succeeds for one that is over already. Errors:
// ErrCredentials for a token that was not made here; *keyrotation.Guard for one more
// than may be ended one by one; store.ErrUnavailable, after which it may have been
// ended.
func (a *Access) EndToken(ctx context.Context, presented secret.Value) error {
	content, err := a.verify(ctx, presented.Reveal())
	if err != nil {
		return err
	}
	if now := time.Now(); !now.Before(content.expires) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), revokeTimeout)
	defer cancel()
	defer a.ended.Drop(content.subject)
	var failed error
	for again := (pause{}); again.wait(ctx); {
		if failed = a.endOnce(ctx, content); failed == nil {
			return nil
		}
		if _, full := errors.AsType[*keyrotation.Guard](failed); full {
			return failed
		}
	}
	return fmt.Errorf("%w: end access token: %w", store.ErrUnavailable, errors.Join(failed, ctx.Err()))
}

// endOnce adds a token to those that were ended, and drops those that have expired.
func (a *Access) endOnce(ctx context.Context, content verified) error {
	var held endedTokens
	version, err := load(ctx, a.documents, endedName(content.subject), &held)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if held.has(content.id) {
		return nil
	}
	now := time.Now()
	held.Tokens = slices.DeleteFunc(held.Tokens, func(t endedToken) bool { return now.After(t.ExpiresAt.Add(skew)) })
	if len(held.Tokens) >= maxEnded {
		return &keyrotation.Guard{Why: fmt.Sprintf("%d access tokens of this API key were ended one by one and would still be valid: "+
			"end all of its tokens, or delete it", maxEnded)}
	}
	held.Tokens = append(held.Tokens, endedToken{ID: content.id, ExpiresAt: content.expires})
	_, err = a.write(ctx, endedName(content.subject), held, version)
	return err
}
