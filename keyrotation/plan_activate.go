package keyrotation

import (
	"fmt"

	"playtoken/durations"
)

// The rules in this file decide which key signs, and of what kind keys are. The
// ring decides the kind, not the environment: replicas whose environments
// differ while a new setting is rolled out would otherwise discard each other's
// keys.

// activateStandby: a standby takes over when the active key has served its
// time, when it is not of the kind in force or lost, or when no key is active.
func (p *planner) activateStandby() {
	active, has := p.ring.Active()
	standby, ok := p.ring.standby()
	if has {
		standby, ok = p.ring.successor()
	}
	if !ok {
		return
	}
	at, why := p.ring.readyAt(standby), "no key is active"
	if has && !p.ring.matches(active) {
		why = fmt.Sprintf("generation %d is of a kind that is not wanted any more: %s", active.Generation, active.spec())
	} else if has && !active.LostAt.IsZero() {
		why = fmt.Sprintf("the platform lost generation %d", active.Generation)
	} else if has {
		at, why = later(at, active.ActivatedAt.Add(p.policy.RotateEvery)),
			fmt.Sprintf("generation %d has been active for its %s", active.Generation, durations.Text(p.policy.RotateEvery))
	}
	if !p.after(at, Activate, standby, why) || !p.observed("before a key is activated") {
		return
	}
	if reason := p.observation.against(standby, p.ring.Durations); reason != "" {
		p.block(Activate, standby, p.observation.codeAgainst(standby, p.ring.Durations), reason)
		return
	}
	if p.observation.Platform[standby.KeyID].Deploying {
		p.add(Activate, standby, p.observation.deployed(p.ring.Durations), deploying)
		return
	}
	p.add(Activate, standby, p.now, why)
}

// successor returns the standby that a rotation makes active, as opposed to an
// emergency; see standby.
func (r *Ring) successor() (Key, bool) {
	return r.oldest(func(k Key) bool { return r.matches(k) })
}

// changeSpec brings the policy's kind of key into force, unless the kind was
// changed less than a rotation ago: a replica with another environment may have
// changed it.
func (p *planner) changeSpec() {
	if len(p.ring.Keys) == 0 || p.ring.Spec == p.policy.KeySpec {
		return // the first key sets the kind
	}
	why := fmt.Sprintf("the policy wants keys of another kind: %s", p.policy.KeySpec)
	if p.ring.SpecAt.IsZero() || p.after(p.ring.SpecAt.Add(p.policy.RotateEvery), Respec, Key{}, why) {
		p.add(Respec, Key{}, p.now, why)
		return
	}
	// By the policies of the other replicas there is nothing to do then.
	p.moves[len(p.moves)-1].routine = true
}

// unwanted is why a key is discarded.
const unwanted = "keys of its kind are not wanted any more"

// discardUnwanted: standbys that are not of the kind in force never signed, and
// need not wait for tokens to expire. They stay while the active key is of
// their kind, and then until a better standby can take over in an emergency, or
// until the budget is full.
func (p *planner) discardUnwanted() {
	active, has := p.ring.Active()
	if !has || !p.ring.matches(active) {
		return
	}
	better, ok := p.ring.successor()
	ok = ok && better.DoubtedAt.IsZero()
	full := p.ring.live() >= p.policy.KeyBudget
	for _, k := range p.ring.Keys {
		if k.State != Registered || p.ring.matches(k) || !ok && !full {
			continue
		}
		if ok && !full && !p.after(p.ring.readyAt(better), Discard, k, unwanted) || !p.observed("before a standby is discarded") {
			continue
		}
		if p.observation.hasOther(k) {
			p.block(Discard, k, KeyIsMismatched, "the platform shows another key under its id: see the drift report")
			continue
		}
		p.add(Discard, k, p.now, unwanted)
	}
}
