// Package limits counts requests of callers and reports when a rate limit is
// reached, and counts the streams that a viewer watches at once.
//
// The decision a newcomer would get wrong: a limiter that cannot count does not
// refuse. While the counter that replicas share is unavailable, each replica counts
// alone and reports that; no caller is locked out because Redis is down.
//
// It uses the generic cell rate algorithm: a caller may use Limit.Count at once, and
// what was used becomes available again evenly, all of it within Limit.Per. Only
// one time per caller is stored.
package limits

import (
	"context"
	"time"
)

// Limit is the rate that one caller may use.
type Limit struct {
	Name  string        // for RateLimit-Policy: "management"; [a-z_]+
	Count int           // at most this many…
	Per   time.Duration // …in this time; whole seconds
}

// State is what is left of a caller's limit after a Take.
type State struct {
	Limit     Limit
	Allowed   bool
	Remaining int
	Reset     time.Duration // until all of Limit.Count is available again
	Retry     time.Duration // until the same Take would be allowed; 0 if it was
}

// Limiter counts. It is safe for concurrent use, and its memory is bounded for any
// number of callers.
type Limiter interface {
	// Take charges n to a caller, or nothing if that would exceed the limit. With
	// n = 0 it only reports the state. An n above the limit's count is never
	// allowed, although Retry is set.
	Take(ctx context.Context, caller string, limit Limit, n int) State
}

// resolution is the unit of time. Redis' clock is not finer, and its numbers are
// exact only up to 2^53.
const resolution = time.Microsecond

// each is the time after which one unit is available again. It is rounded up, so
// that the limit is never exceeded.
func (l Limit) each() time.Duration {
	count := time.Duration(max(l.Count, 1)) * resolution
	return max(1, (l.Per+count-1)/count) * resolution
}

// full is the time after which all units are available again.
func (l Limit) full() time.Duration { return time.Duration(max(l.Count, 0)) * l.each() }

// take charges n to a caller with a debt, which is the time until all units are
// available again. A debt above the limit, which was lowered since, is reduced to
// it.
func (l Limit) take(debt time.Duration, n int) (after time.Duration, allowed bool) {
	debt = min(max(debt, 0), l.full())
	if n > l.Count {
		return debt, false
	}
	if after = debt + time.Duration(max(n, 0))*l.each(); after > l.full() {
		return debt, false
	}
	return after, true
}

// state is the state of a caller that asked for n and has this debt now.
func (l Limit) state(debt time.Duration, allowed bool, n int) State {
	s := State{Limit: l, Allowed: allowed, Reset: debt}
	s.Remaining = int((l.full() - debt) / l.each())
	if !allowed {
		s.Retry = max(debt+time.Duration(min(n, l.Count))*l.each()-l.full(), resolution)
	}
	return s
}
