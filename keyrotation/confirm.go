package keyrotation

import (
	"context"
	"fmt"
	"slices"
	"time"

	"playtoken/store"
)

// Confirm says that the platform has a generation's key, where what it shows
// cannot be read. The generation is registered and so has a key id; or its
// registration got no usable response, and the operator says under which id the
// platform has it (keyID is empty otherwise). The key then propagates, and is
// used, like any other. Where an operator takes keys to the verifiers, it says that
// they have it. Errors: as of Activate; *Guard also if the platform
// legibly shows another key there.
func (r *Rotator) Confirm(ctx context.Context, generation int, keyID string, order Order) (Result, error) {
	p, err := r.begin(ctx, order)
	if err != nil {
		return Result{}, err
	}
	defer r.changed()
	err = p.decide(ctx, false, func(ring *Ring) error {
		k, ok := ring.Key(generation)
		if !ok {
			return fmt.Errorf("generation %d: %w", generation, store.ErrNotFound)
		}
		if r.Policy.Carried {
			return p.confirmCarried(ring, k, keyID)
		}
		switch k.State {
		case Registered:
			return p.confirmRegistered(ring, k, keyID)
		case Generated, Registering:
			return p.confirmID(ctx, ring, k, keyID)
		}
		return &Guard{Why: fmt.Sprintf("generation %d is %s: only a key that waits for its registration can be confirmed", generation, k.State)}
	})
	return p.conclude(ctx, "confirm", generation, err)
}

// confirmRegistered confirms a key whose id is known.
func (p *pass) confirmRegistered(ring *Ring, k Key, keyID string) error {
	match, there := p.observation.shows(k)
	switch {
	case keyID != "" && keyID != k.KeyID:
		return &Guard{Why: fmt.Sprintf("generation %d has the key id %s at the platform, not this one", k.Generation, k.KeyID)}
	case match == Same && there && !k.Unseen || !k.ConfirmedAt.IsZero():
		return fmt.Errorf("generation %d needs no confirmation: %w", k.Generation, errAlreadyDone)
	}
	if reason := p.observation.disagrees(k); reason != "" {
		return &Guard{Why: fmt.Sprintf("generation %d: %s", k.Generation, reason)}
	}
	ring.key(k.Generation).confirm(p.now())
	return nil
}

// confirmID gives a key the id under which the platform has it.
func (p *pass) confirmID(ctx context.Context, ring *Ring, k Key, keyID string) error {
	shown, there := p.observation.Platform[keyID]
	owner, ours := ring.owner(shown)
	switch {
	case k.Issued:
		return &Guard{Why: fmt.Sprintf("the value of generation %d came with a response that was lost: it can only be revoked", k.Generation)}
	case keyID == "":
		return &Guard{Why: fmt.Sprintf("generation %d has no key id yet: say under which id the platform has it", k.Generation)}
	case !there:
		return fmt.Errorf("key %s at the platform: %w", keyID, store.ErrNotFound)
	case ours && owner != k.Generation:
		return &Guard{Why: fmt.Sprintf("the platform's key %s is generation %d", keyID, owner)}
	case slices.Contains(ring.Strangers, keyID):
		return &Guard{Why: fmt.Sprintf("the platform had key %s before generation %d was registered", keyID, k.Generation)}
	case k.Match(shown) == Different:
		return &Guard{Why: fmt.Sprintf("the platform shows another public key under %s", keyID)}
	}
	if err := p.rotator.othersOwn(ctx, shown); err != nil {
		return err
	}
	next := ring.key(k.Generation)
	next.register(keyID, p.now())
	next.confirm(p.now())
	ring.Strays = slices.DeleteFunc(ring.Strays, func(s Stray) bool { return s.KeyID == keyID })
	ring.Failures, ring.RetryAt = 0, time.Time{}
	p.observation = nil // it lacks the private key, because the key was no standby when it was taken
	return nil
}

// confirm writes that an operator vouches for what the platform shows.
func (k *Key) confirm(now time.Time) { k.Unseen, k.ConfirmedAt = false, now }
