package keyrotation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"playtoken/store"
)

// Revoke stops a compromised generation everywhere. One write takes it out of
// use and makes the standby active, if that is ready; then its private key is
// destroyed; then its public key is deleted at the platform (an issued key is
// deleted there first, then its value is destroyed). Revoke observes nothing
// beforehand, and disagreeing clocks do not delay it. Errors: as of Activate,
// but no *Guard; an error after the first write says how far it came, and the
// next reconcile continues.
func (r *Rotator) Revoke(ctx context.Context, generation int, order Order) (Revocation, error) {
	p, err := r.begin(ctx, order)
	if err != nil {
		return Revocation{}, err
	}
	defer r.changed()
	p.urgent = generation // no failure of another key delays it
	var lost time.Duration
	err = p.decide(ctx, true, func(ring *Ring) (err error) {
		lost, err = r.revokeIn(ring, generation, order, p.now())
		return err
	})
	if err != nil && !errors.Is(err, errAlreadyDone) {
		return Revocation{}, err
	}
	trouble := p.run(ctx)
	ring, err := r.load(ctx)
	if err != nil {
		return Revocation{}, fmt.Errorf("revoked, but: %w", err)
	}
	done := r.revocation(ring, generation, lost)
	k, _ := ring.Key(generation)
	if why := p.unfinished(ring, k, trouble); why != nil {
		return done, fmt.Errorf("generation %d signs nothing more, but is not yet gone everywhere: %w", generation, why)
	}
	return done, nil
}

// revokeIn takes a generation out of use, and returns for how long its tokens may be
// missed. Errors: store.ErrNotFound; errAlreadyDone.
func (r *Rotator) revokeIn(ring *Ring, generation int, order Order, now time.Time) (lost time.Duration, err error) {
	k, ok := ring.Key(generation)
	switch {
	case !ok:
		return 0, fmt.Errorf("generation %d: %w", generation, store.ErrNotFound)
	case k.State == Deleted:
		return 0, r.endSessionsOf(ring, k, order, now)
	case k.State == Revoking:
		return 0, errAlreadyDone
	}
	lost = ring.tokensOut(k, now)
	ring.deactivate(generation, Revoking, order.Reason, now, func(standby Key) bool { return standby.sure() })
	return lost, nil
}

// revocation is what came of the revocation of a generation.
func (r *Rotator) revocation(ring Ring, generation int, lost time.Duration) Revocation {
	done := Revocation{Revoked: generation, EarliestAt: ring.EarliestActive(), TokensLostFor: lost, EndsSessions: r.Sessions != nil}
	if active, ok := ring.Active(); ok {
		done.ActiveGeneration, done.EarliestAt = active.Generation, time.Time{}
	}
	return done
}

// PreviewRevoke is the dry run of Revoke: the same decision on the same ring, which
// is not saved. It asks neither platform nor store for more. Where there would be no
// key to take over, EarliestAt is when the next one could, by the plan. Errors:
// store.ErrNotFound, store.ErrUnavailable.
func (r *Rotator) PreviewRevoke(ctx context.Context, generation int) (Revocation, error) {
	ring, err := r.load(ctx)
	if err != nil {
		return Revocation{}, err
	}
	ring, now := ring.clone(), r.now()
	lost, err := r.revokeIn(&ring, generation, Order{}, now)
	if err != nil && !errors.Is(err, errAlreadyDone) {
		return Revocation{}, err
	}
	foreseen := r.revocation(ring, generation, lost)
	if foreseen.ActiveGeneration == 0 && foreseen.EarliestAt.IsZero() {
		foreseen.EarliestAt = r.nextActive(ring, now)
	}
	return foreseen, nil
}

// nextActive is when a key that is still to be made could be active; zero if none
// can be made.
func (r *Rotator) nextActive(ring Ring, now time.Time) time.Time {
	if r.Policy.Carried {
		return time.Time{} // whenever an operator has taken a key there
	}
	for _, m := range r.plan(now, ring, nil) {
		making := m.Action == PlanKey || m.Action == Generate || m.Action == Register
		if making && !m.Blocked {
			next := Key{Generation: ring.nextGeneration(), Published: r.Policy.Fetched, RegisteredAt: later(now, m.NotBefore)}
			return ring.readyAt(next)
		}
	}
	return time.Time{}
}

// endSessionsOf ends the sessions of a key that was deleted in the ordinary way,
// which go on without it.
func (r *Rotator) endSessionsOf(ring *Ring, k Key, order Order, now time.Time) error {
	if r.Sessions == nil || k.KeyID == "" || !k.SessionsEndedAt.IsZero() {
		return errAlreadyDone
	}
	return ring.endSessions(Sessions{KeyID: k.KeyID}, order.Reason, now)
}

// unfinished says why platform or store may still have a revoked key, or its
// sessions go on. It returns nil if only time has to pass.
func (p *pass) unfinished(ring Ring, k Key, trouble error) error {
	if k.State == Deleted {
		return ring.unconfirmed(Sessions{KeyID: k.KeyID}, trouble)
	}
	running := p.rotator.Sessions != nil && k.KeyID != "" && k.SessionsEndedAt.IsZero()
	if trouble != nil && (k.WithdrawnAt.IsZero() || k.DestroyedAt.IsZero() || running) {
		return trouble
	}
	for _, m := range p.moves {
		if m.Blocked && (m.Action == Observe || m.Action == Withdraw && m.Generation == k.Generation) {
			return &Guard{Why: m.Why}
		}
	}
	return nil
}

// tokensOut is for how long tokens of the key may still be in use.
func (r *Ring) tokensOut(k Key, now time.Time) time.Duration {
	switch {
	case k.State == Active:
		return k.MaxTTL
	case !k.RetiredAt.IsZero():
		return max(0, k.RetiredAt.Add(r.Durations.overlap(k.MaxTTL)).Sub(now))
	}
	return 0
}

// End revokes every key of the ring with one write, after which no replica makes
// a key for it: the project is about to be deleted. (Keys that are revoked one
// by one would be replaced meanwhile.) It returns nil once neither platform nor
// store have any of them. A *Guard says that a registration without a response
// may still arrive, and when that will be known; other errors say what is in the
// way. After an error the next reconcile continues, and so does another End.
func (r *Rotator) End(ctx context.Context, order Order) error {
	p, err := r.begin(ctx, order)
	if err != nil {
		return err
	}
	defer r.changed()
	err = p.decide(ctx, true, func(ring *Ring) error {
		if !ring.EndedAt.IsZero() {
			return errAlreadyDone
		}
		ring.Ends = nil // every session that our tokens opened ends now
		for _, k := range ring.Keys {
			if k.State == Deleted {
				_ = r.endSessionsOf(ring, k, order, p.now()) // errAlreadyDone
			}
		}
		ring.end(order.Reason, p.now())
		return nil
	})
	if err != nil && !errors.Is(err, errAlreadyDone) {
		return err
	}
	trouble := p.run(ctx)
	ring, err := r.load(ctx)
	if err != nil {
		return fmt.Errorf("every key is revoked, but: %w", err)
	}
	return p.unended(ring, trouble)
}

// unended says why platform or store may still have a key of an ended ring. It
// returns nil if they have none.
func (p *pass) unended(ring Ring, trouble error) error {
	left := 0
	for _, k := range ring.Keys {
		if k.State != Deleted {
			left++
		}
	}
	if p.rotator.Sessions == nil {
		ring.Ends = nil
	}
	switch {
	case left == 0 && len(ring.Ends) > 0:
		return errors.Join(errors.New("every key is gone, but sessions that their tokens opened go on"), trouble)
	case left == 0:
		return nil
	case trouble != nil:
		return fmt.Errorf("every key is revoked, but %d are not yet gone everywhere: %w", left, trouble)
	}
	why := blocked(p.moves)
	if i := slices.IndexFunc(p.moves, Move.patient); why == "" && i >= 0 {
		why = p.moves[i].describe() + ": " + p.moves[i].Why
	}
	if why == "" {
		why = "what was sent to the platform may still arrive there"
	}
	return &Guard{
		Why:        fmt.Sprintf("every key is revoked, but %d are not yet gone everywhere: %s; try again later", left, why),
		EarliestAt: nextAction(p.moves),
	}
}

// end revokes every key.
func (r *Ring) end(note string, now time.Time) {
	r.EndedAt = now
	for i := range r.Keys {
		k := &r.Keys[i]
		if k.State == Deleted || k.State == Revoking {
			continue
		}
		if k.State == Active {
			k.RetiredAt = now
		}
		k.State, k.Note = Revoking, note
	}
}
