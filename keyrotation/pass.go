package keyrotation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"playtoken/store"
)

// maxMoves bounds one pass. A bootstrap takes about 15 moves, a pass in which
// another process wins every race a few more.
const maxMoves = 100

// pass is one reconcile: it reads the ring, asks Plan, carries out the first
// move that is due, and starts again, until nothing is due.
type pass struct {
	*Rotator
	order Order
	done  []Done
	moves []Move // what the newest plan said

	timed bool          // the store was asked what time it is
	ahead time.Duration // our clock minus the store's, as far as is known

	urgent   int // the moves of this generation go before all others
	failures []failure

	look    *Observation // see Observation for how long it is believed
	version int64        // of the ring that look goes with
}

// failure is a move that did not succeed.
type failure struct {
	Move
	error
}

func (r *Rotator) newPass(order Order) *pass { return &pass{Rotator: r, order: order} }

func (r *Rotator) now() time.Time {
	if r.Clock != nil {
		return r.Clock().UTC()
	}
	return time.Now().UTC()
}

// clockTimeout bounds the question what time it is.
const clockTimeout = 2 * time.Second

// setClock makes the store's clock that of this pass, so that the times that
// replicas write into the ring, and hold against each other, are of one clock.
// A pass that has nothing to do never asks, and one that gets no answer goes by
// its own clock.
func (p *pass) setClock(ctx context.Context) {
	p.timed = true
	ctx, cancel := context.WithTimeout(ctx, clockTimeout)
	defer cancel()
	if ahead, err := p.clockAhead(ctx); err == nil {
		p.ahead = ahead
	}
}

// now is the time by the store's clock, once that was asked for.
func (p *pass) now() time.Time { return p.Rotator.now().Add(-p.ahead) }

// load reads the ring; before the first write it is empty.
func (r *Rotator) load(ctx context.Context) (Ring, error) {
	if r.Policy.KeySpec.Issued != (r.Issuer != nil) {
		return Ring{}, fmt.Errorf("rotation of %s: an Issuer and a policy of issued keys go together", r.Project)
	}
	doc, err := r.Documents.Read(ctx, RingName(r.Project))
	if errors.Is(err, store.ErrNotFound) {
		return Ring{Project: r.Project, Durations: r.Policy.Durations, Version: doc.Version}, nil
	}
	if err != nil {
		return Ring{}, fmt.Errorf("read ring of %s: %w", r.Project, err)
	}
	return DecodeRing(doc)
}

// save commits a transition: the step from old to next becomes true for
// everybody, or ErrConflict and nothing happened. Here and nowhere else is the
// ring written, so no step that the table of states does not allow, and none
// that is not on record, ever is.
func (p *pass) save(ctx context.Context, old Ring, next *Ring) error {
	steps, err := transitions(old, *next)
	if err != nil {
		return err
	}
	if err := next.check(); err != nil {
		return fmt.Errorf("refusing to write ring: %w", err)
	}
	if err := p.record(ctx, steps); err != nil {
		return err
	}
	data, err := next.Encode()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, next.Durations.CallTimeout())
	defer cancel()
	version, err := p.Documents.Write(ctx, RingName(p.Project), data, old.Version)
	if err != nil {
		return fmt.Errorf("write ring of %s: %w", p.Project, err)
	}
	next.Version, p.version = version, version
	for _, t := range steps {
		p.Log.Info("signing key moved", "project", p.Project, "generation", t.Generation, "from", t.From, "to", t.To,
			"key_id", t.KeyID, "fingerprint", t.Fingerprint, "actor", p.order.Actor, "reason", p.order.Reason)
	}
	return nil
}

// record tells of the steps of one save. Nothing holds up a revocation, nor
// the standby that takes over with it.
func (p *pass) record(ctx context.Context, steps []Transition) error {
	if p.Record == nil {
		return nil
	}
	urgent := slices.ContainsFunc(steps, func(t Transition) bool { return t.To == Revoking })
	for _, t := range steps {
		t.Project, t.Actor, t.Reason = p.Project, p.order.Actor, p.order.Reason
		if err := p.Record(ctx, t); err != nil && !urgent {
			return fmt.Errorf("record %s to %s: %w", t.From, t.To, err)
		}
	}
	return nil
}

// transitions lists the steps of keys from old to next.
func transitions(old, next Ring) ([]Transition, error) {
	var steps []Transition
	for _, k := range next.Keys {
		was, known := old.Key(k.Generation)
		if known && was.State == k.State {
			continue
		}
		allowed := known && slices.Contains(states[was.State].next, k.State) || !known && k.State == Planned
		if !allowed {
			return nil, fmt.Errorf("generation %d: no way from %q to %q", k.Generation, was.State, k.State)
		}
		if was.KeyID != "" && was.KeyID != k.KeyID || was.Fingerprint != "" && was.Fingerprint != k.Fingerprint {
			return nil, fmt.Errorf("generation %d: key id and fingerprint are written once", k.Generation)
		}
		steps = append(steps, Transition{Generation: k.Generation, KeyID: k.KeyID, Fingerprint: k.Fingerprint,
			From: was.State, To: k.State})
	}
	return steps, nil
}

// run makes the moves that are due. One that fails is not tried again in this
// pass, and does not keep the others waiting unless they would fail for the
// same reason. The error is about all that failed; what was done stays done.
func (p *pass) run(ctx context.Context) error {
	for range maxMoves {
		ring, err := p.read(ctx)
		if err != nil {
			return err
		}
		p.identify(ring)
		p.moves = Plan(p.now(), ring, p.look, p.Policy)
		move, any := p.next()
		if !p.timed && (any || blocked(p.moves) != "") {
			p.setClock(ctx)
			continue
		}
		if !any {
			return p.ended(ctx, ring)
		}
		err = p.carryOut(ctx, ring, move)
		if err == nil || errors.Is(err, store.ErrConflict) { // somebody else moved
			continue
		}
		p.failures = append(p.failures, failure{move, err})
		if ctx.Err() != nil || errors.Is(err, store.ErrUnavailable) || errors.Is(err, ErrThrottled) {
			return p.ended(ctx, ring)
		}
	}
	return fmt.Errorf("rotation of %s: still moving after %d moves", p.Project, maxMoves)
}

// read loads the ring. If somebody else changed it since we looked around,
// what we saw may be their doing, or their undoing.
func (p *pass) read(ctx context.Context) (Ring, error) {
	ring, err := p.load(ctx)
	if ring.Version != p.version {
		p.look, p.version = nil, ring.Version
	}
	return ring, err
}

// next returns the move to make now.
func (p *pass) next() (Move, bool) {
	possible := slices.DeleteFunc(slices.Clone(p.moves), p.failedBefore)
	now := p.now()
	for _, m := range possible {
		if p.urgent > 0 && m.Generation == p.urgent && m.due(now) {
			return m, true
		}
	}
	return firstDue(possible, now)
}

func (p *pass) failedBefore(m Move) bool {
	return slices.ContainsFunc(p.failures, func(f failure) bool {
		return f.Action == m.Action && f.Generation == m.Generation && f.KeyID == m.KeyID
	})
}

func firstDue(moves []Move, now time.Time) (Move, bool) {
	for _, m := range moves {
		if m.due(now) {
			return m, true
		}
	}
	return Move{}, false
}

func (m Move) describe() string {
	if m.Generation > 0 {
		return fmt.Sprintf("%s generation %d", m.Action, m.Generation)
	}
	return string(m.Action)
}

// carryOut makes one move and notes it.
func (p *pass) carryOut(ctx context.Context, ring Ring, m Move) error {
	if err := effects[m.Action](p, ctx, ring, m); err != nil {
		return err
	}
	if m.Action == Adopt { // its registration did succeed, only the answer was lost
		p.failures = slices.DeleteFunc(p.failures, func(f failure) bool { return f.Generation == m.Generation })
	}
	if !bookkeeping[m.Action] {
		p.done = append(p.done, Done{Action: string(m.Action), Generation: m.Generation, KeyID: m.KeyID})
	}
	return nil
}

// identify fills in the key ids that were not known when a move began: a
// registration's own, say.
func (p *pass) identify(ring Ring) {
	for i, d := range p.done {
		if k, ok := ring.Key(d.Generation); ok && d.KeyID == "" {
			p.done[i].KeyID = k.KeyID
		}
	}
}

// bookkeeping moves change nothing that anybody would call a change.
var bookkeeping = map[Action]bool{Observe: true, Widen: true, Date: true, Doubt: true, Trust: true, NoteOrphan: true, ForgetOrphan: true}

// ended writes down how the pass went.
func (p *pass) ended(ctx context.Context, ring Ring) error {
	var why []error
	for _, f := range p.failures {
		why = append(why, fmt.Errorf("%s: %w", f.describe(), f.error))
	}
	if len(why) > 0 {
		return p.failed(ctx, errors.Join(why...))
	}
	return p.finished(ctx, ring)
}

// finished writes down that all is well, or what is blocked, if that is news.
func (p *pass) finished(ctx context.Context, ring Ring) error {
	run := Run{At: p.now(), SuccessAt: p.now(), Outcome: "ok"}
	if why := blocked(p.moves); why != "" {
		run.Outcome, run.Error, run.SuccessAt = "blocked", why, ring.LastRun.SuccessAt
	}
	next := ring.clone()
	next.NextAction = nextAction(p.moves)
	last := ring.LastRun
	if ring.Version == 0 || len(p.done) == 0 && last.Outcome == run.Outcome && last.Error == run.Error && next.NextAction.Equal(ring.NextAction) {
		return nil
	}
	next.LastRun = run
	return p.note(ctx, ring, next)
}

// failed writes down why the pass stopped, and returns that error. A failure
// that is already on record is not written again.
func (p *pass) failed(ctx context.Context, why error) error {
	ring, err := p.load(ctx)
	if err != nil || ring.Version == 0 || ring.LastRun.Error == why.Error() {
		return why
	}
	next := ring.clone()
	next.LastRun = Run{At: p.now(), Outcome: "failed", Error: why.Error(), SuccessAt: ring.LastRun.SuccessAt}
	return errors.Join(why, p.note(ctx, ring, next))
}

// note saves what nobody depends on: a lost race is no error.
func (p *pass) note(ctx context.Context, ring, next Ring) error {
	if err := p.save(ctx, ring, &next); err != nil && !errors.Is(err, store.ErrConflict) {
		return err
	}
	return nil
}

// blocked says what holds up the first move that something holds up.
func blocked(moves []Move) string {
	for _, m := range moves {
		if m.Blocked {
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
