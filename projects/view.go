package projects

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"time"

	"golang.org/x/time/rate"

	"playtoken/projects/internal/cache"
	"playtoken/secret"
	"playtoken/store"
)

// heldProjects, heldKeys and heldOrigins bound what a view holds.
const (
	heldProjects = 16_384
	heldKeys     = 16_384
	heldOrigins  = 4_096
)

// newOrigins is how many origins that are not held yet a view looks up in a
// second, newOriginsAtOnce how many at once. Anybody may send any origin, and
// unlike an id none shows whether it could be somebody's.
const newOrigins, newOriginsAtOnce = 100, 1_000

// View is projects and API keys as this process last read them: what minting
// works with. It is never older than its age while the store answers, and its
// memory is bounded. It is safe for concurrent use. Close must be called.
type View struct {
	store    *Store
	projects *cache.Cache[Project]
	keys     *cache.Cache[apiKeyDocument]
	origins  *cache.Cache[bool]
	unheard  *rate.Limiter // of origins
	uses     *uses
}

// NewView returns a view of a store. Nothing is read until it is asked for.
// While the store is away, what is known already may be used for up to
// staleness; 0 is no longer than age.
func NewView(store *Store, age, staleness time.Duration) *View {
	return &View{
		store:    store,
		projects: newCache(heldProjects, age, staleness, store.Project),
		keys: newCache(heldKeys, age, staleness, func(ctx context.Context, id string) (apiKeyDocument, error) {
			held, _, err := store.apiKey(ctx, id, store.look)
			return held, err
		}),
		origins: newCache(heldOrigins, age, staleness, store.OriginKnown),
		unheard: rate.NewLimiter(newOrigins, newOriginsAtOnce),
		uses:    newUses(store),
	}
}

// firstPause is between the first two reads of a store that is away.
const firstPause = 50 * time.Millisecond

func newCache[V any](size int, age, staleness time.Duration, read func(context.Context, string) (V, error)) *cache.Cache[V] {
	return cache.New(cache.Config[V]{Size: size, Age: age, Staleness: staleness, Pause: firstPause, Read: read, Absent: ErrNotFound})
}

// Close ends reads that are under way, and waits a little for the writing down
// of when keys were used.
func (v *View) Close() {
	v.projects.Close()
	v.keys.Close()
	v.origins.Close()
	v.uses.close()
}

// Project returns a project. It must not be changed. ErrNotFound for an id
// that was never ours costs the store nothing.
func (v *View) Project(ctx context.Context, id string) (Project, error) {
	if id != Default && !v.projects.Holds(id) {
		if genuine, err := v.store.genuine(ctx, projectPrefix, id); err != nil || !genuine {
			return Project{}, notGenuine(err)
		}
	}
	return v.projects.Get(ctx, id)
}

// Key returns an API key of a project that is there; its LastUsedAt is not
// known here.
func (v *View) Key(ctx context.Context, id string) (APIKey, error) {
	held, err := v.key(ctx, id)
	if err != nil {
		return APIKey{}, err
	}
	if _, err := v.Project(ctx, held.ProjectID); err != nil {
		return APIKey{}, err // a key of a deleted project is nobody's
	}
	return held.key(0), nil
}

func (v *View) key(ctx context.Context, id string) (apiKeyDocument, error) {
	if !v.keys.Holds(id) {
		if genuine, err := v.store.genuine(ctx, apiKeyPrefix, id); err != nil || !genuine {
			return apiKeyDocument{}, notGenuine(err)
		}
	}
	return v.keys.Get(ctx, id)
}

func notGenuine(err error) error {
	if err == nil {
		err = ErrNotFound
	}
	return err
}

// OriginKnown reports whether some project names this origin. It is
// store.ErrUnavailable, too, while too many ask about pages that nobody
// has asked about before.
func (v *View) OriginKnown(ctx context.Context, origin string) (bool, error) {
	if !isOrigin(origin) {
		return false, nil // no project could
	}
	if !v.origins.Holds(origin) && !v.unheard.Allow() {
		return false, fmt.Errorf("%w: too many origins are asked about", store.ErrUnavailable)
	}
	return v.origins.Get(ctx, origin)
}

// Identify returns whose API key this is the value of. Errors:
// ErrUnknownCaller, store.ErrUnavailable. What is compared is compared
// in the same time, whatever of it was right, or known.
func (v *View) Identify(ctx context.Context, credential secret.Value) (Caller, error) {
	id, ok := ParseValue(credential)
	if !ok {
		return Caller{}, ErrUnknownCaller
	}
	presented, err := v.store.hash(ctx, credential)
	if err != nil {
		return Caller{}, fmt.Errorf("identify API key: %w", err)
	}
	held, err := v.key(ctx, id)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Caller{}, fmt.Errorf("identify API key: %w", err)
	}
	if err != nil {
		held.Hash = make([]byte, len(presented)) // nothing's
	}
	if !hmac.Equal(presented, held.Hash) || err != nil {
		return Caller{}, ErrUnknownCaller
	}
	if _, err := v.Project(ctx, held.ProjectID); errors.Is(err, ErrNotFound) {
		return Caller{}, ErrUnknownCaller
	} else if err != nil {
		return Caller{}, fmt.Errorf("identify API key: %w", err)
	}
	v.uses.note(id)
	return Caller{ID: held.ID, ProjectID: held.ProjectID, Scopes: held.Scopes}, nil
}
