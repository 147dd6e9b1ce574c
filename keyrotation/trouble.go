package keyrotation

import (
	"cmp"
	"slices"
	"time"
)

// TroubleCode names what an operator should know about a project's keys. Codes
// are stable: doctor, logs, metrics and alerts use the same ones.
type TroubleCode string

// The codes.
const (
	AllKeysMissing        TroubleCode = "all_keys_missing"
	AccountWithoutOurKeys TroubleCode = "account_without_our_keys"

	RestoredActivePresent  TroubleCode = "restored_active_key_present"
	RestoredActiveGone     TroubleCode = "restored_active_key_gone"
	RestoredBothGone       TroubleCode = "restored_active_and_standby_gone"
	RestoredAllGone        TroubleCode = "restored_all_keys_gone"
	RestoredOnlyActiveGone TroubleCode = "restored_only_key_gone"
	RestoredKeysRevoked    TroubleCode = "restored_keys_revoked"

	KeyIsMissing      TroubleCode = "key_missing"
	KeyIsMismatched   TroubleCode = "key_mismatched"
	KeyIsUnconfirmed  TroubleCode = "key_unconfirmed"
	KeyIsUnrecognised TroubleCode = "key_unrecognised"
	KeyIsOrphaned     TroubleCode = "key_orphaned"
	KeyIsUnmanaged    TroubleCode = "key_unmanaged"

	ActiveKeyMissing          TroubleCode = "active_key_missing"
	ClockApart                TroubleCode = "clock_apart"
	RegisteringStopped        TroubleCode = "registering_stopped"
	MoveBlockedByBudget       TroubleCode = "move_blocked_by_budget"
	AccountFull               TroubleCode = "account_full"
	MoveBlocked               TroubleCode = "move_blocked"
	KeyCarryDue               TroubleCode = "key_to_carry_due"
	KeyToCarry                TroubleCode = "key_to_carry"
	RevokedKeyToRemove        TroubleCode = "revoked_key_to_remove"
	KeyToRemove               TroubleCode = "key_to_remove"
	PlatformRefusesCredential TroubleCode = "platform_refuses_credential"
	PlatformThrottles         TroubleCode = "platform_throttles"
	PlatformUnreachable       TroubleCode = "platform_unreachable"
	StoreUnreachable          TroubleCode = "store_unreachable" // in a ring only where documents can be written and private keys cannot
	RotationOverdue           TroubleCode = "rotation_overdue"  // never in a ring: time alone brings it
	LastRunFailed             TroubleCode = "last_run_failed"
)

// kindOfTrouble is what a code means.
type kindOfTrouble struct {
	code   TroubleCode
	stops  Stops
	looked bool // a look at the platform finds it, and only the next look ends it
	called bool // a call finds it, and only a call that succeeds ends it
}

// Stops says what a trouble is in the way of.
type Stops int

// From the least to the most.
const (
	StopsNothing  Stops = iota // an operator should know it
	StopsSelf                  // rotations mend it, or it waits for an operator
	StopsViewers               // tokens of a key are refused, or none can be made
	StopsRotation              // moves that are due cannot be made
)

// kindsOfTrouble has a row for every code, in the order in which they are told.
var kindsOfTrouble = []kindOfTrouble{
	{code: StoreUnreachable, stops: StopsRotation},
	{code: AllKeysMissing, stops: StopsRotation, looked: true},
	{code: AccountWithoutOurKeys, stops: StopsRotation, looked: true},
	{code: RestoredAllGone, stops: StopsRotation, looked: true},
	{code: RestoredOnlyActiveGone, stops: StopsRotation, looked: true},
	{code: RestoredActiveGone, stops: StopsViewers, looked: true},
	{code: RestoredBothGone, stops: StopsViewers, looked: true},
	{code: RestoredActivePresent, stops: StopsSelf, looked: true},
	{code: RestoredKeysRevoked, stops: StopsSelf, looked: true},
	{code: ActiveKeyMissing, stops: StopsViewers},
	{code: KeyIsMissing, stops: StopsViewers, looked: true},
	{code: KeyIsMismatched, stops: StopsViewers, looked: true},
	{code: ClockApart, stops: StopsRotation, looked: true},
	{code: RegisteringStopped, stops: StopsRotation},
	{code: MoveBlockedByBudget, stops: StopsRotation},
	{code: AccountFull, stops: StopsRotation},
	{code: MoveBlocked, stops: StopsRotation},
	{code: KeyCarryDue, stops: StopsRotation},
	{code: PlatformRefusesCredential, stops: StopsRotation, called: true},
	{code: PlatformThrottles, stops: StopsRotation, called: true},
	{code: PlatformUnreachable, stops: StopsRotation, called: true},
	{code: LastRunFailed, stops: StopsRotation},
	{code: RotationOverdue, stops: StopsRotation},
	{code: RevokedKeyToRemove, stops: StopsSelf},
	{code: KeyIsUnconfirmed, stops: StopsSelf, looked: true},
	{code: KeyIsUnrecognised, stops: StopsSelf, looked: true},
	{code: KeyIsOrphaned, stops: StopsSelf, looked: true},
	{code: KeyToCarry, stops: StopsNothing},
	{code: KeyToRemove, stops: StopsNothing},
	{code: KeyIsUnmanaged, stops: StopsNothing, looked: true},
}

// TroubleCodes lists every code.
func TroubleCodes() (codes []TroubleCode) {
	for _, kind := range kindsOfTrouble {
		codes = append(codes, kind.code)
	}
	return codes
}

func (c TroubleCode) row() int {
	return slices.IndexFunc(kindsOfTrouble, func(k kindOfTrouble) bool { return k.code == c })
}

// kind is what the code means. A newer version's code, read from a ring, is only
// told.
func (c TroubleCode) kind() kindOfTrouble {
	if i := c.row(); i >= 0 {
		return kindsOfTrouble[i]
	}
	return kindOfTrouble{code: c}
}

// Stops says what trouble with this code is in the way of.
func (c TroubleCode) Stops() Stops { return c.kind().stops }

// Trouble is something that an operator should know about a project's keys: what
// stops viewers or rotation, and keys that are not ours. It holds no secret.
type Trouble struct {
	Code       TroubleCode `json:"code"`
	Since      time.Time   `json:"since"`  // when it was first seen; it has lasted since
	Detail     string      `json:"detail"` // for people: which keys, since when, what was said
	Generation int         `json:"generation,omitzero"`
	KeyID      string      `json:"key_id,omitempty"`
}

// Same reports whether two are about the same trouble.
func (t Trouble) Same(u Trouble) bool {
	return t.Code == u.Code && t.Generation == u.Generation && t.KeyID == u.KeyID
}

// maxTroubles bounds how many troubles of one code a ring keeps.
const maxTroubles = 20

// renew returns the troubles that last after found was found: all that were found,
// and those of known that the finder could not see, as kept says. What lasts keeps
// the time at which it was first seen.
func renew(known, found []Trouble, now time.Time, kept func(Trouble) bool) []Trouble {
	var all []Trouble
	count := map[TroubleCode]int{}
	add := func(t Trouble) {
		if count[t.Code] < maxTroubles && !slices.ContainsFunc(all, t.Same) {
			count[t.Code]++
			all = append(all, t)
		}
	}
	for _, t := range found {
		t.Since = now
		if i := slices.IndexFunc(known, t.Same); i >= 0 {
			t.Since = known[i].Since
		}
		add(t)
	}
	for _, t := range known {
		if kept(t) {
			add(t)
		}
	}
	slices.SortStableFunc(all, func(a, b Trouble) int {
		return cmp.Or(a.Code.row()-b.Code.row(), a.Generation-b.Generation, cmp.Compare(a.KeyID, b.KeyID))
	})
	return all
}

// always keeps what is known.
func always(Trouble) bool { return true }

// sameTroubles reports whether two lists differ in nothing but details.
func sameTroubles(a, b []Trouble) bool { return slices.EqualFunc(a, b, Trouble.Same) }

// Troubles are what the ring says, and what time alone has brought since.
func (r *Rotator) Troubles(ring Ring) []Trouble {
	since, overdue := r.overdueSince(ring)
	if !overdue {
		return ring.Troubles
	}
	late := Trouble{Code: RotationOverdue, Since: since, Detail: "rotation has made no progress since " + since.Format(time.RFC3339)}
	return renew(append(slices.Clone(ring.Troubles), late), nil, r.now(), always)
}

// overdueSince is since when a move should have been made, if that is long ago.
func (r *Rotator) overdueSince(ring Ring) (since time.Time, overdue bool) {
	earliest := func(t time.Time) {
		if !t.IsZero() && (since.IsZero() || t.Before(since)) {
			since = t
		}
	}
	earliest(ring.NextAction)
	if len(ring.Keys) > 0 && ring.LastRun.SuccessAt.IsZero() {
		earliest(ring.Keys[0].CreatedAt) // no rotation of it has ever succeeded
	}
	for _, t := range ring.Troubles {
		if t.Code.Stops() == StopsRotation {
			earliest(t.Since)
		}
	}
	grace := r.Policy.ObserveEvery + ring.Durations.Settle
	return since, !since.IsZero() && r.now().After(since.Add(grace))
}

// MissingAtPlatform reports whether the newest look found that the platform does
// not have a key that it should have.
func (r *Ring) MissingAtPlatform(k Key) bool {
	if !k.LostAt.IsZero() || !r.LostAt.IsZero() && states[k.State].shown {
		return true
	}
	return slices.ContainsFunc(r.Troubles, func(t Trouble) bool { return t.Code == KeyIsMissing && t.Generation == k.Generation })
}
