package keyrotation

import (
	"errors"
	"fmt"
	"time"

	"playtoken/store"
)

// Policy is what an operator wants of a project's rotation.
type Policy struct {
	RotateEvery  time.Duration // P: a new active key this long after the last
	ObserveEvery time.Duration // how often to observe the platform when nothing else is due
	// MaxTTL (T) is the longest lifetime of a token. With issued keys it is the
	// longest lifetime of what the platform gives out for a key and withdraws with
	// it; 0 if there is no such thing.
	MaxTTL    time.Duration
	Durations Durations // to be written to the ring, whose durations are in force
	KeySpec   KeySpec   // to be brought into force; see Ring.Spec
	KeyBudget int       // how many keys of ours the platform may hold at once
	MaxKeys   int       // that the account holds, of all parties; 0: no limit is known

	// Fetched: verifiers fetch our public keys from what replicas publish. A
	// [Rotator] with such a policy has no Platform.
	Fetched bool

	// Carried: an operator takes our public keys to the verifiers and confirms each. A
	// [Rotator] with such a policy has no Platform.
	Carried bool

	// ReplaceLost: keys that the platform lost are replaced without an order.
	ReplaceLost bool

	// EndsSessions: a revocation is not complete before the platform has ended
	// the key's sessions. A [Rotator] that has Sessions sets it.
	EndsSessions bool
}

// maxDuration is longer than any useful duration, and far below where sums of
// durations overflow.
const maxDuration = 10 * 365 * 24 * time.Hour

// PolicyField is a member of a Policy, by the name that people call it.
type PolicyField string

// The fields that Policy.Validate examines.
const (
	RotationInterval    PolicyField = "rotation interval"
	ObservationInterval PolicyField = "observation interval"
	LongestToken        PolicyField = "longest token"
	PropagationDelay    PolicyField = "propagation delay"
	Staleness           PolicyField = "staleness"
	ClockSkew           PolicyField = "clock skew"
	ViewAge             PolicyField = "view age"
	SettleTime          PolicyField = "settle time"
	KeyKind             PolicyField = "key kind"
	KeyBudget           PolicyField = "key budget"
)

// PolicyError is one reason why no rotation can follow a policy.
type PolicyError struct {
	Field PolicyField
	Value any    // of the field
	Why   string // a clause that follows the value: "must be positive"
}

func (e *PolicyError) Error() string { return fmt.Sprintf("%s %v: %s", e.Field, e.Value, e.Why) }

// Validate reports every reason why no rotation can follow the policy, as
// joined values of *PolicyError.
func (p Policy) Validate() error {
	d, kind := p.Durations, p.KeySpec.Kind
	var problems []error
	refuse := func(bad bool, field PolicyField, value any, why string, args ...any) {
		if bad {
			problems = append(problems, &PolicyError{Field: field, Value: value, Why: fmt.Sprintf(why, args...)})
		}
	}
	for _, row := range p.ranges() {
		refuse(row.value < row.least && row.least > 0, row.field, row.value, "must be positive")
		refuse(row.value < 0 && row.least == 0, row.field, row.value, "must not be negative")
		refuse(row.value > row.most, row.field, row.value, "must be at most %s", row.most)
	}
	refuse(d.Propagation+p.newestView() >= p.RotateEvery && p.RotateEvery > 0, RotationInterval, p.RotateEvery,
		"must exceed propagation delay %s plus %s, the greatest age of a view of the keys, or no new key is ready in time", d.Propagation, p.newestView())
	refuse(!p.KeySpec.Issued && !kind.Known(), KeyKind, kind, "want one of %v", store.Kinds())
	refuse(p.RotateEvery > 0 && p.KeysNeeded() > p.KeyBudget, KeyBudget, p.KeyBudget,
		"these intervals need %d keys at the platform at once (rotate less often, or allow shorter tokens)", p.KeysNeeded())
	return errors.Join(problems...)
}

// newestView is after how long every replica uses, or serves, what the ring says.
func (p Policy) newestView() time.Duration {
	if p.Fetched {
		return p.Durations.served()
	}
	return p.Durations.ViewAge
}

// durationRange is what one duration of a policy may be.
type durationRange struct {
	field              PolicyField
	value, least, most time.Duration // least is 0 or the smallest positive duration
}

func (p Policy) ranges() []durationRange {
	d, shortestToken := p.Durations, time.Duration(1)
	if p.KeySpec.Issued {
		shortestToken = 0
	}
	return []durationRange{
		{field: RotationInterval, value: p.RotateEvery, least: 1, most: maxDuration},
		{field: ObservationInterval, value: p.ObserveEvery, least: 1, most: maxDuration},
		{field: LongestToken, value: p.MaxTTL, least: shortestToken, most: 24 * time.Hour},
		{field: PropagationDelay, value: d.Propagation, most: maxDuration},
		{field: Staleness, value: d.Staleness, most: maxDuration},
		{field: ClockSkew, value: d.Skew, most: maxDuration},
		{field: ViewAge, value: d.ViewAge, least: 1, most: time.Minute},
		{field: SettleTime, value: d.Settle, least: 1, most: time.Hour},
	}
}

// KeysNeeded is how many of our keys the platform holds at the worst moment of
// a steady rotation: the active one, its standby, and every retired one that
// may still have tokens out.
func (p Policy) KeysNeeded() int {
	if p.RotateEvery <= 0 {
		return 2 // Validate refuses such a policy, and calls KeysNeeded nevertheless
	}
	overlap := p.Durations.overlap(p.MaxTTL)
	retired := int((overlap + p.RotateEvery - 1) / p.RotateEvery)
	return 2 + retired
}

// CallTimeout bounds one call to the platform. It is much shorter than the
// settle time, so that when that is over, a request that was sent has arrived or
// never will.
func (d Durations) CallTimeout() time.Duration { return min(10*time.Second, d.Settle/2) }
