package keyrotation

import (
	"context"
	"fmt"
	"time"

	"playtoken/store"
)

// The functions in this file are what becomes of a key that an operator takes to the
// verifiers. The ring itself is the account: it has what was confirmed.

// WaitsFor says what an operator has to do with a key.
type WaitsFor string

// What it is.
const (
	NoOperator   WaitsFor = ""         // nothing
	WaitsCarried WaitsFor = "carrying" // take its public key to the verifiers, and confirm that
	WaitsRemoved WaitsFor = "removal"  // take it out of them, and confirm that
)

// WaitsFor says what an operator has to do with the key before rotation goes on.
func (k *Key) WaitsFor() WaitsFor {
	switch {
	case k.Carried && k.State == Registering:
		return WaitsCarried
	case k.Carried && states[k.State].leaving && k.WithdrawnAt.IsZero():
		return WaitsRemoved
	}
	return NoOperator
}

// offer writes that a key may be taken to the verifiers from now on, so that it is not
// forgotten before it is confirmed. Its id is its thumbprint.
func (p *pass) offer(ctx context.Context, ring Ring, m Move) error {
	public, err := ReadWebKey(ring.key(m.Generation).PublicKey)
	if err != nil {
		return err
	}
	p.observation = nil
	return p.update(ctx, &ring, m.Generation, func(k *Key) {
		k.State, k.AttemptAt, k.Carried, k.KeyID = Registering, p.now(), true, public.Kid
	})
}

// confirmCarried confirms that the verifiers have a key.
func (p *pass) confirmCarried(ring *Ring, k Key, keyID string) error {
	switch {
	case keyID != "" && keyID != k.KeyID:
		return &Guard{Why: fmt.Sprintf("the key id of generation %d is %s, not this one", k.Generation, k.KeyID)}
	case states[k.State].shown && k.Carried:
		return fmt.Errorf("generation %d is confirmed: %w", k.Generation, errAlreadyDone)
	case k.WaitsFor() == WaitsRemoved:
		return &Guard{Why: fmt.Sprintf("generation %d is %s: it has to be taken out of the verifiers, and that is what is to be confirmed", k.Generation, k.State)}
	case k.WaitsFor() != WaitsCarried:
		return &Guard{Why: fmt.Sprintf("generation %d is %s: there is nothing to confirm", k.Generation, k.State)}
	}
	next := ring.key(k.Generation)
	next.register(k.KeyID, p.now())
	next.confirm(p.now())
	ring.Failures, ring.RetryAt = 0, time.Time{}
	p.observation = nil // it lacks the private key, because the key was no standby when it was taken
	return nil
}

// ConfirmRemoved says that the verifiers have a generation's key no more, where an
// operator takes keys to them. Errors: as of Activate; *Guard also if tokens of the key
// may still be in use.
func (r *Rotator) ConfirmRemoved(ctx context.Context, generation int, order Order) (Result, error) {
	p, err := r.begin(ctx, order)
	if err != nil {
		return Result{}, err
	}
	defer r.changed()
	err = p.decide(ctx, true, func(ring *Ring) error {
		k, ok := ring.Key(generation)
		switch {
		case !ok:
			return fmt.Errorf("generation %d: %w", generation, store.ErrNotFound)
		case !r.Policy.Carried:
			return &Guard{Why: "the platform is told which keys to remove: there is nothing to confirm"}
		case k.State == Deleted || states[k.State].leaving && !k.WithdrawnAt.IsZero():
			return fmt.Errorf("generation %d is removed: %w", generation, errAlreadyDone)
		case !states[k.State].leaving:
			return &Guard{Why: fmt.Sprintf("generation %d is %s: verifiers still need it, or may", generation, k.State), EarliestAt: k.DeleteNotBefore}
		}
		ring.key(generation).WithdrawnAt = p.now()
		return nil
	})
	return p.conclude(ctx, Withdraw, generation, err)
}
