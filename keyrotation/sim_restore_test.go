package keyrotation_test

import (
	"slices"
	"time"

	"playtoken/keyrotation"
)

// What is still promised once an old ring was restored from a backup. The ring
// is all that we know, so a key that the old ring takes for one that never
// signed, or for one whose tokens are dead, may go although it signed since.
// Every other token is owed to its end:
//
//   - those of keys that the old ring does not know: they are never touched;
//   - those of its active and quarantined keys, and of its standbys;
//   - those of its retiring keys, up to the day of deletion that it names.
//
// Nothing can be owed for a key that the platform no longer has.

// handRestores: all replicas are stopped for a minute meanwhile, as the manual
// says.
func (w *world) handRestores() bool {
	if w.store.backup == nil {
		return false
	}
	w.store.sealed = time.Time{}
	for _, r := range w.replicas {
		r.crash()
	}
	w.advance(time.Minute) // what was on its way has arrived
	w.check()
	w.store.restore(w.rng.IntN(2) == 0)
	w.oracle.takeBack(w.store.ring())
	clear(w.platform.issued) // what the old ring has planned is asked for again
	return true
}

// takeBack ends the promises that an old ring cannot keep.
func (o *oracle) takeBack(old keyrotation.Ring) {
	o.restored, o.last = true, old
	clear(o.revoked)
	clear(o.damaged)
	for _, k := range old.Keys {
		if shown, there := o.w.platform.keys[k.KeyID]; k.KeyID != "" && (!there || !is(k, shown)) {
			o.forgive(k.KeyID)
		}
		if !o.w.held(k) {
			o.damaged[k.Generation] = true
		}
	}
	o.live = slices.DeleteFunc(o.live, func(m minted) bool { return !o.owed(m, old) })
	clear(o.used)
	for _, m := range o.live {
		if m.expires.After(o.used[m.kid]) {
			o.used[m.kid] = m.expires
		}
	}
}

func (o *oracle) owed(m minted, old keyrotation.Ring) bool {
	shown := o.w.platform.keys[m.kid]
	i := slices.IndexFunc(old.Keys, func(k keyrotation.Key) bool { return k.KeyID == m.kid || is(k, shown) })
	if i < 0 {
		return !o.w.begun(old, shown)
	}
	k := old.Keys[i]
	switch k.State {
	case keyrotation.Active, keyrotation.Registered, keyrotation.Quarantined:
		never := k.State == keyrotation.Registered && o.w.mixed
		return k.KeyID == m.kid && !never && m.expires.Sub(m.at) <= k.MaxTTL
	case keyrotation.Retiring:
		return k.DeleteNotBefore.IsZero() || !m.expires.After(k.DeleteNotBefore)
	}
	return false
}

// begun: the old ring has planned this key, and will make it again.
func (w *world) begun(old keyrotation.Ring, shown keyrotation.PlatformKey) bool {
	return slices.ContainsFunc(old.Keys, func(k keyrotation.Key) bool {
		return k.State == keyrotation.Planned && keyrotation.Fingerprint(w.store.keys[k.StoreName].public) == shown.Fingerprint
	})
}

// held: the store has what the key needs to sign.
func (w *world) held(k keyrotation.Key) bool {
	if k.Issued {
		_, held := w.store.value(k)
		return held
	}
	private, held := w.store.keys[k.StoreName]
	return held && private.versions == 0
}

// strays: the platform has a key of ours that a restored ring knows nothing of.
func (w *world) strays(id string) bool {
	ring := w.store.ring()
	return w.oracle.restored && w.platform.makers[id] == w &&
		!slices.ContainsFunc(ring.Keys, func(k keyrotation.Key) bool { return is(k, w.platform.keys[id]) })
}
