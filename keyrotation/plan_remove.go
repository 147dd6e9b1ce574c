package keyrotation

import "slices"

// The rules in this file remove keys. Except for a revocation, none of them
// decides without an observation, and only keys of this ring are ever removed.

// finishRevocations destroys compromised keys before anything else, and without
// an observation. The private key goes first. Of an issued key the platform
// goes first: it honours a stolen value for as long as it knows the key, while
// by the ring no replica of ours uses the value any more. Our copy does not
// wait for the platform's response, though.
func (p *planner) finishRevocations() {
	for _, k := range p.ring.Keys {
		if k.State != Revoking {
			continue
		}
		inStore, atPlatform := k.DestroyedAt.IsZero(), p.revokedAtPlatform(k)
		if atPlatform && (k.Issued || !inStore) {
			p.withdraw(k, "it is revoked")
		}
		if inStore {
			p.add(Destroy, k, p.now, "it is revoked")
		}
	}
}

// revokedAtPlatform reports whether the platform may still have a revoked key,
// or sessions that its tokens opened: they go on when the key is gone.
func (p *planner) revokedAtPlatform(k Key) bool {
	return k.KeyID != "" && (k.WithdrawnAt.IsZero() || p.policy.EndsSessions && k.SessionsEndedAt.IsZero())
}

// endSessions repeats every order that the platform has not confirmed, the
// newest first: an operator may wait for it.
func (p *planner) endSessions() {
	if !p.policy.EndsSessions {
		return
	}
	for _, end := range slices.Backward(p.ring.Ends) {
		p.add(EndSessions, Key{KeyID: end.Of.KeyID}, p.now, "they are to end")
		p.moves[len(p.moves)-1].Sessions = end.Of
	}
}

// removeKeys deletes retired keys when their day has come, and continues every
// removal.
func (p *planner) removeKeys() {
	for _, k := range p.ring.Keys {
		switch {
		case k.State == Retiring:
			p.deleteRetired(k)
		case k.State == Quarantined:
			p.deleteMissing(k)
		case states[k.State].leaving:
			p.continueRemoval(k)
		}
	}
}

// deleteRetired deletes a retired key once all tokens made with it have
// expired.
func (p *planner) deleteRetired(k Key) {
	why := "no token of it can still be alive"
	if !k.LostAt.IsZero() {
		why = lossWhy
	}
	if k.DeleteNotBefore.IsZero() {
		p.add(Date, k, p.now, "it is retired")
		return
	}
	if !p.after(k.DeleteNotBefore, Delete, k, why) || !p.observed("before a key is deleted") {
		return
	}
	_, active := p.ring.Active()
	switch {
	case p.observation.clockOff(p.ring.Durations):
		p.block(Delete, k, ClockApart, p.observation.clockReason())
	case !active:
		p.block(Delete, k, ActiveKeyMissing, "no key is active: kept for a rollback")
	case !k.LostAt.IsZero() && p.observation.has(k): // see findLost
	case p.observation.hasOther(k):
		p.block(Delete, k, KeyIsMismatched, "the platform shows another key under its id: see the drift report")
	default:
		p.add(Delete, k, p.now, why)
	}
}

// deleteMissing deletes a key in quarantine that the platform does not have any
// more, as when it was revoked there while the store was away. It cannot be used
// again, and if the platform shows it later, it is deleted there, too. A key for
// which there is another reason stays for the operator.
func (p *planner) deleteMissing(k Key) {
	active, ok := p.ring.Active()
	switch {
	case p.observation == nil || !p.observation.lost(k):
	case !ok || !p.observation.has(active): // is it the right account?
	case k.DeleteNotBefore.IsZero():
		p.add(Date, k, p.now, "the platform does not have it any more")
	case p.observation.clockOff(p.ring.Durations):
		p.block(Delete, k, ClockApart, p.observation.clockReason())
	case p.after(k.DeleteNotBefore, Delete, k, "the platform does not have it, and no token of it can still be alive"):
		p.add(Delete, k, p.now, "the platform does not have it, and no token of it can still be alive")
	}
}

// continueRemoval removes the key at the platform, then its private key; of a
// revoked key, whose private key is destroyed by now, only the former is left.
func (p *planner) continueRemoval(k Key) {
	if k.State == Revoking && (k.DestroyedAt.IsZero() || p.revokedAtPlatform(k)) {
		return // see finishRevocations
	}
	if p.policy.Carried && k.DestroyedAt.IsZero() {
		p.add(Destroy, k, p.now, "it signs nothing more, and its removal from the verifiers may take long")
		return
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

// withdrawn reports whether the platform is known not to have the key, and
// otherwise plans the move that leads there.
func (p *planner) withdrawn(k Key) bool {
	settle := p.ring.Durations.Settle
	if k.KeyID == "" {
		if k.AttemptAt.IsZero() {
			return true // it was never handed over
		}
		settled, why := k.AttemptAt.Add(settle), "its registration may still arrive"
		return p.observed(why) && !p.adopt(k) && p.after(settled, Bury, k, why) && p.observedSince(settled, why)
	}
	if k.WithdrawnAt.IsZero() {
		p.withdraw(k, "it is "+string(k.State))
		return false
	}
	if !p.observed("to see that a key is gone") {
		return false
	}
	if p.observation.holds(k) && !p.reused(k) {
		if p.after(k.WithdrawnAt.Add(settle), Withdraw, k, "the platform still shows it") {
			p.add(Withdraw, k, p.now, "the platform still shows it")
		}
		return false
	}
	return true
}

// reused reports whether the id of a key that was withdrawn is that of a newer
// key, of which nothing else can be read.
func (p *planner) reused(k Key) bool {
	match, _ := p.observation.shows(k)
	return match == Unclear && p.observation.Platform[k.KeyID].CreatedAt.After(k.WithdrawnAt.Add(p.ring.Durations.Skew))
}

// removeOrphans deletes second registrations of keys of ours, which lost
// responses leave behind. Two complete lists, a settle time apart, have to show
// one before it is deleted.
func (p *planner) removeOrphans() {
	settle := p.ring.Durations.Settle
	noted := map[string]bool{}
	for _, o := range p.ring.Orphans {
		noted[o.KeyID] = true
		target := Key{KeyID: o.KeyID}
		again := later(o.SeenAt, o.DeletingAt).Add(settle)
		if !p.after(again, DeleteOrphan, target, "a second registration of a key of ours") ||
			!p.observedSince(again, "before a second registration is deleted") {
			continue
		}
		if shown, there := p.observation.Platform[o.KeyID]; there && p.ring.orphaned(shown) {
			p.add(DeleteOrphan, target, p.now, "a second registration of a key of ours")
		} else {
			p.add(ForgetOrphan, target, p.now, "it is no second registration any more")
		}
	}
	if p.observation == nil {
		return
	}
	for _, id := range p.observation.ids() {
		if !noted[id] && p.ring.orphaned(p.observation.Platform[id]) {
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
