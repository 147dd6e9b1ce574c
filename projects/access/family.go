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

// family is what the store knows about the refresh tokens of one exchange: not
// the tokens, only which of them is good now.
type family struct {
	ID        string           `json:"id"`
	APIKeyID  string           `json:"api_key_id"`
	Scopes    []projects.Scope `json:"scopes"`  // granted; what is still given counts
	Counter   int64            `json:"counter"` // of the token that is good
	ExpiresAt time.Time        `json:"expires_at"`
	RevokedAt time.Time        `json:"revoked_at,omitzero"`

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

func newFamily(of projects.Caller, now time.Time) family {
	return family{
		ID: strings.ToLower(rand.Text()), APIKeyID: of.ID, Scopes: of.Scopes,
		ExpiresAt: now.UTC().Truncate(time.Second).Add(familyLife),
	}
}

// over reports whether none of the family's tokens is good any more.
func (f family) over(now time.Time) bool { return !f.RevokedAt.IsZero() || !now.Before(f.ExpiresAt) }

// readFamily returns ErrCredentials for a family that is gone.
func (a *Access) readFamily(ctx context.Context, id string) (family, error) {
	var f family
	version, err := load(ctx, a.documents, familyName(id), &f)
	if errors.Is(err, store.ErrNotFound) {
		return family{}, ErrCredentials
	}
	if err == nil && f.ID != id {
		err = fmt.Errorf("%w: document of family %q holds another", store.ErrUnavailable, id)
	}
	f.version = version
	return f, err
}

func (a *Access) writeFamily(ctx context.Context, f family) (int64, error) {
	return a.write(ctx, familyName(f.ID), f, f.version)
}

// load decodes a document in order to write it again: members that it does not
// know are of a newer version, which would miss them.
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

// revokePatience is how long a revocation is tried.
const revokePatience = 5 * time.Second

// revoke ends a family whose tokens are in two hands, even if its caller does
// not wait. The error is ErrCredentials once it is over, by whomever; or
// store.ErrUnavailable, and then every second presentation tries again.
func (a *Access) revoke(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), revokePatience)
	defer cancel()
	var failed error
	for again := (pause{}); again.wait(ctx); {
		f, err := a.readFamily(ctx, id)
		switch {
		case errors.Is(err, ErrCredentials), err == nil && f.over(time.Now()):
			return ErrCredentials
		case err != nil:
			failed = err
			continue
		}
		f.RevokedAt = time.Now().UTC().Truncate(time.Second)
		switch _, err := a.writeFamily(ctx, f); {
		case err == nil:
			return ErrCredentials
		case !errors.Is(err, store.ErrConflict):
			failed = err
		}
	}
	return fmt.Errorf("%w: revoke: %w", store.ErrUnavailable, errors.Join(failed, ctx.Err()))
}

// enlistPatience is how long an exchange waits for its turn among others of
// the same API key.
const enlistPatience = 10 * time.Second

// enlist adds a family to those of its API key. What has no place there any
// more is deleted first: a family that is not listed does not exist.
func (a *Access) enlist(ctx context.Context, keyID string, begun family) error {
	ctx, cancel := context.WithTimeout(ctx, enlistPatience)
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

// loadList returns the families of an API key; none, and version 0, if it never
// had any.
func loadList(ctx context.Context, documents store.Documents, keyID string) (list listed, version int64, err error) {
	version, err = load(ctx, documents, listName(keyID), &list)
	if errors.Is(err, store.ErrNotFound) {
		return listed{}, 0, nil
	}
	return list, version, err
}

// split tells the newest that live, at most n, from the others.
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

// Forget removes what the store still knows about the tokens of an API key
// that was deleted, and last the list that leads there. They are good for
// nothing by then, so this is about order: it may be interrupted, and called
// again. Errors: store.ErrUnavailable.
func Forget(ctx context.Context, documents store.Documents, keyID string) error {
	list, version, err := loadList(ctx, documents, keyID)
	if err == nil && version > 0 {
		err = deleteFamilies(ctx, documents, list.Families)
		if err == nil {
			err = documents.Delete(ctx, listName(keyID))
		}
	}
	if err != nil {
		return fmt.Errorf("forget tokens of API key %s: %w", keyID, err)
	}
	return nil
}

// pause paces attempts that others may disturb: the first comes at once, the
// next ones after longer and longer.
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
