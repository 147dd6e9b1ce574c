package keyrotation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"playtoken/store"
)

// The operator's verbs. Each decides on a ring that was just read (and, but
// for a revocation, on a fresh look), writes its decision by one save, and
// then lets an ordinary pass do the rest: what it begins, any other process
// could finish.

// errHolds: what was asked for is already so.
var errHolds = errors.New("already so")

// decide saves what change makes of the ring, again if somebody else was
// faster. A *Guard, ErrNotFound or errHolds from change ends it.
func (p *pass) decide(ctx context.Context, blind bool, change func(*Ring) error) error {
	p.setClock(ctx)
	for range maxMoves {
		ring, err := p.read(ctx)
		if err != nil {
			return err
		}
		if p.look == nil && !blind {
			err = p.lookAround(ctx, ring, Move{})
		} else if err = p.mistimed(ring); err != nil && !blind {
			return err
		} else {
			next := ring.clone()
			if err = change(&next); err != nil {
				return err
			}
			if err = p.save(ctx, ring, &next); err == nil {
				return nil
			}
		}
		if err != nil && !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("ring of %s: %w, %d times in a row", p.Project, store.ErrConflict, maxMoves)
}

// mistimed returns a *Guard while the clocks disagree: what is decided now
// would be dated wrongly.
func (p *pass) mistimed(ring Ring) error {
	if p.look != nil && p.look.clockOff(ring.Durations) {
		return &Guard{Why: p.look.clockReason()}
	}
	if newest := ring.newest(); p.now().Add(ring.Durations.Skew).Before(newest) {
		return &Guard{Why: behind(newest)}
	}
	return nil
}

// conclude runs the pass that follows a decision. What was asked for has been
// done by then, so trouble on the way is a remark, not an error.
func (p *pass) conclude(ctx context.Context, action Action, generation int, err error) (Result, error) {
	if errors.Is(err, errHolds) {
		return Result{Changed: len(p.done) > 0, Actions: p.done, NextActionAt: nextAction(p.moves), Reason: err.Error()}, nil
	}
	if err != nil {
		return Result{Reason: err.Error()}, err
	}
	p.done = append(p.done, Done{Action: string(action), Generation: generation})
	return p.result(p.run(ctx)), nil
}

// rotateNow makes a key active that was not when it was asked for. If another
// process does that meanwhile, the wish is fulfilled too. Whoever says now does
// not wait for the policy's kind of key to come into force either.
func (p *pass) rotateNow(ctx context.Context) (Result, error) {
	ring, err := p.read(ctx)
	if err == nil && len(ring.Keys) > 0 && ring.Spec != p.Policy.KeySpec {
		ring, err = p.insist(ctx)
	}
	if err != nil {
		return Result{}, err
	}
	from, had := ring.Active()
	_, ready := ring.successor()
	if !had || !ready {
		// Bootstrap, or finish what was begun, first. Its trouble is the
		// reason why there is no standby, so it is reported.
		if err := p.run(ctx); err != nil || !had {
			return p.result(err), err
		}
	}
	generation := 0
	err = p.decide(ctx, false, func(ring *Ring) error {
		if active, ok := ring.Active(); ok && active.Generation != from.Generation {
			return fmt.Errorf("generation %d was activated meanwhile: %w", active.Generation, errHolds)
		}
		standby, ok := ring.successor()
		if !ok {
			return &Guard{Why: "there is no registered standby to rotate to"}
		}
		generation = standby.Generation
		return p.mayActivate(ring, standby)
	})
	return p.conclude(ctx, Activate, generation, err)
}

// insist brings the policy's kind of key into force, and returns the ring.
func (p *pass) insist(ctx context.Context) (Ring, error) {
	err := p.decide(ctx, true, func(ring *Ring) error {
		ring.want(p.Policy.KeySpec, p.now())
		return nil
	})
	if err != nil {
		return Ring{}, err
	}
	p.done = append(p.done, Done{Action: string(Respec)})
	return p.read(ctx)
}

// mayActivate promotes a registered key if every guard agrees. Its kind is the
// one that is wanted from then on, or the next pass would undo it.
func (p *pass) mayActivate(ring *Ring, k Key) error {
	if ready := ring.readyAt(k); p.now().Before(ready) {
		return &Guard{Why: fmt.Sprintf("generation %d is still propagating at the platform", k.Generation), EarliestAt: ready}
	}
	if reason := p.look.against(k, ring.Durations); reason != "" {
		return &Guard{Why: fmt.Sprintf("generation %d: %s", k.Generation, reason)}
	}
	ring.promote(k.Generation, p.now())
	ring.want(k.spec(), p.now())
	return nil
}

// inState finds a generation that has to be in one state to be acted on, or
// in another to have been acted on already.
func inState(ring *Ring, generation int, want, already State) (Key, error) {
	k, ok := ring.Key(generation)
	switch {
	case !ok:
		return k, fmt.Errorf("generation %d: %w", generation, store.ErrNotFound)
	case k.State == already:
		return k, fmt.Errorf("generation %d is %s: %w", generation, already, errHolds)
	case k.State != want:
		return k, &Guard{Why: fmt.Sprintf("generation %d is %s, not %s", generation, k.State, want)}
	}
	return k, nil
}

// Activate makes a registered generation the active one. Errors: *Guard,
// ErrNotFound.
func (r *Rotator) Activate(ctx context.Context, generation int, order Order) (Result, error) {
	p, err := r.begin(ctx, order)
	if err != nil {
		return Result{}, err
	}
	defer r.changed()
	err = p.decide(ctx, false, func(ring *Ring) error {
		k, err := inState(ring, generation, Registered, Active)
		if err != nil {
			return err
		}
		return p.mayActivate(ring, k)
	})
	return p.conclude(ctx, Activate, generation, err)
}

// Rollback makes a retiring generation active again. Errors: *Guard,
// ErrNotFound.
func (r *Rotator) Rollback(ctx context.Context, generation int, order Order) (Result, error) {
	p, err := r.begin(ctx, order)
	if err != nil {
		return Result{}, err
	}
	defer r.changed()
	err = p.decide(ctx, false, func(ring *Ring) error {
		k, err := inState(ring, generation, Retiring, Active)
		if err != nil {
			return err
		}
		if reason := p.look.disagrees(k); reason != "" {
			return &Guard{Why: fmt.Sprintf("generation %d: %s", generation, reason)}
		}
		ring.promote(generation, p.now())
		ring.want(k.spec(), p.now())
		return nil
	})
	return p.conclude(ctx, "rollback", generation, err)
}

// Release ends a quarantine: a key that never signed becomes a standby again
// (and propagates anew), one that did goes on retiring, from where it can be
// rolled back. Errors: *Guard, ErrNotFound.
func (r *Rotator) Release(ctx context.Context, generation int, order Order) (Result, error) {
	p, err := r.begin(ctx, order)
	if err != nil {
		return Result{}, err
	}
	defer r.changed()
	err = p.decide(ctx, false, func(ring *Ring) error {
		k, err := inState(ring, generation, Quarantined, "")
		if err != nil {
			return err
		}
		if reason := p.look.disagrees(k); reason != "" {
			return &Guard{Why: fmt.Sprintf("generation %d: %s", generation, reason)}
		}
		ring.key(generation).release(p.now())
		return nil
	})
	return p.conclude(ctx, "release", generation, err)
}

func (k *Key) release(now time.Time) {
	k.Note, k.DoubtedAt = "", time.Time{}
	if k.ActivatedAt.IsZero() {
		k.State, k.RegisteredAt = Registered, now
		return
	}
	k.retire(now)
}

// Revoke stops a compromised generation everywhere: with one write nobody
// signs with it any more and the standby, if it is ready, is active; then its
// private key is destroyed, then its public key deleted at the platform (an
// issued key is deleted there first, then its value destroyed). It looks at
// nothing first and is held up by no clock. Errors: ErrNotFound; an error after
// the first write says how far it came, and the next reconcile goes on.
func (r *Rotator) Revoke(ctx context.Context, generation int, order Order) (Revocation, error) {
	p, err := r.begin(ctx, order)
	if err != nil {
		return Revocation{}, err
	}
	defer r.changed()
	p.urgent = generation // no failure of another key delays it
	var lost time.Duration
	err = p.decide(ctx, true, func(ring *Ring) error {
		k, ok := ring.Key(generation)
		if !ok {
			return fmt.Errorf("generation %d: %w", generation, store.ErrNotFound)
		}
		if k.State == Revoking || k.State == Deleted {
			return errHolds
		}
		lost = ring.tokensOut(k, p.now())
		ring.depose(generation, Revoking, order.Reason, p.now(), func(standby Key) bool { return standby.DoubtedAt.IsZero() })
		return nil
	})
	if err != nil && !errors.Is(err, errHolds) {
		return Revocation{}, err
	}
	trouble := p.run(ctx)
	ring, err := r.load(ctx)
	if err != nil {
		return Revocation{}, fmt.Errorf("revoked, but: %w", err)
	}
	answer := Revocation{Revoked: generation, EarliestAt: ring.EarliestActive(), TokensLostFor: lost}
	if active, ok := ring.Active(); ok {
		answer.ActiveGeneration, answer.EarliestAt = active.Generation, time.Time{}
	}
	k, _ := ring.Key(generation)
	if why := unfinished(k, trouble, p.moves); why != nil {
		return answer, fmt.Errorf("generation %d signs nothing more, but is not yet gone everywhere: %w", generation, why)
	}
	return answer, nil
}

// unfinished says why a revoked key may still be somewhere, unless that is
// only a matter of time.
func unfinished(k Key, trouble error, moves []Move) error {
	if k.State == Deleted {
		return nil
	}
	if trouble != nil && (k.WithdrawnAt.IsZero() || k.DestroyedAt.IsZero()) {
		return trouble
	}
	for _, m := range moves {
		if m.Blocked && m.Action == Observe {
			return errors.New(m.Why)
		}
	}
	return nil
}

// tokensOut is for how long tokens of the key may still be in use.
func (r *Ring) tokensOut(k Key, now time.Time) time.Duration {
	switch {
	case k.State == Active:
		return k.MaxTTL
	case !k.RetiredAt.IsZero():
		return max(0, k.RetiredAt.Add(r.Durations.overlap(k.MaxTTL)).Sub(now))
	}
	return 0
}
