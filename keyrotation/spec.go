package keyrotation

import (
	"fmt"
	"time"

	"playtoken/store"
)

// This file holds the rules about the kind of key that a ring wants. The ring
// rules, not the environment: replicas whose environments differ, as they do
// while a new setting is rolled out, would otherwise make and discard keys in
// turn for as long as they differ.

// unwanted is why a key is discarded.
const unwanted = "keys of its kind are not wanted any more"

// spec is what kind of key this is.
func (k *Key) spec() KeySpec {
	return KeySpec{Bits: k.Bits, Exportable: k.Exportable, Issued: k.Issued}
}

// pair is what the store is asked to make for this key.
func (k *Key) pair() store.KeySpec {
	return store.KeySpec{Bits: k.Bits, Exportable: k.Exportable}
}

// wants reports whether a key is of the kind that is in force.
func (r *Ring) wants(k Key) bool { return r.Spec == KeySpec{} || k.spec() == r.Spec }

// want brings a kind of key into force.
func (r *Ring) want(spec KeySpec, now time.Time) {
	if spec != r.Spec {
		r.Spec, r.SpecAt = spec, now
	}
}

func (s KeySpec) String() string {
	if s.Issued {
		return "issued by the platform"
	}
	if s.Exportable {
		return fmt.Sprintf("%d bits, exportable", s.Bits)
	}
	return fmt.Sprintf("%d bits, not exportable", s.Bits)
}

// respec brings the policy's kind of key into force, unless that was changed
// less than a rotation ago: perhaps by a replica whose environment differs.
func (p *planner) respec() {
	if len(p.ring.Keys) == 0 || p.ring.Spec == p.policy.KeySpec {
		return // the first key brings its kind along
	}
	why := fmt.Sprintf("the policy wants keys of another kind: %s", p.policy.KeySpec)
	if p.ring.SpecAt.IsZero() || p.after(p.ring.SpecAt.Add(p.policy.RotateEvery), Respec, Key{}, why) {
		p.add(Respec, Key{}, p.now, why)
		return
	}
	// Others, by their own policy, have nothing to do then.
	p.moves[len(p.moves)-1].routine = true
}

// successor returns the standby that a rotation, as opposed to an emergency,
// makes active.
func (r *Ring) successor() (Key, bool) {
	return r.oldest(func(k Key) bool { return r.wants(k) })
}

// leftovers: standbys of a kind that is not wanted any more never signed, and
// go without any waiting. They stay while the active key is of their kind, and
// then until there is something better for an emergency, or no room for it.
func (p *planner) leftovers() {
	active, has := p.ring.Active()
	if !has || !p.ring.wants(active) {
		return
	}
	better, ok := p.ring.successor()
	ok = ok && better.DoubtedAt.IsZero()
	full := p.ring.live() >= p.policy.KeyBudget
	for _, k := range p.ring.Keys {
		if k.State != Registered || p.ring.wants(k) || !ok && !full {
			continue
		}
		if ok && !full && !p.after(p.ring.readyAt(better), Discard, k, unwanted) || !p.seen("before a standby is discarded") {
			continue
		}
		if shown, there := p.look.Platform[k.KeyID]; there && shown.Fingerprint != k.Fingerprint {
			p.block(Discard, k, "the platform shows another key under its id: see the drift report")
			continue
		}
		p.add(Discard, k, p.now, unwanted)
	}
}

// live counts the keys that the platform may hold, or soon will.
func (r *Ring) live() (n int) {
	for _, k := range r.Keys {
		if states[k.State].live || states[k.State].coming {
			n++
		}
	}
	return n
}
