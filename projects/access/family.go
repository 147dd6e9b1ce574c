package access

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"playtoken/projects"
	"playtoken/store"
)

// family is the stored state of the refresh tokens of one exchange. It does not
// contain tokens, only the number of the one that is valid.
type family struct {
	ID        string           `json:"id"`
	APIKeyID  string           `json:"api_key_id"`
	Scopes    []projects.Scope `json:"scopes"`  // granted at the exchange
	Counter   int64            `json:"counter"` // of the valid token
	ExpiresAt time.Time        `json:"expires_at"`
	RevokedAt time.Time        `json:"revoked_at,omitzero"`
	// TokensEnded is the API key's at the exchange.
	TokensEnded int64 `json:"tokens_ended,omitzero"`

	version int64
}

// listed are the families of one API key, oldest first.
type listed struct {
	Families []member `json:"families"`
}

type member struct {
	ID        string    `json:"id"`
	ExpiresAt time.Time `json:"expires_at"`
}

func familyName(id string) string { return "family/" + id }
func listName(id string) string   { return "families/" + id }

func newFamily(of projects.Caller, ended int64, now time.Time) family {
	return family{
		ID: strings.ToLower(rand.Text()), APIKeyID: of.ID, Scopes: of.Scopes, TokensEnded: ended,
		ExpiresAt: now.UTC().Truncate(time.Second).Add(familyLife),
	}
}

// over reports whether no token of the family is valid any more.
func (f family) over(now time.Time) bool { return !f.RevokedAt.IsZero() || !now.Before(f.ExpiresAt) }

// readFamily returns ErrCredentials for a family that does not exist.
func (a *Access) readFamily(ctx context.Context, id string) (family, error) {
	var f family
	version, err := load(ctx, a.documents, familyName(id), &f)
	if errors.Is(err, store.ErrNotFound) {
		return family{}, ErrCredentials
	}
	if err == nil && f.ID != id {
		err = fmt.Errorf("%w: the document of family %q contains another family", store.ErrUnavailable, id)
	}
	f.version = version
	return f, err
}

func (a *Access) writeFamily(ctx context.Context, f family) (int64, error) {
	return a.write(ctx, familyName(f.ID), f, f.version)
}

// load decodes a document that will be written again. Unknown members are an error,
// because writing would lose what a newer version stored.
func load(ctx context.Context, documents store.Documents, name string, into any) (version int64, err error) {
	doc, err := documents.Read(ctx, name)
	if err != nil {
		return 0, err
	}
	if err := json.Unmarshal(doc.Data, into, json.RejectUnknownMembers(true)); err != nil {
		return 0, fmt.Errorf("%w: decode %s: %w", store.ErrUnavailable, name, err)
	}
	return doc.Version, nil
}

func (a *Access) write(ctx context.Context, name string, content any, version int64) (int64, error) {
	data, err := json.Marshal(content)
	if err != nil {
		return 0, fmt.Errorf("encode %s: %w", name, err)
	}
	return a.documents.Write(ctx, name, data, version)
}

// revokeTimeout is how long a revocation is tried.
const revokeTimeout = 5 * time.Second

// revoke ends a family one of whose tokens was presented twice, even if the caller
// does not wait. It returns ErrReused once the family has ended, or else
// store.ErrUnavailable; then the next presentation of a used token tries again.
func (a *Access) revoke(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), revokeTimeout)
	defer cancel()
	var failed error
	for again := (pause{}); again.wait(ctx); {
		f, err := a.readFamily(ctx, id)
		switch {
		case errors.Is(err, ErrCredentials), err == nil && f.over(time.Now()):
			return ErrReused
		case err != nil:
			failed = err
			continue
		}
		f.RevokedAt = time.Now().UTC().Truncate(time.Second)
		switch _, err := a.writeFamily(ctx, f); {
		case err == nil:
			return ErrReused
		case !errors.Is(err, store.ErrConflict):
			failed = err
		}
	}
	return fmt.Errorf("%w: revoke: %w", store.ErrUnavailable, errors.Join(failed, ctx.Err()))
}

// enlistTimeout is how long an exchange retries after conflicts with other
// exchanges of the same API key.
const enlistTimeout = 10 * time.Second

// enlist adds a family to the list of its API key. It deletes the families that it
// drops from the list first, so that every family that exists is listed.
func (a *Access) enlist(ctx context.Context, keyID string, begun family) error {
	ctx, cancel := context.WithTimeout(ctx, enlistTimeout)
	defer cancel()
	for again := (pause{}); again.wait(ctx); {
		list, version, err := loadList(ctx, a.documents, keyID)
		if err != nil {
			return err
		}
		keep, drop := list.split(maxFamilies-1, time.Now())
		if err := deleteFamilies(ctx, a.documents, drop); err != nil {
			return err
		}
		next := listed{append(keep, member{begun.ID, begun.ExpiresAt})}
		_, err = a.write(ctx, listName(keyID), next, version)
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("%w: list of families: %w", store.ErrUnavailable, ctx.Err())
}

// loadList returns the families of an API key; an empty list and version 0 if it
// never had any.
func loadList(ctx context.Context, documents store.Documents, keyID string) (list listed, version int64, err error) {
	version, err = load(ctx, documents, listName(keyID), &list)
	if errors.Is(err, store.ErrNotFound) {
		return listed{}, 0, nil
	}
	return list, version, err
}

// split separates the newest n families that have not expired from the others.
func (l listed) split(n int, now time.Time) (keep, drop []member) {
	for _, m := range l.Families {
		if now.Before(m.ExpiresAt) {
			keep = append(keep, m)
		} else {
			drop = append(drop, m)
		}
	}
	if over := len(keep) - n; over > 0 {
		drop, keep = append(drop, keep[:over]...), keep[over:]
	}
	return keep, drop
}

func deleteFamilies(ctx context.Context, documents store.Documents, gone []member) error {
	for _, m := range gone {
		if err := documents.Delete(ctx, familyName(m.ID)); err != nil {
			return err
		}
	}
	return nil
}

// Forget deletes the stored families of an API key that was deleted, then their
// list, and which of its access tokens were ended. Their tokens are not valid any more by then; this only cleans up. It may be
// interrupted and called again. Errors: store.ErrUnavailable.
func Forget(ctx context.Context, documents store.Documents, keyID string) error {
	list, version, err := loadList(ctx, documents, keyID)
	if err == nil && version > 0 {
		err = deleteFamilies(ctx, documents, list.Families)
		if err == nil {
			err = documents.Delete(ctx, listName(keyID))
		}
	}
	if err == nil {
		err = documents.Delete(ctx, endedName(keyID))
	}
	if err != nil {
		return fmt.Errorf("forget tokens of API key %s: %w", keyID, err)
	}
	return nil
}

// pause spaces attempts that can end in conflicts: the first comes at once, the
// next ones after growing pauses.
type pause struct{ next time.Duration }

const shortestPause, longestPause = 2 * time.Millisecond, 100 * time.Millisecond

// wait reports whether there is time for another attempt.
func (p *pause) wait(ctx context.Context) bool {
	if p.next == 0 {
		p.next = shortestPause
		return ctx.Err() == nil
	}
	timer := time.NewTimer(p.next/2 + mathrand.N(p.next))
	defer timer.Stop()
	p.next = min(2*p.next, longestPause)
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
