package keyrotation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"playtoken/store"
)

// recordOutcome writes how the pass ended.
func (p *pass) recordOutcome(ctx context.Context, ring Ring) error {
	var why []error
	for _, f := range p.failures {
		why = append(why, fmt.Errorf("%s: %w", f.move.describe(), f.err))
	}
	if len(why) > 0 {
		return p.recordFailure(ctx, errors.Join(why...))
	}
	return p.recordSuccess(ctx, ring)
}

// recordSuccess writes that all is well, or which move is blocked, unless the
// ring says so already.
func (p *pass) recordSuccess(ctx context.Context, ring Ring) error {
	run := Run{At: p.now(), SuccessAt: p.now(), Outcome: RunOK}
	if why := blocked(p.moves); why != "" {
		run.Outcome, run.Error, run.SuccessAt = RunBlocked, why, ring.LastRun.SuccessAt
	}
	next := ring.clone()
	next.NextAction = nextAction(p.moves)
	next.Troubles = p.troubles(ring)
	p.told = p.rotator.Troubles(next)
	last := ring.LastRun
	same := last.Outcome == run.Outcome && last.Error == run.Error && next.NextAction.Equal(ring.NextAction) &&
		sameTroubles(next.Troubles, ring.Troubles)
	if ring.Version == 0 || len(p.done) == 0 && same {
		return nil
	}
	next.LastRun = run
	return p.saveOutcome(ctx, ring, next)
}

// recordFailure writes why the pass stopped, unless the ring says so already,
// and returns that error.
func (p *pass) recordFailure(ctx context.Context, why error) error {
	ring, err := p.rotator.load(ctx)
	if err != nil {
		return why
	}
	next := ring.clone()
	next.Troubles = p.troubles(ring)
	p.told = p.rotator.Troubles(next)
	text := shortened(why.Error(), longestDetail)
	same := ring.LastRun.Error == text && sameTroubles(next.Troubles, ring.Troubles)
	if ring.Version == 0 || same {
		return why
	}
	next.LastRun = Run{At: p.now(), Outcome: RunFailed, Error: text, SuccessAt: ring.LastRun.SuccessAt}
	return errors.Join(why, p.saveOutcome(ctx, ring, next))
}

// saveOutcome saves what no move depends on: losing the race to another replica
// is no error.
func (p *pass) saveOutcome(ctx context.Context, ring, next Ring) error {
	if err := p.save(ctx, ring, &next); err != nil && !errors.Is(err, store.ErrConflict) {
		return err
	}
	return nil
}

// outcome says how the pass ended, with this error.
func (p *pass) outcome(err error) string {
	switch {
	case err != nil:
		return RunFailed
	case blocked(p.moves) != "":
		return RunBlocked
	}
	return RunOK
}

// result tells what the pass did.
func (p *pass) result(err error) Result {
	res := Result{Changed: len(p.done) > 0, Actions: p.done, NextActionAt: nextAction(p.moves), Troubles: p.told}
	why := blocked(p.moves)
	switch {
	case err != nil:
		res.Reason = err.Error()
	case why != "":
		res.Reason = why
	case !res.Changed && res.NextActionAt.IsZero():
		res.Reason = "nothing is due"
	case !res.Changed:
		res.Reason = "nothing is due before " + res.NextActionAt.Format(time.RFC3339)
	}
	return res
}

// blocked says why the first blocked move is blocked. It returns "" if no move
// is, or only such as wait for an operator who is in no hurry.
func blocked(moves []Move) string {
	for _, m := range moves {
		if m.Blocked && !m.patient() {
			return m.describe() + ": " + m.Why
		}
	}
	return ""
}

// nextAction is the time of the next move that waits for time alone.
func nextAction(moves []Move) (next time.Time) {
	for _, m := range moves {
		if !m.Blocked && !m.routine && (next.IsZero() || m.NotBefore.Before(next)) {
			next = m.NotBefore
		}
	}
	return next
}

// call bounds one call to the platform or store by the ring's settle time.
func call(ctx context.Context, ring Ring) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, ring.Durations.CallTimeout())
}
