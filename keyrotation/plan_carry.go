package keyrotation

import (
	"fmt"
	"time"

	"playtoken/durations"
)

// The rules in this file are for verifiers that an operator takes our public keys to.
// No call tells whether a verifier has a key, so the operator's word does: a key is
// registered when its arrival is confirmed, and withdrawn when its removal is. Both
// wait for as long as it takes. The old key signs on meanwhile, unless it is revoked.

// carry waits until an operator confirms that the verifiers have a key.
func (p *planner) carry(k Key) {
	switch {
	case !p.ring.matches(k):
		p.add(Discard, k, p.now, unwanted)
	case !k.Carried:
		p.add(Register, k, p.now, "verifiers do not fetch it any more")
	default:
		code, why := p.carried(k)
		p.block(Register, k, code, why)
	}
}

// toCarry is what an operator has to do with a key.
const toCarry = "an operator has to take its public key to the verifiers, and confirm that"

// carried says how urgent that is, and why. It is urgent once the rotation is due, or
// no key signs, and no other key could take over.
func (p *planner) carried(k Key) (TroubleCode, string) {
	active, signs := p.ring.Active()
	_, ready := p.ring.successor()
	due := active.ActivatedAt.Add(p.policy.RotateEvery)
	switch {
	case ready:
		return KeyToCarry, toCarry
	case !signs:
		return KeyCarryDue, toCarry + ": no key signs before"
	case !p.ring.matches(active):
		return KeyCarryDue, fmt.Sprintf("%s: generation %d, of a kind that is not wanted any more, signs on until then", toCarry, active.Generation)
	case p.now.Before(due):
		return KeyToCarry, fmt.Sprintf("%s by %s, when generation %d will have been active for its %s", toCarry, due.UTC().Format(time.RFC3339),
			active.Generation, durations.Text(p.policy.RotateEvery))
	}
	return KeyCarryDue, fmt.Sprintf("%s: the rotation was due at %s, and generation %d signs on until then", toCarry, due.UTC().Format(time.RFC3339), active.Generation)
}

// withdraw has the platform delete a key, or waits until an operator confirms that the
// verifiers have it no more.
func (p *planner) withdraw(k Key, why string) {
	switch {
	case !p.policy.Carried:
		p.add(Withdraw, k, p.now, why)
	case k.State == Revoking:
		p.block(Withdraw, k, RevokedKeyToRemove, "it is revoked: until an operator has taken its public key out of the verifiers, and confirmed that, "+
			"they accept tokens that are made with a stolen copy")
	default:
		p.block(Withdraw, k, KeyToRemove, "an operator has to take its public key out of the verifiers, and confirm that; its private key is destroyed, so that does not hurry")
	}
}

// patient reports whether a blocked move waits for an operator who is in no hurry, so
// that rotation is not stopped by it.
func (m Move) patient() bool {
	return m.Trouble == KeyToCarry || m.Trouble == KeyToRemove || m.Trouble == RevokedKeyToRemove
}
