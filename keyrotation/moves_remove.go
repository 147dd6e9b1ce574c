package keyrotation

import (
	"context"
	"slices"
	"time"
)

// maxTombstones bounds how many deleted keys a ring remembers.
const maxTombstones = 50

// activate: one write makes one key active and the other retiring, so no
// reader ever sees two, or none.
func (p *pass) activate(ctx context.Context, ring Ring, m Move) error {
	next := ring.clone()
	next.promote(m.Generation, p.now())
	return p.save(ctx, ring, &next)
}

// promote makes a generation active and retires the one that was.
func (r *Ring) promote(generation int, now time.Time) {
	for i := range r.Keys {
		if r.Keys[i].State == Active {
			r.Keys[i].retire(now)
		}
	}
	k := r.key(generation)
	k.State, k.ActivatedAt = Active, now
	k.RetiredAt, k.DeleteNotBefore = time.Time{}, time.Time{}
}

// discard: the key never signed, so nobody holds a token of it. A platform that
// loses answer after answer is asked less and less.
func (p *pass) discard(ctx context.Context, ring Ring, m Move) error {
	next := ring.clone()
	k := next.key(m.Generation)
	if k.State == Registering {
		next.failed(nil, p.now())
	}
	k.State, k.Note = Abandoning, m.Why
	return p.save(ctx, ring, &next)
}

// retire leaves open when the key may be deleted: this process may be stopped
// for any time between now and the write that tells everybody. See date.
func (k *Key) retire(now time.Time) {
	k.State, k.RetiredAt, k.DeleteNotBefore = Retiring, now, time.Time{}
}

// date sets the day of deletion. The ring it is computed from was read before
// now and says that the key is retired, so every view that still has the key
// active is older than now, and ends at most its age later.
func (p *pass) date(ctx context.Context, ring Ring, m Move) error {
	return p.update(ctx, &ring, m.Generation, func(k *Key) {
		k.DeleteNotBefore = p.now().Add(ring.Durations.overlap(k.MaxTTL))
	})
}

func (p *pass) markDeleting(ctx context.Context, ring Ring, m Move) error {
	return p.update(ctx, &ring, m.Generation, func(k *Key) { k.State = Deleting })
}

// withdraw: the intent is the state, which only leads to Deleted; deleting
// twice is harmless.
func (p *pass) withdraw(ctx context.Context, ring Ring, m Move) error {
	p.look = nil
	sent, cancel := call(ctx, ring)
	err := p.account().delete(sent, ring.key(m.Generation).KeyID)
	cancel()
	if err != nil {
		return err
	}
	return p.update(ctx, &ring, m.Generation, func(k *Key) { k.WithdrawnAt = p.now() })
}

func (p *pass) destroy(ctx context.Context, ring Ring, m Move) error {
	if err := p.source().destroy(ctx, *ring.key(m.Generation)); err != nil {
		return err
	}
	return p.update(ctx, &ring, m.Generation, func(k *Key) { k.DestroyedAt = p.now() })
}

// bury leaves a tombstone: if an answer that was lost long ago turns up as a
// registration, its fingerprint is still known as ours.
func (p *pass) bury(ctx context.Context, ring Ring, m Move) error {
	next := ring.clone()
	k := next.key(m.Generation)
	k.State, k.DeletedAt, k.PublicKey = Deleted, p.now(), ""
	excess := -maxTombstones
	for _, k := range next.Keys {
		if k.State == Deleted {
			excess++
		}
	}
	next.Keys = slices.DeleteFunc(next.Keys, func(k Key) bool {
		if k.State != Deleted || excess <= 0 {
			return false
		}
		excess--
		return true
	})
	return p.save(ctx, ring, &next)
}

func (p *pass) doubt(ctx context.Context, ring Ring, m Move) error {
	p.Log.Warn("signing key in doubt", "project", p.Project, "generation", m.Generation, "why", m.Why)
	return p.update(ctx, &ring, m.Generation, func(k *Key) { k.DoubtedAt = p.now() })
}

func (p *pass) trust(ctx context.Context, ring Ring, m Move) error {
	return p.update(ctx, &ring, m.Generation, func(k *Key) { k.DoubtedAt = time.Time{} })
}

// quarantine: if the key was active, a standby that is ready and undoubted
// takes over in the same write.
func (p *pass) quarantine(ctx context.Context, ring Ring, m Move) error {
	p.Log.Error("signing key quarantined", "project", p.Project, "generation", m.Generation, "why", m.Why)
	next := ring.clone()
	next.depose(m.Generation, Quarantined, m.Why, p.now(), func(standby Key) bool {
		return p.look.against(standby, ring.Durations) == ""
	})
	return p.save(ctx, ring, &next)
}

// depose takes a key out of use for good or for now, and lets the standby
// take over at once if the key was active, the standby has propagated and
// fit agrees.
func (r *Ring) depose(generation int, to State, note string, now time.Time, fit func(Key) bool) {
	k := r.key(generation)
	was := k.State
	k.State, k.Note = to, note
	if was != Active {
		return
	}
	k.RetiredAt = now
	if standby, ok := r.standby(); ok && !now.Before(r.readyAt(standby)) && fit(standby) {
		r.promote(standby.Generation, now)
	}
}

func (p *pass) noteOrphan(ctx context.Context, ring Ring, m Move) error {
	next := ring.clone()
	next.Orphans = append(next.Orphans, Orphan{
		KeyID: m.KeyID, Fingerprint: p.look.Platform[m.KeyID].Fingerprint, SeenAt: p.now(),
	})
	return p.save(ctx, ring, &next)
}

// deleteOrphan: after the first save the intent is on record; the entry stays
// until a complete list no longer shows it.
func (p *pass) deleteOrphan(ctx context.Context, ring Ring, m Move) error {
	next := ring.clone()
	for i := range next.Orphans {
		if next.Orphans[i].KeyID == m.KeyID {
			next.Orphans[i].DeletingAt = p.now()
		}
	}
	if err := p.save(ctx, ring, &next); err != nil {
		return err
	}
	p.look = nil
	sent, cancel := call(ctx, ring)
	defer cancel()
	return p.account().delete(sent, m.KeyID)
}

func (p *pass) forgetOrphan(ctx context.Context, ring Ring, m Move) error {
	next := ring.clone()
	next.Orphans = slices.DeleteFunc(next.Orphans, func(o Orphan) bool { return o.KeyID == m.KeyID })
	return p.save(ctx, ring, &next)
}
