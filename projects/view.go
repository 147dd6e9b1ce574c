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

// The sizes of caches bound the memory of a view.
const (
	cachedProjects = 16_384
	cachedKeys     = 16_384
	cachedAdmins   = 1_024
	cachedOrigins  = 4_096
)

// newOrigins is how many origins that are not cached a view reads per second, and
// at once. A client can send any origin, and unlike an id, an origin does not show
// whether it can exist. Each client is limited before; this protects the store from
// many clients together.
const newOrigins = 1_000

// View is a cache of projects and API keys, which minting reads. It is never older
// than its age while the store is available, and its memory is bounded. It is safe
// for concurrent use. Close must be called.
type View struct {
	store          *Store
	projects       *cache.Cache[Project]
	keys           *cache.Cache[apiKeyDocument]
	adminKeys      *cache.Cache[adminKeyDocument]
	origins        *cache.Cache[bool]
	newOriginLimit *rate.Limiter
	uses           *uses
}

// NewView returns a view of a store. Nothing is read until it is asked for. While
// the store is unavailable, cached entries may be used up to staleness; 0 means no
// longer than age.
func NewView(store *Store, age, staleness time.Duration) *View {
	return &View{
		store:    store,
		projects: newCache(cachedProjects, age, staleness, store.Project),
		keys: newCache(cachedKeys, age, staleness, func(ctx context.Context, id string) (apiKeyDocument, error) {
			held, _, err := store.apiKey(ctx, id, store.readOnly)
			return held, err
		}),
		adminKeys: newCache(cachedAdmins, age, staleness, func(ctx context.Context, id string) (adminKeyDocument, error) {
			held, _, err := store.adminKey(ctx, id)
			return held, err
		}),
		origins:        newCache(cachedOrigins, age, staleness, store.OriginKnown),
		newOriginLimit: rate.NewLimiter(newOrigins, newOrigins),
		uses:           newUses(store),
	}
}

// firstPause is the pause between the first two reads of an unavailable store.
const firstPause = 50 * time.Millisecond

func newCache[V any](size int, age, staleness time.Duration, read func(context.Context, string) (V, error)) *cache.Cache[V] {
	return cache.New(cache.Config[V]{Size: size, Age: age, Staleness: staleness, Pause: firstPause, Read: read, Absent: ErrNotFound})
}

// Close ends reads that are under way, and waits a short time for writes of when
// keys were used.
func (v *View) Close() {
	v.projects.Close()
	v.keys.Close()
	v.adminKeys.Close()
	v.origins.Close()
	v.uses.close()
}

// Project returns a project, which must not be modified. An id that this
// deployment cannot have made is ErrNotFound without a read of the store.
func (v *View) Project(ctx context.Context, id string) (Project, error) {
	if id != Default && !v.projects.Holds(id) {
		if genuine, err := v.store.genuine(ctx, projectPrefix, id); err != nil || !genuine {
			return Project{}, notGenuine(err)
		}
	}
	p, err := v.projects.Get(ctx, id)
	if err == nil && id == Default {
		p.Credential = v.store.defaultCredential() // what was read before may have the one before
	}
	return p, err
}

// Key returns an API key of an existing project, without its LastUsedAt, for a
// token of that key: it counts as a use.
func (v *View) Key(ctx context.Context, id string) (APIKey, error) {
	return v.keyOf(ctx, id, v.keys.Get)
}

// NewestKey is Key, read from the store now.
func (v *View) NewestKey(ctx context.Context, id string) (APIKey, error) {
	return v.keyOf(ctx, id, func(ctx context.Context, id string) (apiKeyDocument, error) { return v.keys.Newest(ctx, id, 0) })
}

func (v *View) keyOf(ctx context.Context, id string, read func(context.Context, string) (apiKeyDocument, error)) (APIKey, error) {
	held, err := v.key(ctx, id, read)
	if err != nil {
		return APIKey{}, err
	}
	if _, err := v.Project(ctx, held.ProjectID); err != nil {
		return APIKey{}, err // a key of a deleted project is not valid
	}
	v.uses.note(id)
	return held.key(0), nil
}

func (v *View) key(ctx context.Context, id string, read func(context.Context, string) (apiKeyDocument, error)) (apiKeyDocument, error) {
	if !v.keys.Holds(id) {
		if genuine, err := v.store.genuine(ctx, apiKeyPrefix, id); err != nil || !genuine {
			return apiKeyDocument{}, notGenuine(err)
		}
	}
	return read(ctx, id)
}

func notGenuine(err error) error {
	if err == nil {
		err = ErrNotFound
	}
	return err
}

// OriginKnown reports whether at least one project lists this origin. Before it
// reads an origin that is not cached, it calls admit and returns its error. The
// error is store.ErrUnavailable, too, while there are too many such reads.
func (v *View) OriginKnown(ctx context.Context, origin string, admit func() error) (bool, error) {
	if !isOrigin(origin) {
		return false, nil // no project can list it
	}
	if !v.origins.Holds(origin) {
		if err := admit(); err != nil {
			return false, err
		}
		if !v.newOriginLimit.Allow() {
			return false, fmt.Errorf("%w: too many requests about unknown origins", store.ErrUnavailable)
		}
	}
	return v.origins.Get(ctx, origin)
}

// Forget drops what is cached of a key, so that its change or deletion takes
// effect at once in this process.
func (v *View) Forget(id string) {
	v.keys.Drop(id)
	v.adminKeys.Drop(id)
}

// Used notes that a key was used, for its last use.
func (v *View) Used(id string) { v.uses.note(id) }

// Identify returns the caller of the value of an API key or an admin key. How long
// the comparison takes does not depend on how much of the value is right, or
// whether the key exists. Errors: ErrUnknownCaller, store.ErrUnavailable.
func (v *View) Identify(ctx context.Context, credential secret.Value) (caller Caller, err error) {
	if id, ok := ParseAdminValue(credential); ok {
		caller, err = v.identifyAdmin(ctx, id, credential)
	} else if id, ok := ParseValue(credential); ok {
		caller, err = v.identifyAPIKey(ctx, id, credential)
	} else {
		return Caller{}, ErrUnknownCaller
	}
	switch {
	case errors.Is(err, ErrNotFound):
		return Caller{}, ErrUnknownCaller
	case err != nil:
		return Caller{}, fmt.Errorf("identify key: %w", err)
	}
	v.uses.note(caller.ID)
	return caller, nil
}

// identifyAdmin fails with ErrNotFound for a key that does not exist, or has
// another value.
func (v *View) identifyAdmin(ctx context.Context, id string, credential secret.Value) (Caller, error) {
	presented, err := v.store.hash(ctx, credential)
	if err != nil {
		return Caller{}, err
	}
	held, err := v.adminKey(ctx, id)
	if err := same(presented, held.Hash, err); err != nil {
		return Caller{}, err
	}
	return held.caller(), nil
}

// Operator returns the operator of an admin key that is in the store, and a mark
// that any other value of the key would not have. It is no use of the key; see
// Used. Errors: ErrNotFound, store.ErrUnavailable.
func (v *View) Operator(ctx context.Context, id string) (Caller, []byte, error) {
	held, err := v.adminKey(ctx, id)
	if err != nil {
		return Caller{}, nil, err
	}
	return held.caller(), held.Hash, nil
}

func (v *View) adminKey(ctx context.Context, id string) (adminKeyDocument, error) {
	if !v.adminKeys.Holds(id) {
		if genuine, err := v.store.genuine(ctx, adminKeyPrefix, id); err != nil || !genuine {
			return adminKeyDocument{}, notGenuine(err)
		}
	}
	return v.adminKeys.Get(ctx, id)
}

// identifyAPIKey fails as identifyAdmin does.
func (v *View) identifyAPIKey(ctx context.Context, id string, credential secret.Value) (Caller, error) {
	presented, err := v.store.hash(ctx, credential)
	if err != nil {
		return Caller{}, err
	}
	held, err := v.key(ctx, id, v.keys.Get)
	if err := same(presented, held.Hash, err); err != nil {
		return Caller{}, err
	}
	_, err = v.Project(ctx, held.ProjectID)
	return held.key(0).Caller(held.Scopes), err
}

// same compares a hash with that of a key that was read, or was not: then it
// compares as well, and returns why.
func same(presented, held []byte, err error) error {
	if err != nil {
		held = make([]byte, len(presented)) // the hash of no value
	}
	if !hmac.Equal(presented, held) && err == nil {
		return ErrNotFound
	}
	return err
}
