package keyrotation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"playtoken/store"
)

// The operator's verbs. Each decides on a ring that was just read (and, except
// for a revocation, on a new observation), writes its decision with one save,
// and lets an ordinary pass do the rest: what it begins, any replica can finish.

// errAlreadyDone: the ring already is as the verb would make it.
var errAlreadyDone = errors.New("already done")

// decide saves what change makes of the ring, and repeats that if another
// replica was faster. Any error of change ends it. A blind decision needs no
// observation and goes through even if the clocks disagree.
func (p *pass) decide(ctx context.Context, blind bool, change func(*Ring) error) error {
	p.setClock(ctx)
	for range maxMoves {
		ring, err := p.read(ctx)
		if err != nil {
			return err
		}
		if p.observation == nil && !blind {
			err = p.observe(ctx, ring, Move{})
		} else if err = p.checkClock(ring); err != nil && !blind {
			return err
		} else {
			next := ring.clone()
			if err = change(&next); err != nil {
				return err
			}
			if err = p.save(ctx, ring, &next); err == nil {
				p.looked = false
				return nil
			}
		}
		if err != nil && !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("ring of %s: %w, %d times in a row", p.rotator.Project, store.ErrConflict, maxMoves)
}

// checkClock returns a *Guard while the clocks disagree, because the decision
// would get a wrong date.
func (p *pass) checkClock(ring Ring) error {
	if p.observation != nil && p.observation.clockOff(ring.Durations) {
		return &Guard{Why: p.observation.clockReason()}
	}
	if newest := ring.newest(); p.now().Add(ring.Durations.Skew).Before(newest) {
		return &Guard{Why: clockBehind(newest)}
	}
	return nil
}

// conclude runs the pass that follows a decision. The verb has succeeded by
// then, so the pass's error becomes the reason of its result.
func (p *pass) conclude(ctx context.Context, action Action, generation int, err error) (Result, error) {
	if errors.Is(err, errAlreadyDone) {
		return Result{Changed: len(p.done) > 0, Actions: p.done, NextActionAt: nextAction(p.moves), Reason: err.Error(), Troubles: p.told}, nil
	}
	if err != nil {
		return Result{Reason: err.Error()}, err
	}
	p.done = append(p.done, Done{Action: string(action), Generation: generation})
	return p.result(p.run(ctx)), nil
}

// rotateNow makes another key active than the one that was active when it
// began. If another process does that meanwhile, the order is fulfilled too. The
// policy's kind of key comes into force at once.
func (p *pass) rotateNow(ctx context.Context) (Result, error) {
	ring, err := p.read(ctx)
	if err == nil && len(ring.Keys) > 0 && ring.Spec != p.rotator.Policy.KeySpec {
		ring, err = p.respecNow(ctx)
	}
	if err != nil {
		return Result{}, err
	}
	from, had := ring.Active()
	_, ready := ring.successor()
	if !had || !ready {
		// First bootstrap, or finish what was begun. If that fails, there is no
		// standby for this reason, so it is the verb's error.
		if err := p.run(ctx); err != nil || !had {
			return p.result(err), err
		}
	}
	generation := 0
	err = p.decide(ctx, false, func(ring *Ring) error {
		if active, ok := ring.Active(); ok && active.Generation != from.Generation {
			return fmt.Errorf("generation %d was activated meanwhile: %w", active.Generation, errAlreadyDone)
		}
		standby, ok := ring.successor()
		if !ok {
			return &Guard{Why: "there is no registered standby to rotate to"}
		}
		generation = standby.Generation
		return p.activateInto(ring, standby)
	})
	return p.conclude(ctx, Activate, generation, err)
}

// respecNow brings the policy's kind of key into force, and returns the ring.
func (p *pass) respecNow(ctx context.Context) (Ring, error) {
	err := p.decide(ctx, true, func(ring *Ring) error {
		ring.setSpec(p.rotator.Policy.KeySpec, p.now())
		return nil
	})
	if err != nil {
		return Ring{}, err
	}
	p.done = append(p.done, Done{Action: string(Respec)})
	return p.read(ctx)
}

// activateInto makes a registered key active unless a guard refuses. The key's
// kind comes into force, because the next pass would replace the key otherwise.
func (p *pass) activateInto(ring *Ring, k Key) error {
	if ready := ring.readyAt(k); p.now().Before(ready) {
		return &Guard{Why: fmt.Sprintf("generation %d is still propagating at the platform", k.Generation), EarliestAt: ready}
	}
	if reason := p.observation.against(k, ring.Durations); reason != "" {
		return &Guard{Why: fmt.Sprintf("generation %d: %s", k.Generation, reason)}
	}
	if p.observation.Platform[k.KeyID].Deploying {
		return &Guard{Why: fmt.Sprintf("generation %d: %s", k.Generation, deploying), EarliestAt: p.observation.deployed(ring.Durations)}
	}
	ring.activate(k.Generation, p.now())
	ring.setSpec(k.spec(), p.now())
	return nil
}

// inState returns a generation that a verb can act on, because it is in state
// from. In state to, the verb has been carried out already.
func inState(ring *Ring, generation int, from, to State) (Key, error) {
	k, ok := ring.Key(generation)
	switch {
	case !ok:
		return k, fmt.Errorf("generation %d: %w", generation, store.ErrNotFound)
	case k.State == to:
		return k, fmt.Errorf("generation %d is %s: %w", generation, to, errAlreadyDone)
	case k.State != from:
		return k, &Guard{Why: fmt.Sprintf("generation %d is %s, not %s", generation, k.State, from)}
	}
	return k, nil
}

// Activate makes a registered generation the active one. Errors: *Guard,
// store.ErrNotFound, and those of Reconcile.
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
		return p.activateInto(ring, k)
	})
	return p.conclude(ctx, Activate, generation, err)
}

// Rollback makes a retiring generation active again. Errors: as of Activate.
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
		if reason := p.observation.disagrees(k); reason != "" {
			return &Guard{Why: fmt.Sprintf("generation %d: %s", generation, reason)}
		}
		ring.activate(generation, p.now())
		ring.setSpec(k.spec(), p.now())
		return nil
	})
	return p.conclude(ctx, "rollback", generation, err)
}

// Release ends a quarantine. A key that never signed becomes a standby again,
// and has to propagate again; one that did goes on retiring, and can then be
// rolled back to. Errors: as of Activate.
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
		if reason := p.observation.disagrees(k); reason != "" {
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
		k.State, k.RegisteredAt, k.DeleteNotBefore = Registered, now, time.Time{}
		return
	}
	k.retire(now)
}
