package keyrotation

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// The rules and moves in this file replace keys that the platform lost, by
// order of an operator or because the policy says so. Standbys are given up.
// The active key is marked as lost and signs on, because nothing better exists,
// until a new key has propagated. A key that is shown again loses its mark.

// lossWhy is why keys are replaced.
const lossWhy = "the platform lost our keys"

// replaceLost plans to give up lost keys, and reports whether it did. It is not
// done by itself where the account may be another one, nor over keys that no list
// ever showed: a platform that shows nothing would be handed key after key.
func (p *planner) replaceLost() bool {
	may := p.policy.ReplaceLost && p.ring.LossCode(p.ring.Lost) == AllKeysMissing
	if !may || p.observation == nil || !p.ring.lostSeen(p.observation) || p.ring.keptBy(p.observation) != nil {
		return false
	}
	p.add(GiveUp, Key{}, p.now, lossWhy+": two looks agree")
	return true
}

// lostSeen reports whether a list has ever shown one of the keys that are lost.
func (r *Ring) lostSeen(o *Observation) bool {
	for _, k := range r.Keys {
		if r.mustShow(o, k) && !k.Unseen {
			return true
		}
	}
	return false
}

// keptBy says why an observation does not let the ring's keys be replaced; nil if
// it does: for the second time, a settle time after the first and with the same
// account, the platform has none of them.
func (r *Ring) keptBy(o *Observation) error {
	settled := r.LostAt.Add(r.Durations.Settle)
	for _, k := range r.Keys {
		if k.KeyID != "" && k.State != Deleted && o.hasOther(k) {
			return &Guard{Why: fmt.Sprintf("the platform shows another key under the id of generation %d: see the drift report", k.Generation)}
		}
	}
	switch {
	case !r.showsNone(o):
		return r.unmissed(o)
	case r.olderThan(o):
		return &Guard{Why: "the store looks older than the platform, which has keys named after this ring that the ring does not know: see playtoken doctor"}
	case r.LostAt.IsZero() || r.Lost != o.Account || o.At.Before(settled):
		return &Guard{Why: "one look at the platform shows none of our keys, and a second one has to agree", EarliestAt: settled}
	}
	return nil
}

// errNothingLost: an order to replace lost keys is fulfilled by itself.
var errNothingLost = errors.New("there is nothing to replace: the platform has not lost our keys")

// unmissed says why an observation that may lack all keys does not say that they
// are lost.
func (r *Ring) unmissed(o *Observation) error {
	var settled time.Time
	for _, k := range r.Keys {
		switch at := k.RegisteredAt.Add(r.Durations.Settle); {
		case !states[k.State].shown || !k.LostAt.IsZero():
		case o.has(k):
			return errNothingLost
		case settled.IsZero() || at.Before(settled):
			settled = at
		}
	}
	if settled.IsZero() {
		return errNothingLost
	}
	return &Guard{Why: "the platform does not show our keys, which are too new to be missed", EarliestAt: settled}
}

// olderThan reports whether the platform has keys that this ring made and does
// not know; see Drift.Restored.
func (r *Ring) olderThan(o *Observation) bool {
	for _, shown := range o.Platform {
		if _, ours := r.owner(shown); !ours && !r.isStray(shown.ID) && r.named(shown) {
			return true
		}
	}
	return false
}

// giveUp gives up the keys that an observation should have shown. No token of a
// retired one is waited for, only the signers that still use it.
func (r *Ring) giveUp(o *Observation, now time.Time) {
	for i := range r.Keys {
		k := &r.Keys[i]
		if !r.mustShow(o, *k) {
			continue
		}
		if k.State == Registered {
			k.State, k.Note = Abandoning, lossWhy
			continue
		}
		k.LostAt, k.DoubtedAt = now, time.Time{}
		if soon := now.Add(r.Durations.overlap(0)); k.DeleteNotBefore.After(soon) {
			k.DeleteNotBefore = soon
		}
	}
	r.LostAt, r.Lost = time.Time{}, ""
}

func (p *pass) giveUp(ctx context.Context, ring Ring, _ Move) error {
	p.rotator.Log.Error("the platform lost our signing keys: replacing them", "project", p.rotator.Project)
	next := ring.clone()
	next.giveUp(p.observation, p.now())
	return p.save(ctx, ring, &next)
}

// findLost: a key that is shown again is not lost.
func (p *planner) findLost() {
	for _, k := range p.ring.Keys {
		if p.observation != nil && !k.LostAt.IsZero() && states[k.State].shown && p.observation.has(k) {
			p.add(Trust, k, p.now, "the platform shows it again")
		}
	}
}

// trust ends a key's doubts, and its mark if the platform shows it again.
// Tokens that it signed are waited for again.
func (k *Key) trust(shown bool) {
	k.DoubtedAt = time.Time{}
	if !shown || k.LostAt.IsZero() {
		return
	}
	k.LostAt = time.Time{}
	if k.State == Retiring {
		k.DeleteNotBefore = time.Time{}
	}
}

// replaced reports whether another key signs in place of a lost one: that it is
// missing is no trouble any more.
func (k *Key) replaced() bool { return k.State == Retiring && !k.LostAt.IsZero() }

// examined reports whether it matters that platform or store disagree about the key.
func (k *Key) examined() bool {
	return (states[k.State].shown || k.State == Quarantined) && !k.replaced()
}

// overlap is how long the key must stay after it is retired.
func (k *Key) overlap(d Durations) time.Duration {
	if !k.LostAt.IsZero() {
		return d.overlap(0) // its tokens are refused
	}
	return d.overlap(k.MaxTTL)
}

// replaceLost carries out an operator's order. It also goes over keys that only
// may be lost: the account may be another one, and the operator knows.
func (p *pass) replaceLost(ctx context.Context) (Result, error) {
	err := p.decide(ctx, false, func(ring *Ring) error {
		kept := ring.keptBy(p.observation)
		if active, ok := ring.Active(); ok && kept != nil && !active.LostAt.IsZero() && !p.observation.has(active) {
			return fmt.Errorf("generation %d is being replaced: %w", active.Generation, errAlreadyDone)
		}
		if kept != nil {
			return kept
		}
		ring.giveUp(p.observation, p.now())
		return nil
	})
	none := errors.Is(err, errNothingLost)
	if !none && !errors.Is(err, errAlreadyDone) {
		return p.conclude(ctx, GiveUp, 0, err)
	}
	err = p.run(ctx) // what is due, and what is left of an order before
	result := p.result(err)
	if none && err == nil && blocked(p.moves) == "" {
		result.Reason = errNothingLost.Error()
	}
	return result, err
}
