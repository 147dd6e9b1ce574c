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
// other processes win every race a few more.
const maxMoves = 100

// pass is one reconcile: it reads the ring, asks Plan, makes the first move
// that is due, and starts again, until no move is due.
type pass struct {
	rotator *Rotator
	order   Order
	done    []Done
	moves   []Move // of the newest plan

	timed bool          // the store was asked for the time
	ahead time.Duration // our clock minus the store's, as far as known

	urgent   int // the generation whose moves precede all others; 0: none
	failures []failure
	called   bool      // a call to the platform has succeeded
	told     []Trouble // those of the ring, as far as this pass knows

	observation *Observation // nil: none is valid
	version     int64        // of the ring that the observation belongs to

	ordered     bool // a person or cron asked for what is due
	looked      bool // nothing was done since the last look
	lookedAgain bool // see lookAgain
}

// failure is a move that did not succeed.
type failure struct {
	move Move
	err  error
}

func (r *Rotator) newPass(order Order) *pass { return &pass{rotator: r, order: order} }

// now is the time by this process's clock.
func (r *Rotator) now() time.Time {
	if r.Clock != nil {
		return r.Clock().UTC()
	}
	return time.Now().UTC()
}

// clockTimeout bounds the call that asks the store for the time.
const clockTimeout = 2 * time.Second

// setClock makes the store's clock that of this pass, so that the times that
// replicas write into the ring, and compare, are all of one clock. A pass that
// has nothing to do does not ask the store, and one that gets no response uses
// its own clock.
func (p *pass) setClock(ctx context.Context) {
	p.timed = true
	ctx, cancel := context.WithTimeout(ctx, clockTimeout)
	defer cancel()
	if ahead, err := p.rotator.clockAhead(ctx); err == nil {
		p.ahead = ahead
	}
}

// now is the time by the store's clock, once setClock has asked for it.
func (p *pass) now() time.Time { return p.rotator.now().Add(-p.ahead) }

// load reads the ring, which is empty before the first write.
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

// save writes a transition: the step from old to next is then true for every
// process. After store.ErrConflict nothing has happened. No other function
// writes the ring, so every step is one that the table of states allows, and is
// on record.
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
	project := p.rotator.Project
	ctx, cancel := context.WithTimeout(ctx, next.Durations.CallTimeout())
	defer cancel()
	version, err := p.rotator.Documents.Write(ctx, RingName(project), data, old.Version)
	if err != nil {
		return fmt.Errorf("write ring of %s: %w", project, err)
	}
	next.Version, p.version = version, version
	p.alarm(old, *next)
	for _, t := range steps {
		p.rotator.Log.Info("signing key moved", "project", project, "generation", t.Generation, "from", t.From, "to", t.To,
			"key_id", t.KeyID, "fingerprint", t.Fingerprint, "actor", p.order.Actor, "reason", p.order.Reason)
	}
	return nil
}

// record reports the steps of one save to Rotator.Record. An error stops them,
// except for a revocation and the standby that takes over with it.
func (p *pass) record(ctx context.Context, steps []Transition) error {
	if p.rotator.Record == nil {
		return nil
	}
	urgent := slices.ContainsFunc(steps, func(t Transition) bool { return t.To == Revoking })
	for _, t := range steps {
		t.Project, t.Actor, t.ActorName, t.Reason = p.rotator.Project, p.order.Actor, p.order.ActorName, p.order.Reason
		if err := p.rotator.Record(ctx, t); err != nil && !urgent {
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
// pass, and does not delay the others unless they would fail for the same
// reason. The error is about all moves that failed; the others stay done.
func (p *pass) run(ctx context.Context) error {
	err := p.move(ctx)
	p.tell(ctx, err)
	if p.rotator.Ran != nil && ctx.Err() == nil {
		p.rotator.Ran(p.outcome(err))
	}
	return err
}

// tell reports the troubles that there are now. Those of a pass that could not
// read or write the ring are known to this process only.
func (p *pass) tell(ctx context.Context, err error) {
	if err != nil && len(p.failures) == 0 {
		p.told = renew(p.told, []Trouble{{Code: codeOf(err), Detail: shortened(err.Error(), longestDetail)}}, p.now(), always)
	}
	if p.rotator.Told != nil && ctx.Err() == nil {
		p.rotator.Told(p.told)
	}
}

func (p *pass) move(ctx context.Context) error {
	for range maxMoves {
		ring, err := p.read(ctx)
		if err != nil {
			return err
		}
		p.identify(ring)
		p.moves = p.rotator.plan(p.now(), ring, p.observation)
		move, any := p.next()
		if !p.timed && (any || blocked(p.moves) != "") {
			p.setClock(ctx)
			continue
		}
		if !any {
			move, any = p.lookAgain(ring)
		}
		if !any {
			return p.recordOutcome(ctx, ring)
		}
		err = p.carryOut(ctx, ring, move)
		if err == nil || errors.Is(err, store.ErrConflict) { // another replica was faster
			continue
		}
		p.failures = append(p.failures, failure{move: move, err: err})
		if ctx.Err() != nil || errors.Is(err, store.ErrUnavailable) || errors.Is(err, ErrThrottled) {
			return p.recordOutcome(ctx, ring)
		}
	}
	return fmt.Errorf("rotation of %s: still moving after %d moves", p.rotator.Project, maxMoves)
}

// read loads the ring. If another replica changed it, what the observation
// shows may be that replica's doing, or may be undone: it is dropped.
func (p *pass) read(ctx context.Context) (Ring, error) {
	ring, err := p.rotator.load(ctx)
	if ring.Version != p.version {
		p.observation, p.version = nil, ring.Version
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

// failedBefore: a platform that does not end the sessions of one order is not
// asked about the others before the next pass, which they would only delay.
func (p *pass) failedBefore(m Move) bool {
	return slices.ContainsFunc(p.failures, func(f failure) bool {
		return f.move.Action == m.Action && (m.Action == EndSessions || f.move.Generation == m.Generation && f.move.KeyID == m.KeyID)
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
	p.called, p.looked = p.called || calling[m.Action], p.looked && m.Action == Observe
	if m.Action == Adopt { // the registration did succeed, only its response was lost
		p.failures = slices.DeleteFunc(p.failures, func(f failure) bool { return f.move.Generation == m.Generation })
	}
	if !bookkeeping[m.Action] {
		p.done = append(p.done, Done{Action: string(m.Action), Generation: m.Generation, KeyID: m.KeyID})
	}
	return nil
}

// identify fills in the key ids that were unknown when a move began, such as
// that of a registration.
func (p *pass) identify(ring Ring) {
	for i, d := range p.done {
		if k, ok := ring.Key(d.Generation); ok && d.KeyID == "" {
			p.done[i].KeyID = k.KeyID
		}
	}
}
