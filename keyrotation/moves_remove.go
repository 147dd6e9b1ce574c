package keyrotation

import (
	"context"
	"slices"
)

// The moves in this file remove a key, or a second registration of one.

// maxTombstones bounds how many deleted keys a ring remembers.
const maxTombstones = 50

// discard gives up a key that never signed, so there are no tokens to wait for.
// A platform that loses every response is asked for new keys less and less often.
func (p *pass) discard(ctx context.Context, ring Ring, m Move) error {
	next := ring.clone()
	k := next.key(m.Generation)
	if k.State == Registering && !k.Carried {
		next.delayRegistration(nil, p.now())
	}
	k.State, k.Note = Abandoning, m.Why
	return p.save(ctx, ring, &next)
}

// date sets the day of deletion. The ring that this pass read says that the key
// is retired. So every view in which the key is still active is older than now,
// and is given up when it reaches its greatest age.
func (p *pass) date(ctx context.Context, ring Ring, m Move) error {
	return p.update(ctx, &ring, m.Generation, func(k *Key) {
		k.DeleteNotBefore = p.now().Add(k.overlap(ring.Durations))
	})
}

func (p *pass) markDeleting(ctx context.Context, ring Ring, m Move) error {
	return p.update(ctx, &ring, m.Generation, func(k *Key) { k.State = Deleting })
}

// withdraw: the state is the intent, because only Deleted can follow it.
// Deleting twice is harmless. With a revoked key go its sessions, whether or not
// the platform still has the key.
func (p *pass) withdraw(ctx context.Context, ring Ring, m Move) error {
	p.observation = nil
	k := *ring.key(m.Generation)
	ends := k.State == Revoking && p.rotator.Sessions != nil
	remove := p.rotator.account().delete
	if ends {
		remove = p.rotator.Sessions.DeleteAndEnd
	}
	sent, cancel := call(ctx, ring)
	err := remove(sent, k.KeyID)
	cancel()
	if err != nil {
		return fromPlatform(err)
	}
	return p.update(ctx, &ring, m.Generation, func(k *Key) {
		k.WithdrawnAt = p.now()
		if ends {
			k.SessionsEndedAt = p.now()
		}
	})
}

func (p *pass) destroy(ctx context.Context, ring Ring, m Move) error {
	if err := p.rotator.source().destroy(ctx, *ring.key(m.Generation)); err != nil {
		return err
	}
	return p.update(ctx, &ring, m.Generation, func(k *Key) { k.DestroyedAt = p.now() })
}

// bury leaves a tombstone: if a registration whose response was lost long ago
// turns up, its fingerprint is still known as ours.
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

func (p *pass) noteOrphan(ctx context.Context, ring Ring, m Move) error {
	next := ring.clone()
	next.Orphans = append(next.Orphans, Orphan{
		KeyID: m.KeyID, Fingerprint: p.observation.Platform[m.KeyID].Fingerprint, SeenAt: p.now(),
	})
	return p.save(ctx, ring, &next)
}

// deleteOrphan records the intent first. The ring keeps the orphan until a
// complete list no longer shows it.
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
	p.observation = nil
	sent, cancel := call(ctx, ring)
	defer cancel()
	return p.rotator.account().delete(sent, m.KeyID)
}

func (p *pass) forgetOrphan(ctx context.Context, ring Ring, m Move) error {
	next := ring.clone()
	next.Orphans = slices.DeleteFunc(next.Orphans, func(o Orphan) bool { return o.KeyID == m.KeyID })
	return p.save(ctx, ring, &next)
}
