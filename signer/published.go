package signer

import (
	"context"
	"fmt"
	"time"

	"playtoken/keyrotation"
	"playtoken/store"
)

// Published returns the ring whose published keys verifiers may get now, and how
// old it is. While the store is unavailable the ring is returned for its own
// Durations.Staleness, however the keys are signed with: tokens that were made before
// are still presented. A ring that publishes nothing is not returned then, because a
// first key may have been announced since; see [keyrotation.Ring.Published]. A key
// that was revoked meanwhile is among them for that long. Errors:
// store.ErrUnavailable.
func (v *RingView) Published(ctx context.Context) (ring keyrotation.Ring, age time.Duration, err error) {
	now := time.Now()
	held := v.held.Load()
	if v.serves(held, now) && v.away(now) && !held.allowed(now) { // the caller does not wait for an unavailable store
		v.fresh.asked(now)
		v.renew()
		return held.ring, held.age(now), nil
	}
	seen, err := v.at(ctx, now)
	if held = v.held.Load(); err != nil && v.serves(held, now) && v.away(time.Now()) {
		seen, err = held, nil
	}
	if err != nil {
		return keyrotation.Ring{}, 0, fmt.Errorf("%w: published keys: %v", store.ErrUnavailable, err)
	}
	return seen.ring, max(0, seen.age(now)), nil
}

// serves reports whether the published keys of a view may be returned at now without
// the store.
func (v *RingView) serves(held *view, now time.Time) bool {
	return held != nil && held.age(now) <= held.ring.Durations.Staleness && len(held.ring.Published()) > 0
}
