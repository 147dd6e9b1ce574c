package keyrotation

import (
	"fmt"
	"time"
)

// This file holds the rules that make keys go: nothing in it is ever decided
// without a complete look, and nothing that is not ours is ever a target.

// remove takes retired keys out of service and finishes every removal.
func (p *planner) remove() {
	for _, k := range p.ring.Keys {
		switch {
		case k.State == Retiring:
			p.expire(k)
		case states[k.State].leaving:
			p.leave(k)
		}
	}
}

// expire: a retired key may go when no token of it can still be alive.
func (p *planner) expire(k Key) {
	why := "no token of it can still be alive"
	if k.DeleteNotBefore.IsZero() {
		p.add(Date, k, p.now, "it is retired")
		return
	}
	if !p.after(k.DeleteNotBefore, Delete, k, why) || !p.seen("before a key is deleted") {
		return
	}
	shown, there := p.look.Platform[k.KeyID]
	_, active := p.ring.Active()
	switch {
	case p.look.clockOff(p.ring.Durations):
		p.block(Delete, k, p.look.clockReason())
	case !active:
		p.block(Delete, k, "no key is active: kept for a rollback")
	case there && shown.Fingerprint != k.Fingerprint:
		p.block(Delete, k, "the platform shows another key under its id: see the drift report")
	default:
		p.add(Delete, k, p.now, why)
	}
}

// leave finishes a removal: the platform first, then the private key; for a
// revoked key, whose private half is gone by now, only the platform.
func (p *planner) leave(k Key) {
	if k.State == Revoking && (k.DestroyedAt.IsZero() || k.KeyID != "" && k.WithdrawnAt.IsZero()) {
		return // see emergencies
	}
	if !p.withdrawn(k) {
		return
	}
	if k.DestroyedAt.IsZero() {
		p.add(Destroy, k, p.now, "the platform no longer has it")
		return
	}
	p.add(Bury, k, p.now, "neither platform nor store have it any more")
}

// withdrawn reports whether the platform has provably let go of the key, and
// otherwise adds the move towards it.
func (p *planner) withdrawn(k Key) bool {
	settle := p.ring.Durations.Settle
	if k.KeyID == "" {
		if k.AttemptAt.IsZero() {
			return true // it was never handed over
		}
		settled, why := k.AttemptAt.Add(settle), "its registration may still arrive"
		return p.seen(why) && !p.adopt(k) && p.after(settled, Bury, k, why) && p.seenSince(settled, why)
	}
	if k.WithdrawnAt.IsZero() {
		p.add(Withdraw, k, p.now, "it is "+string(k.State))
		return false
	}
	if !p.seen("to see that a key is gone") {
		return false
	}
	if shown, there := p.look.Platform[k.KeyID]; there && shown.Fingerprint == k.Fingerprint {
		if p.after(k.WithdrawnAt.Add(settle), Withdraw, k, "the platform still shows it") {
			p.add(Withdraw, k, p.now, "the platform still shows it")
		}
		return false
	}
	return true
}

// suspect: a key that platform or store no longer hold as recorded must not
// sign. One look may be stale, so it takes two.
func (p *planner) suspect() {
	for _, k := range p.ring.Keys {
		if k.State != Registered && k.State != Active {
			continue
		}
		again := k.DoubtedAt.Add(p.ring.Durations.Settle)
		if p.look == nil {
			if !k.DoubtedAt.IsZero() && p.after(again, Quarantine, k, "platform or store disagreed at the last look") {
				p.seen("a key is in doubt")
			}
			continue
		}
		reason := p.look.disagrees(k)
		switch {
		case reason == "" && !k.DoubtedAt.IsZero():
			p.add(Trust, k, p.now, "platform and store agree again")
		case reason != "" && k.DoubtedAt.IsZero():
			p.add(Doubt, k, p.now, reason)
		case reason != "" && p.after(again, Quarantine, k, reason) && p.seenSince(again, "a key is in doubt"):
			p.add(Quarantine, k, p.now, reason)
		}
	}
}

// wrongAccount: not one of the keys that the platform has to show is there. A
// very young registration proves nothing, lists may lag behind it.
func (p *planner) wrongAccount() bool {
	if p.look == nil {
		return false
	}
	expected := 0
	for _, k := range p.ring.Keys {
		if !states[k.State].shown || p.look.At.Before(k.RegisteredAt.Add(p.ring.Durations.Settle)) {
			continue
		}
		if p.look.shows(k) {
			return false
		}
		expected++
	}
	return expected > 0
}

// sweep deletes second registrations of keys of ours: what a lost answer
// leaves behind. Two complete lists, apart by the settle time, have to show it.
func (p *planner) sweep() {
	settle := p.ring.Durations.Settle
	noted := map[string]bool{}
	for _, o := range p.ring.Orphans {
		noted[o.KeyID] = true
		target := Key{KeyID: o.KeyID}
		again := later(o.SeenAt, o.DeletingAt).Add(settle)
		if !p.after(again, DeleteOrphan, target, "a second registration of a key of ours") ||
			!p.seenSince(again, "before a second registration is deleted") {
			continue
		}
		if shown, there := p.look.Platform[o.KeyID]; there && p.ring.orphaned(shown) {
			p.add(DeleteOrphan, target, p.now, "a second registration of a key of ours")
		} else {
			p.add(ForgetOrphan, target, p.now, "it is no second registration any more")
		}
	}
	if p.look == nil {
		return
	}
	for _, id := range p.look.ids() {
		if !noted[id] && p.ring.orphaned(p.look.Platform[id]) {
			p.add(NoteOrphan, Key{KeyID: id}, p.now, "the platform shows a key of ours a second time")
		}
	}
}

// orphaned reports whether a platform key is a registration of one of our
// public keys that no generation stands for.
func (r *Ring) orphaned(shown PlatformKey) bool {
	for _, k := range r.Keys {
		if k.Fingerprint == "" || k.Fingerprint != shown.Fingerprint {
			continue
		}
		if k.State == Deleted {
			return true
		}
		return k.KeyID != "" && k.KeyID != shown.ID // without an id it is to be adopted
	}
	return false
}

// shows reports whether the platform shows the key under its id.
func (l *Observation) shows(k Key) bool {
	shown, there := l.Platform[k.KeyID]
	return there && shown.Fingerprint == k.Fingerprint
}

// disagrees says how platform or store differ from the ring's record of a key
// that should be able to sign; empty if they do not.
func (l *Observation) disagrees(k Key) string {
	stored, held := l.Store[k.StoreName]
	switch {
	case !l.shows(k):
		if _, there := l.Platform[k.KeyID]; there {
			return "the platform shows another key under its id"
		}
		return "the platform does not show it"
	case !held && k.Issued:
		return "its value is not in the store"
	case !held:
		return "its private key is not in the store"
	case k.Issued:
		return ""
	case Fingerprint(stored.PublicKey) != k.Fingerprint || stored.Versions != 1:
		return "its private key in the store was replaced or rotated"
	case stored.Spec.Exportable != k.Exportable:
		return fmt.Sprintf("its private key in the store has exportable=%t", stored.Spec.Exportable)
	}
	return ""
}

// against says why a key must not be activated, by what the look showed.
func (l *Observation) against(k Key, d Durations) string {
	if l.clockOff(d) {
		return l.clockReason()
	}
	if !k.DoubtedAt.IsZero() {
		return "platform or store disagreed about it at the last look"
	}
	return l.disagrees(k)
}

func (l *Observation) clockOff(d Durations) bool { return l.ClockAhead.Abs() > d.Skew }

func (l *Observation) clockReason() string {
	return fmt.Sprintf("our clock is %s ahead of the store's, more than the allowed skew: set the clock",
		l.ClockAhead.Round(time.Millisecond))
}
