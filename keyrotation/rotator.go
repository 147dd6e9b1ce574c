package keyrotation

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"playtoken/store"
)

// Rotator carries out the moves of one project's keys. Any number of them may
// work on the same project at once, in any number of processes: check-and-set
// on the ring lets one of them make each move.
type Rotator struct {
	Project   string
	Documents store.Documents

	// Either Platform, and Keys to make what it takes; or Issuer, and a Policy
	// whose KeySpec says Issued.
	Keys     store.PrivateKeys
	Platform Registrar
	Issuer   Issuer

	// StoreTime is the store's own clock. What is written into the ring is dated
	// by it, and ours is checked against it before a key is activated or
	// deleted. Nil where the store has none.
	StoreTime func(context.Context) (time.Time, error)

	Policy Policy
	Log    *slog.Logger

	// Rest is the longest wait between two turns; 0 is 30 seconds. What other
	// processes make due is noticed that late.
	Rest time.Duration

	// Clock is time.Now, if nil.
	Clock func() time.Time
	// Record is told of every transition before it is written to the ring, and of
	// the removal of a key that is not ours. An error stops it, unless it is a
	// revocation. Nil records nothing.
	Record func(context.Context, Transition) error

	// Permit is asked before each verb that changes keys or looks at private
	// ones, and its error ends the verb. It is asked every time, because rights
	// at the store can change while a process runs. [Rotator.Turn] does not ask:
	// a scheduler asks once, before its first turn. Nil permits everything.
	Permit func(context.Context) error
	// Changed is called after each verb that may have changed the ring, in which
	// something may now be due sooner than a scheduler planned. Nil does nothing.
	Changed func()

	// OtherOwners tells which of these keys, which our ring does not know, are of
	// another project of this deployment: several may share an account. It
	// returns those projects by key id. After an error nobody knows, and nothing
	// is removed. Nil: there are no others.
	OtherOwners func(ctx context.Context, shown []PlatformKey) (map[string]string, error)
}

// Transition is one step of one key, as the record of what was done has it.
type Transition struct {
	Project     string
	Actor       string
	Reason      string
	Generation  int // 0: a key that is not ours
	KeyID       string
	Fingerprint string
	From, To    State // From is empty for a new key, and for one that is not ours
}

// Order is what somebody asked for, and who.
type Order struct {
	Now    bool   // rotate even if it is not due
	Actor  string // "scheduler", "cli", "admin", an API key's id
	Reason string
}

// Done is one move that was carried out.
type Done struct {
	Action     string `json:"action"`
	Generation int    `json:"generation,omitempty"`
	KeyID      string `json:"key_id,omitempty"`
}

// Result is how a reconcile or an operator's verb ended.
type Result struct {
	Changed      bool
	Actions      []Done    // what was done, in order; looking around and book-keeping left out
	NextActionAt time.Time // zero: nothing is planned
	Reason       string    // why nothing changed, or what stopped it half-way
}

// Status is the dry run.
type Status struct {
	Due          bool
	NextActionAt time.Time
	Plan         []Move
	LastRun      Run
	Overdue      bool // should have moved long ago by the ring's own record
}

// Revocation is the answer to Revoke.
type Revocation struct {
	Revoked          int
	ActiveGeneration int           // 0: none
	EarliestAt       time.Time     // when there will be one, if there is none and that is known
	TokensLostFor    time.Duration // tokens already out are refused for up to this long
}

// Guard is the refusal of something that would lock viewers out, or that is
// not possible yet.
type Guard struct {
	Why        string
	EarliestAt time.Time // zero if time alone will not help
}

func (g *Guard) Error() string {
	if g.EarliestAt.IsZero() {
		return g.Why
	}
	return fmt.Sprintf("%s; possible from %s", g.Why, g.EarliestAt.UTC().Format(time.RFC3339))
}

// Ring returns the project's ring; an empty one before the first rotation.
func (r *Rotator) Ring(ctx context.Context) (Ring, error) { return r.load(ctx) }

// Status returns the dry run. It changes nothing, and looks at the platform
// only if something is due that depends on what is there.
func (r *Rotator) Status(ctx context.Context) (Status, error) {
	ring, err := r.load(ctx)
	if err != nil {
		return Status{}, err
	}
	now := r.now()
	moves := Plan(now, ring, nil, r.Policy)
	if first, due := firstDue(moves, now); due && first.Action == Observe && !first.routine {
		if look, err := r.see(ctx, ring); err == nil {
			moves = Plan(now, ring, look, r.Policy)
		}
	}
	moves = slices.DeleteFunc(moves, func(m Move) bool { return m.routine && m.Action == Observe })
	_, due := firstDue(moves, now)
	return Status{
		Due:          due,
		NextActionAt: nextAction(moves),
		Plan:         moves,
		LastRun:      ring.LastRun,
		Overdue:      r.Overdue(ring),
	}, nil
}

// Overdue reports whether a move should have been made long ago: the ring's
// record says when, and a whole round of looks has passed since.
func (r *Rotator) Overdue(ring Ring) bool {
	grace := r.Policy.ObserveEvery + ring.Durations.Settle
	return !ring.NextAction.IsZero() && r.now().After(ring.NextAction.Add(grace))
}

// Reconcile makes every move that is due, and those that become due by it.
// Errors: those of the store and of Permit, *PlatformError; *Guard for an Order
// that says Now and cannot be obeyed.
func (r *Rotator) Reconcile(ctx context.Context, order Order) (Result, error) {
	p, err := r.begin(ctx, order)
	if err != nil {
		return Result{}, err
	}
	defer r.changed()
	if order.Now {
		return p.rotateNow(ctx)
	}
	err = p.run(ctx)
	return p.result(err), err
}

// permit reports whether this process may change keys now.
func (r *Rotator) permit(ctx context.Context) error {
	if r.Permit == nil {
		return nil
	}
	return r.Permit(ctx)
}

// begin starts the pass of a verb, if this process may change keys.
func (r *Rotator) begin(ctx context.Context, order Order) (*pass, error) {
	if err := r.permit(ctx); err != nil {
		return nil, err
	}
	return r.newPass(order), nil
}

func (r *Rotator) changed() {
	if r.Changed != nil {
		r.Changed()
	}
}

// result tells what the pass did.
func (p *pass) result(err error) Result {
	res := Result{Changed: len(p.done) > 0, Actions: p.done, NextActionAt: nextAction(p.moves)}
	switch why := blocked(p.moves); {
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

// Bounds of the wait between two turns.
const (
	shortestWait = 200 * time.Millisecond
	longestWait  = 30 * time.Second // unless Rotator.Rest says otherwise
)

// Turn makes every move that is due, as the scheduler, and returns how long to
// wait before the next turn: until something will be due, looks included, but
// not so long that what others did to the ring goes unnoticed; or, if it
// failed, longer with every failure in a row before it.
func (r *Rotator) Turn(ctx context.Context, failures int) (wait time.Duration, err error) {
	p := r.newPass(Order{Actor: "scheduler"})
	if err := p.run(ctx); err != nil {
		return min(retryIn(err, failures, time.Second), time.Minute), err
	}
	return p.untilNext(), nil
}

// untilNext is how long nothing will be due, looks included.
func (p *pass) untilNext() time.Duration {
	wait := min(cmp.Or(p.Rest, longestWait), p.Policy.ObserveEvery) // the plan of a pass that has looked does not name the next look
	for _, m := range p.moves {
		if !m.Blocked {
			wait = min(wait, m.NotBefore.Sub(p.now()))
		}
	}
	return max(wait, shortestWait)
}
