package keyrotation

import (
	"errors"
	"fmt"
	"time"
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
}

// maxDuration is longer than any useful duration, and far below where sums of
// durations overflow.
const maxDuration = 10 * 365 * 24 * time.Hour

// Validate reports every reason why no rotation can follow the policy.
func (p Policy) Validate() error {
	var problems []error
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	d := p.Durations
	issued := p.KeySpec.Issued
	refuse(p.RotateEvery <= 0 || p.MaxTTL < 0 || p.MaxTTL == 0 && !issued || p.ObserveEvery <= 0 || d.ViewAge <= 0 || d.Settle <= 0,
		"rotation interval, observation interval, longest token, view age and settle time must be positive")
	refuse(d.Propagation < 0 || d.Staleness < 0 || d.Skew < 0,
		"propagation delay, staleness and clock skew must not be negative")
	longest := max(p.RotateEvery, p.ObserveEvery, d.Propagation, d.Staleness, d.Skew, d.Settle)
	refuse(longest > maxDuration, "%s: at most %s", longest, maxDuration)
	refuse(p.MaxTTL > 24*time.Hour, "longest token %s: at most 24h", p.MaxTTL)
	refuse(d.Settle > time.Hour, "settle time %s: at most 1h", d.Settle)
	refuse(d.ViewAge > time.Minute, "view age %s: at most 1m", d.ViewAge)
	refuse(d.Propagation+d.ViewAge >= p.RotateEvery && p.RotateEvery > 0,
		"rotation interval %s: must exceed propagation delay %s plus view age %s, or no new key is ready in time",
		p.RotateEvery, d.Propagation, d.ViewAge)
	bits := p.KeySpec.Bits
	refuse(!issued && bits != 2048 && bits != 3072 && bits != 4096, "key bits %d: want 2048, 3072 or 4096", bits)
	refuse(p.RotateEvery > 0 && p.KeysNeeded() > p.KeyBudget,
		"key budget %d: these intervals need %d keys at the platform at once (rotate less often, or allow shorter tokens)",
		p.KeyBudget, p.KeysNeeded())
	return errors.Join(problems...)
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
