package keyrotation

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// End revokes every key of the ring with one write, after which none is ever
// made again, by whatever replica: it is for a project that is going to be
// deleted. Keys that were revoked one by one would be replaced meanwhile. It
// returns nil once neither platform nor store have any of them. A *Guard says
// that a registration without an answer may still arrive, and when that will
// be known; other errors say what is in the way. After an error, the next
// reconcile goes on, and so does another End.
func (r *Rotator) End(ctx context.Context, order Order) error {
	p, err := r.begin(ctx, order)
	if err != nil {
		return err
	}
	defer r.changed()
	err = p.decide(ctx, true, func(ring *Ring) error {
		if !ring.EndedAt.IsZero() {
			return errHolds
		}
		ring.end(order.Reason, p.now())
		return nil
	})
	if err != nil && !errors.Is(err, errHolds) {
		return err
	}
	trouble := p.run(ctx)
	ring, err := r.load(ctx)
	if err != nil {
		return fmt.Errorf("every key is revoked, but: %w", err)
	}
	left := 0
	for _, k := range ring.Keys {
		if k.State != Deleted {
			left++
		}
	}
	switch {
	case left == 0:
		return nil
	case trouble != nil:
		return fmt.Errorf("every key is revoked, but %d are not yet gone everywhere: %w", left, trouble)
	}
	why := blocked(p.moves)
	if why == "" {
		why = "what was sent to the platform may still arrive there"
	}
	return &Guard{
		Why:        fmt.Sprintf("every key is revoked, but %d are not yet gone everywhere: %s; ask again", left, why),
		EarliestAt: nextAction(p.moves),
	}
}

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
