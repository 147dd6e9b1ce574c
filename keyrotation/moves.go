package keyrotation

import (
	"context"
	"time"
)

// effects has the function that makes each move. It writes the intent, makes at
// most one call that changes something outside, and writes the result; every
// write of the ring is one transition. If the result could not be written, the
// next Plan finds the move half done, and repeats it or adopts what it made.
var effects = map[Action]func(*pass, context.Context, Ring, Move) error{
	Widen:        (*pass).widen,
	Respec:       (*pass).respec,
	Observe:      (*pass).observe,
	PlanKey:      (*pass).planKey,
	Generate:     (*pass).generate,
	Register:     (*pass).register,
	Adopt:        (*pass).adopt,
	See:          (*pass).see,
	Activate:     (*pass).activate,
	Discard:      (*pass).discard,
	Date:         (*pass).date,
	Delete:       (*pass).markDeleting,
	Withdraw:     (*pass).withdraw,
	EndSessions:  (*pass).endSessions,
	Destroy:      (*pass).destroy,
	Bury:         (*pass).bury,
	Doubt:        (*pass).doubt,
	Trust:        (*pass).trust,
	GiveUp:       (*pass).giveUp,
	Quarantine:   (*pass).quarantine,
	NoteOrphan:   (*pass).noteOrphan,
	DeleteOrphan: (*pass).deleteOrphan,
	ForgetOrphan: (*pass).forgetOrphan,
	NoteStray:    (*pass).noteStray,
	ForgetStray:  (*pass).forgetStray,
}

// bookkeeping has the moves that a result does not list.
var bookkeeping = map[Action]bool{Observe: true, Widen: true, Date: true, Doubt: true, Trust: true, NoteOrphan: true, ForgetOrphan: true,
	See: true, NoteStray: true, ForgetStray: true}

// calling has the moves that the platform takes part in.
var calling = map[Action]bool{Observe: true, Register: true, Withdraw: true, DeleteOrphan: true, EndSessions: true}

// update saves the ring with one key changed.
func (p *pass) update(ctx context.Context, ring *Ring, generation int, change func(*Key)) error {
	next := ring.clone()
	change(next.key(generation))
	if err := p.save(ctx, *ring, &next); err != nil {
		return err
	}
	*ring = next
	return nil
}

func (p *pass) widen(ctx context.Context, ring Ring, _ Move) error {
	policy := p.rotator.Policy
	next := ring.clone()
	next.Durations = ring.Durations.widest(policy.Durations)
	for i := range next.Keys {
		if k := &next.Keys[i]; !k.allowsTTL(policy.MaxTTL) {
			k.MaxTTL = policy.MaxTTL
		}
	}
	return p.save(ctx, ring, &next)
}

func (p *pass) respec(ctx context.Context, ring Ring, _ Move) error {
	next := ring.clone()
	next.setSpec(p.rotator.Policy.KeySpec, p.now())
	return p.save(ctx, ring, &next)
}

// activate makes one key active and the other retiring with one write, so that
// no reader ever sees two active keys, or none.
func (p *pass) activate(ctx context.Context, ring Ring, m Move) error {
	next := ring.clone()
	next.activate(m.Generation, p.now())
	return p.save(ctx, ring, &next)
}

// activate makes a generation active and retires the one that was.
func (r *Ring) activate(generation int, now time.Time) {
	for i := range r.Keys {
		if r.Keys[i].State == Active {
			r.Keys[i].retire(now)
		}
	}
	k := r.key(generation)
	k.State, k.ActivatedAt = Active, now
	k.RetiredAt, k.DeleteNotBefore, k.LostAt = time.Time{}, time.Time{}, time.Time{}
}

// retire leaves open when the key may be deleted, because this process may be
// stopped for any length of time before the write that retires it. See date.
func (k *Key) retire(now time.Time) {
	k.State, k.RetiredAt, k.DeleteNotBefore = Retiring, now, time.Time{}
}

func (p *pass) doubt(ctx context.Context, ring Ring, m Move) error {
	p.rotator.Log.Warn("signing key in doubt", "project", p.rotator.Project, "generation", m.Generation, "why", m.Why)
	return p.update(ctx, &ring, m.Generation, func(k *Key) { k.DoubtedAt = p.now() })
}

func (p *pass) trust(ctx context.Context, ring Ring, m Move) error {
	return p.update(ctx, &ring, m.Generation, func(k *Key) { k.trust(p.observation.has(*k)) })
}

// quarantine: if the key was active, a standby that is ready and not in doubt
// takes over with the same write. So is the order to end the sessions of a key
// that may be compromised: they may be those of the party that has it.
func (p *pass) quarantine(ctx context.Context, ring Ring, m Move) error {
	p.rotator.Log.Error("signing key quarantined", "project", p.rotator.Project, "generation", m.Generation, "why", m.Why)
	next := ring.clone()
	next.deactivate(m.Generation, Quarantined, m.Why, p.now(), func(standby Key) bool {
		return p.observation.against(standby, ring.Durations) == ""
	})
	if p.rotator.Sessions != nil && p.observation.compromises(*ring.key(m.Generation)) != "" {
		next.orderEnd(Sessions{KeyID: m.KeyID}, m.Why, p.now())
	}
	return p.save(ctx, ring, &next)
}

// deactivate takes a key out of use. If the key was active, the standby takes
// over at once, provided that it has propagated and that fit agrees.
func (r *Ring) deactivate(generation int, to State, note string, now time.Time, fit func(Key) bool) {
	k := r.key(generation)
	was := k.State
	k.State, k.Note = to, note
	if was != Active {
		return
	}
	k.RetiredAt = now
	if standby, ok := r.standby(); ok && !now.Before(r.readyAt(standby)) && fit(standby) {
		r.activate(standby.Generation, now)
	}
}
