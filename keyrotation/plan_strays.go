package keyrotation

import "fmt"

// The rules in this file find out whether the platform shows what was
// registered, and count what it took and does not show as ours.

// seeRegistered: the platform's response says that it took a key; its list has
// to show that too. It is asked once, soon, and later by the routine.
func (p *planner) seeRegistered() {
	for _, k := range p.ring.Keys {
		if k.State != Registered || !k.Unseen {
			continue
		}
		if p.observation == nil {
			if !p.ring.ObservedAt.After(k.RegisteredAt) {
				p.observed(fmt.Sprintf("to see generation %d, which is registered, in the platform's list", k.Generation))
			}
			continue
		}
		if match, there := p.observation.shows(k); there && match == Same && p.observation.has(k) {
			p.add(See, k, p.now, "the platform shows it")
		}
	}
}

// countStrays notes a new key at the platform that a registration without a
// usable response may have left there, and forgets those that are gone or turned
// out to be ours.
func (p *planner) countStrays() {
	if p.observation == nil {
		return
	}
	for _, s := range p.ring.Strays {
		shown, there := p.observation.Platform[s.KeyID]
		if _, ours := p.ring.owner(shown); !there || ours {
			p.add(ForgetStray, Key{KeyID: s.KeyID}, p.now, "the platform does not show it, or shows it as a key of ours")
		}
	}
	for _, k := range p.ring.Keys {
		if !k.unanswered(p.observation.At, p.ring.Durations.Settle) || p.counted(k) {
			continue
		}
		if _, known := p.observation.byFingerprint(k.Fingerprint); known {
			continue
		}
		if stray, ok := p.ring.newStranger(p.observation, k); ok {
			k.KeyID = stray.ID
			p.add(NoteStray, k, p.now, "the platform took a key that cannot be recognised as the one that was registered")
			return
		}
	}
}

// counted reports whether the newest attempt to register the key has its stray.
func (p *planner) counted(k Key) bool {
	for _, s := range p.ring.Strays {
		if s.Generation == k.Generation && s.SeenAt.After(k.AttemptAt) {
			return true
		}
	}
	return false
}

// mayPlan reports whether one more key is within the budget and the number of
// registrations that may be unrecognised; otherwise the move is blocked.
func (p *planner) mayPlan(k Key, why string) bool { return p.within(PlanKey, k, why, 1) }

// mayRegister reports the same of a registration. Once one is unrecognised, the
// next is sent only when it is known what became of those before it.
func (p *planner) mayRegister(k Key, why string) bool {
	if !p.within(Register, k, why, 0) {
		return false
	}
	if !p.fits(k, why) {
		return false
	}
	if p.ring.Unrecognised() == 0 {
		return true
	}
	settle := p.ring.Durations.Settle
	for _, before := range p.ring.Keys {
		if before.unanswered(before.AttemptAt, 0) && !before.unanswered(p.observation.At, settle) {
			p.add(Register, k, before.AttemptAt.Add(settle), "another registration got no response; it may still arrive")
			return false
		}
	}
	return true
}

// within is the limit of both; more is how many keys the move adds to those that
// are live.
func (p *planner) within(a Action, k Key, why string, more int) bool {
	live := p.ring.Held()
	switch unrecognised := p.ring.Unrecognised(); {
	case unrecognised >= MaxUnrecognised:
		p.block(a, k, RegisteringStopped, fmt.Sprintf("%s, but the platform took %d registrations that cannot be recognised in its list: "+
			"no more are made until an operator has confirmed or removed them", why, unrecognised))
		return false
	case live+more > p.policy.KeyBudget:
		p.block(a, k, MoveBlockedByBudget, fmt.Sprintf("%s, but the platform already holds %d keys of ours, the whole budget", why, live))
		return false
	}
	return true
}
