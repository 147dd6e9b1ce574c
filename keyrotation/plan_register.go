package keyrotation

import (
	"fmt"
	"time"
)

// The rules in this file bring keys to the platform: there is always a standby,
// and a registration that was begun is brought to an end.

// planStandby plans a new key unless a standby exists or is on its way; two if
// no key is active.
func (p *planner) planStandby() {
	need, coming := 1, 0
	if _, has := p.ring.Active(); !has {
		need = 2
	}
	for _, k := range p.ring.Keys {
		if states[k.State].coming && p.ring.matches(k) {
			coming++
		}
	}
	why, next := "there is no standby", Key{Generation: p.ring.nextGeneration()}
	switch {
	case coming >= need:
	case !p.mayPlan(next, why):
	case p.after(p.ring.RetryAt, PlanKey, next, "the last registration did not succeed"):
		p.add(PlanKey, next, p.now, why)
	}
}

// Held counts the keys that the platform holds, or may hold, of those that this
// ring had made. The policy's budget bounds it.
func (r *Ring) Held() int { return r.live() + len(r.Strays) }

// live counts the keys that the platform holds, or may soon hold.
func (r *Ring) live() (n int) {
	for _, k := range r.Keys {
		if states[k.State].live || states[k.State].coming {
			n++
		}
	}
	return n
}

// continueRegistrations continues what was begun.
func (p *planner) continueRegistrations() {
	for _, k := range p.ring.Keys {
		begun := k.State == Planned || k.State == Generated
		switch {
		case begun && !p.ring.matches(k):
			p.add(Discard, k, p.now, unwanted) // the store may not even be able to make it
		case k.State == Planned:
			p.add(Generate, k, p.now, "it is planned")
		case k.State == Generated:
			// Observe first: the account may be another one by now or, if an old
			// ring was restored, may hold the key already.
			if p.observation == nil && p.wasFull() {
				p.add(Register, k, p.ring.ObservedAt.Add(p.policy.ObserveEvery), "the account held as many keys as the platform takes")
				continue
			}
			if p.after(p.ring.RetryAt, Register, k, "the last registration did not succeed") &&
				p.observed(fmt.Sprintf("before generation %d is registered", k.Generation)) && !p.adopt(k) &&
				p.mayRegister(k, "its private key is made") {
				p.add(Register, k, p.now, "its private key is made")
			}
		case k.State == Registering:
			p.resolveRegistration(k)
		}
	}
}

// resolveRegistration finds out what became of a registration whose response
// was lost.
func (p *planner) resolveRegistration(k Key) {
	if p.policy.Carried {
		p.carry(k)
		return
	}
	settled := k.AttemptAt.Add(p.ring.Durations.Settle)
	if k.Issued {
		p.giveUpValue(k, settled)
		return
	}
	if p.now.Before(settled) {
		if p.ring.ObservedAt.After(k.AttemptAt) && p.observation == nil {
			p.add(Register, k, settled, "its registration got no response; it may still arrive")
		} else if p.observed("a registration got no response") && !p.adopt(k) {
			p.add(Register, k, settled, "its registration got no response; it may still arrive")
		}
		return
	}
	if !p.observed("a registration got no response") || p.adopt(k) {
		return
	}
	if p.observedSince(settled, "a registration got no response") && p.after(p.ring.RetryAt, Register, k, "the last registration did not succeed") &&
		p.mayRegister(k, neverArrived) {
		p.add(Register, k, p.now, neverArrived)
	}
}

// neverArrived is why a key is registered once more.
const neverArrived = "its registration never arrived"

// valueLost is why an issued key is given up.
const valueLost = "the platform's response was lost, and with it the key's value"

// giveUpValue discards an issued key whose value can no longer be known. Until
// the settle time is over, the process that sent the request may still receive
// it. Then the key goes like any other that was never used: it is found by its
// name, deleted and remembered. The next key has another name, so a late
// response is never mistaken for that of the new request.
func (p *planner) giveUpValue(k Key, settled time.Time) {
	if p.after(settled, Discard, k, valueLost) {
		p.add(Discard, k, p.now, valueLost)
	}
}

// adopt takes the id of a key that the platform already has, and reports
// whether it has the key. An issued key is of no use without its value: its id
// is needed only to delete it.
func (p *planner) adopt(k Key) bool {
	if p.observation == nil {
		return false
	}
	found, ok := p.observation.byFingerprint(k.Fingerprint)
	switch {
	case !ok:
		return false
	case found.Unlisted && !states[k.State].leaving:
		return false // it is registered again, which puts it into the list
	case k.Issued && !states[k.State].leaving:
		p.add(Discard, k, p.now, valueLost)
	default:
		k.KeyID = found.ID
		p.add(Adopt, k, p.now, "the platform has this key")
	}
	return true
}
