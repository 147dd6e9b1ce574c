package keyrotation

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// Rotator carries out the moves of one project's keys. Any number of them may
// work on the same project at once, in any number of processes: check-and-set
// on the ring lets one of them make each move.
type Rotator struct {
	Project   string
	Documents Documents
	Keys      PrivateKeys
	Platform  Registrar

	// StoreTime is the store's own clock, against which ours is checked before
	// a key is activated or deleted. Nil where the store has none.
	StoreTime func(context.Context) (time.Time, error)

	Policy Policy
	Log    *slog.Logger
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
	Actions      []Done
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

// Finding is one difference between ring, store and platform.
type Finding struct {
	KeyID       string `json:"key_id"`
	Name        string `json:"name"`
	Fingerprint string `json:"fingerprint"`
	Generation  int    `json:"generation,omitempty"`
	Meaning     string `json:"meaning"`
	Remedy      string `json:"remedy"`
}

// Drift is every difference between ring, store and platform.
type Drift struct {
	Orphans    []Finding `json:"orphans"`    // second registrations of keys of ours
	Missing    []Finding `json:"missing"`    // keys of ours that the platform does not show
	Unmanaged  []Finding `json:"unmanaged"`  // not ours; never touched by a rotation
	Mismatched []Finding `json:"mismatched"` // under our id, or in our store, but another key
}

// Action names a move.
type Action string

// Move is one thing that Plan wants done.
type Move struct {
	Action     Action    `json:"action"`
	Generation int       `json:"generation,omitempty"`
	KeyID      string    `json:"key_id,omitempty"`
	Why        string    `json:"why"`
	NotBefore  time.Time `json:"not_before"`
}

// Ring returns the project's ring; an empty one before the first rotation.
func (r *Rotator) Ring(ctx context.Context) (Ring, error) { panic("being written") }

// Status returns the dry run.
func (r *Rotator) Status(ctx context.Context) (Status, error) { panic("being written") }

// Reconcile makes every move that is due, and those that become due by it.
// Errors: those of the stores and the platform; *Guard for an Order that says
// Now and cannot be obeyed.
func (r *Rotator) Reconcile(ctx context.Context, order Order) (Result, error) { panic("being written") }

// Activate makes a registered generation the active one. Errors: *Guard,
// ErrNotFound.
func (r *Rotator) Activate(ctx context.Context, generation int, order Order) (Result, error) {
	panic("being written")
}

// Rollback makes a retiring generation active again. Errors: *Guard,
// ErrNotFound.
func (r *Rotator) Rollback(ctx context.Context, generation int, order Order) (Result, error) {
	panic("being written")
}

// Release ends a quarantine. Errors: *Guard, ErrNotFound.
func (r *Rotator) Release(ctx context.Context, generation int, order Order) (Result, error) {
	panic("being written")
}

// Revoke stops a compromised generation everywhere. Errors: ErrNotFound. An
// error after the first write leaves a state that the next reconcile finishes.
func (r *Rotator) Revoke(ctx context.Context, generation int, order Order) (Revocation, error) {
	panic("being written")
}

// Drift looks at the platform and compares.
func (r *Rotator) Drift(ctx context.Context) (Drift, error) { panic("being written") }

// RemoveUnmanaged deletes a key at the platform that is not ours. Errors:
// ErrNotFound; *Guard if it is ours.
func (r *Rotator) RemoveUnmanaged(ctx context.Context, keyID string, order Order) error {
	panic("being written")
}

// Run reconciles when something is due, until ctx ends.
func (r *Rotator) Run(ctx context.Context) { panic("being written") }
