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

// Rotator carries out the moves of one project's keys. Any number of rotators
// may work on the same project at once, in any number of processes: each move
// is made by the one whose check-and-set write of the ring succeeds.
type Rotator struct {
	Project   string
	Documents store.Documents

	// Either Platform, and Keys that makes the keys for it; or Keys alone, and a
	// Policy that says Fetched or Carried; or Issuer, and a Policy whose KeySpec says Issued.
	Keys     store.PrivateKeys
	Platform Registrar
	Issuer   Issuer

	// Sessions ends what viewers opened, where the platform can. May be nil.
	Sessions SessionEnder

	// StoreTime is the store's own clock. It dates what is written into the ring,
	// and our clock is compared with it before a key is activated or deleted. Nil
	// if the store has no clock.
	StoreTime func(context.Context) (time.Time, error)

	// Account changes when the account at the platform may be another one: a digest
	// of address and credential, too short to tell them. It is in the ring. Empty:
	// it is not known.
	Account string

	Policy Policy
	Log    *slog.Logger

	// Rest is the longest wait between two turns; 0 means 30 seconds. Changes
	// that other processes make to the ring are noticed that late.
	Rest time.Duration

	// Clock is this process's clock; nil means time.Now.
	Clock func() time.Time

	// Record is called with every transition before it is written to the ring,
	// and with the removal of a key that is not ours. Its error stops either,
	// except for a revocation. Nil records nothing.
	Record func(context.Context, Transition) error

	// Permit is called before each verb that changes keys or examines private
	// ones, and its error ends the verb. It is called every time, because rights
	// at the store can change while a process runs. [Rotator.Turn] does not call
	// it: a scheduler does so once, before its first turn. Nil permits everything.
	Permit func(context.Context) error

	// Changed is called after each verb that may have changed the ring, in which
	// something may now be due sooner than a scheduler planned. Nil does nothing.
	Changed func()

	// Told is called at the end of each pass with the troubles that there are then:
	// those of the ring or, if it could not be read or written, StoreUnreachable.
	// Nil does nothing.
	Told func([]Trouble)

	// Ran is called at the end of each pass with its outcome, whether or not the
	// ring could be read or written. Nil does nothing.
	Ran func(outcome string)

	// OtherOwners says which keys of the platform belong to other projects of this
	// deployment that use the same account. It returns their projects by key id.
	// After an error the owners are unknown, and no such key is removed. Nil means
	// that no other project uses the account.
	OtherOwners func(ctx context.Context, shown []PlatformKey) (map[string]string, error)

	// LookOwners is OtherOwners for what a look reports, and may tell owners of some
	// minutes ago. Nil: OtherOwners.
	LookOwners func(ctx context.Context, shown []PlatformKey) (map[string]string, error)
}

// Transition is one step of one key, for the record.
type Transition struct {
	Project     string
	Actor       string
	ActorName   string
	Reason      string
	Generation  int // 0: a key that is not ours
	KeyID       string
	Fingerprint string
	From, To    State // From is empty for a new key, and for one that is not ours
}

// Order says who wants a verb carried out, and why.
type Order struct {
	Now    bool   // rotate even if it is not due
	Lost   bool   // replace the keys that the platform lost
	Actor  string // "scheduler", "cli", "admin", or the id of an API key or admin key
	Reason string

	ActorName string // of the person, if it is known
}

// Done is one move that was carried out.
type Done struct {
	Action     string
	Generation int    // 0: the move was not about one key of the ring
	KeyID      string // at the platform; empty if the key was never registered
}

// Result is how a reconcile or another verb ended.
type Result struct {
	Changed      bool
	Actions      []Done    // in order, without observations and bookkeeping
	NextActionAt time.Time // zero: nothing is planned
	Reason       string    // why nothing changed, or what stopped the verb
	Troubles     []Trouble // when it ended, by the newest look
}

// Status is the dry run.
type Status struct {
	Due          bool
	NextActionAt time.Time // zero: nothing is planned
	Plan         []Move
	LastRun      Run
	Overdue      bool // by the ring's record, a move should have been made long ago
	Troubles     []Trouble
}

// Revocation is how Revoke ended.
type Revocation struct {
	Revoked          int
	ActiveGeneration int           // 0: no key is active
	EarliestAt       time.Time     // when a key can be active, if none is; zero if that is unknown
	TokensLostFor    time.Duration // tokens that viewers hold are refused for up to this long
	EndsSessions     bool          // what the key's tokens opened ends with it; see SessionEnder
}

// Guard refuses what would lock viewers out, or is not possible yet.
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

// Ring returns the project's ring, which is empty before the first rotation.
func (r *Rotator) Ring(ctx context.Context) (Ring, error) { return r.load(ctx) }

// Status returns the dry run. It changes nothing, and observes the platform
// only if a move is due that depends on what the platform holds.
func (r *Rotator) Status(ctx context.Context) (Status, error) {
	ring, err := r.load(ctx)
	if err != nil {
		return Status{}, err
	}
	now := r.now()
	moves := r.plan(now, ring, nil)
	if first, due := firstDue(moves, now); due && first.Action == Observe && !first.routine {
		if observation, err := r.observe(ctx, ring); err == nil {
			moves = r.plan(now, ring, observation)
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
		Troubles:     r.Troubles(ring),
	}, nil
}

// plan is [Plan] for what this rotator can do.
func (r *Rotator) plan(now time.Time, ring Ring, observation *Observation) []Move {
	policy := r.Policy
	policy.EndsSessions = r.Sessions != nil
	return Plan(now, ring, observation, policy)
}

// Overdue reports whether a move should have been made long ago: the time at
// which the ring says that it is due has passed by more than the interval
// between two observations, something has stopped rotation for as long, or no
// rotation has succeeded for as long after the first key was planned.
func (r *Rotator) Overdue(ring Ring) bool {
	_, overdue := r.overdueSince(ring)
	return overdue
}

// KeyBudget is how many keys of ours the platform may hold.
func (r *Rotator) KeyBudget() int { return r.Policy.KeyBudget }

// Reconcile makes every move that is due, and those that become due by it.
// Errors: those of the store and of Permit, *PlatformError; *Guard for an Order
// that says Now or Lost and cannot be obeyed.
func (r *Rotator) Reconcile(ctx context.Context, order Order) (Result, error) {
	p, err := r.begin(ctx, order)
	if err != nil {
		return Result{}, err
	}
	defer r.changed()
	p.ordered = true
	if order.Now {
		return p.rotateNow(ctx)
	}
	if order.Lost {
		return p.replaceLost(ctx)
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

// Bounds of the wait between two turns.
const (
	shortestWait = 200 * time.Millisecond
	longestWait  = 30 * time.Second // unless Rotator.Rest says otherwise
)

// Turn makes every move that is due, for a scheduler, and returns how long to
// wait before the next turn: until a move or an observation will be due, but
// not longer than Rest; after an error, longer with every failure in a row
// before it.
func (r *Rotator) Turn(ctx context.Context, failures int) (wait time.Duration, err error) {
	p := r.newPass(Order{Actor: "scheduler"})
	if err := p.run(ctx); err != nil {
		return min(retryIn(err, failures, time.Second), time.Minute), err
	}
	return p.untilNext(), nil
}

// untilNext is how long neither a move nor an observation will be due. The plan
// of a pass that has observed does not contain the next observation.
func (p *pass) untilNext() time.Duration {
	wait := min(cmp.Or(p.rotator.Rest, longestWait), p.rotator.Policy.ObserveEvery)
	for _, m := range p.moves {
		if !m.Blocked {
			wait = min(wait, m.NotBefore.Sub(p.now()))
		}
	}
	return max(wait, shortestWait)
}
