package keyrotation

import (
	"context"
	"fmt"
	"slices"
	"time"

	"playtoken/store"
)

// The functions in this file are for verifiers that fetch our public keys. The
// ring itself says what is published, and each replica serves what its own view
// of the ring says. So no call is made that could get no response. What takes the
// place of that doubt is age: between the write of the ring and the last replica
// that serves it lies the greatest age of a view, and after that comes the
// verifier's own cache, which Durations.Propagation is for.

// Published returns the keys that verifiers may fetch. A key is among them from
// the write that announces it, which comes before the one that says when it was
// registered, until the ring says that it is deleted, revoked or given up. Those that
// an operator takes to the verifiers are among them: the project may change its ways.
func (r *Ring) Published() []Key {
	return slices.DeleteFunc(slices.Clone(r.Keys), func(k Key) bool {
		return !k.Published && !k.Carried || states[k.State].leaving || k.State == Deleted || k.AttemptAt.IsZero()
	})
}

// servedLate is how old the published keys may be that a replica serves, and so
// how much later than the ring the last replica has a new key. Without the store
// a replica goes on serving keys for Durations.Staleness, but it never serves an
// empty set then: the ring's first key need not wait for that.
func (r *Ring) servedLate(k Key) time.Duration {
	before := func(other Key) bool { return other.Generation < k.Generation && !other.AttemptAt.IsZero() }
	switch {
	case !k.Published:
		return 0
	case !slices.ContainsFunc(r.Keys, before):
		return r.Durations.ViewAge
	}
	return r.Durations.served()
}

// served is the greatest age of the published keys that a replica serves.
func (d Durations) served() time.Duration { return max(d.ViewAge, d.Staleness) }

// publication is the account of keys that verifiers fetch, or that an operator takes
// to them. It has what the ring in the store says.
type publication struct {
	documents store.Documents
	project   string
	carried   bool // by an operator
}

// has are the keys of a ring that the account has. Of those that are carried it has
// what is confirmed, until its removal is.
func (p publication) has(ring *Ring) []Key {
	if !p.carried {
		return ring.Published()
	}
	return slices.DeleteFunc(slices.Clone(ring.Keys), func(k Key) bool {
		return !k.Carried || k.RegisteredAt.IsZero() || !k.WithdrawnAt.IsZero() || k.State == Deleted
	})
}

// Register implements [Registrar]. The ring announces the key already; its id is
// its thumbprint.
func (p publication) Register(_ context.Context, _, publicKey string) (keyID string, err error) {
	key, err := ReadWebKey(publicKey)
	if err != nil {
		return "", fmt.Errorf("publish key: %w: %w", ErrRefused, err)
	}
	return key.Kid, nil
}

// List implements [Registrar].
func (p publication) List(ctx context.Context) ([]PlatformKey, error) {
	doc, err := p.documents.Read(ctx, RingName(p.project))
	if err != nil {
		return nil, fmt.Errorf("read published keys: %w", err)
	}
	ring, err := DecodeRing(doc)
	if err != nil {
		return nil, err
	}
	shown := []PlatformKey{}
	for _, k := range p.has(&ring) {
		key, err := ReadWebKey(k.PublicKey)
		if err != nil {
			return nil, fmt.Errorf("generation %d: %w", k.Generation, err)
		}
		shown = append(shown, PlatformKey{ID: key.Kid, Name: k.Name, PublicKey: k.PublicKey, Fingerprint: k.Fingerprint, CreatedAt: k.AttemptAt})
	}
	return shown, nil
}

// Get implements [Registrar].
func (p publication) Get(ctx context.Context, keyID string) (PlatformKey, error) {
	shown, err := p.List(ctx)
	if err != nil {
		return PlatformKey{}, err
	}
	at := slices.IndexFunc(shown, func(k PlatformKey) bool { return k.ID == keyID })
	if at < 0 {
		return PlatformKey{}, fmt.Errorf("published key %.80q: %w", keyID, store.ErrNotFound)
	}
	return shown[at], nil
}

// Delete implements [Registrar]. The state of the key has withdrawn it already.
func (p publication) Delete(context.Context, string) error { return nil }
