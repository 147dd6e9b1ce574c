// Package limits counts what callers do, and says when it is enough for now.
//
// The decision a newcomer would get wrong: a limiter that cannot count does not
// refuse. When the counter that replicas share is away, each counts alone, and
// says so; a caller is never locked out because Redis is.
//
// Counting is by the generic cell rate algorithm: a caller has Limit.Count at
// once, and what was used comes back evenly, all of it in Limit.Per. One time
// for each caller is all that has to be kept.
package limits

import (
	"context"
	"time"
)

// Limit is how much of something one caller may do.
type Limit struct {
	Name  string        // for RateLimit-Policy: "management"; [a-z_]+
	Count int           // at most this many…
	Per   time.Duration // …in this time; whole seconds
}

// State is where a caller stands after a Take.
type State struct {
	Limit     Limit
	Allowed   bool
	Remaining int
	Reset     time.Duration // until all of Limit.Count is there again
	Retry     time.Duration // until the same Take would be allowed; 0 if it was
}

// Limiter counts. It is safe for concurrent use, and its memory is bounded
// however many callers there are.
type Limiter interface {
	// Take charges n to a caller, or nothing at all if that would exceed the
	// limit. n may be 0, to look. An n above the limit's count is never
	// allowed, whatever Retry says.
	Take(ctx context.Context, caller string, limit Limit, n int) State
}

// resolution is the smallest difference that is counted: Redis' clock has no
// more, and its numbers hold no more for long.
const resolution = time.Microsecond

// each is the time in which one comes back, rounded up: never more than the
// limit.
func (l Limit) each() time.Duration {
	count := time.Duration(max(l.Count, 1)) * resolution
	return max(1, (l.Per+count-1)/count) * resolution
}

// full is the time in which all come back.
func (l Limit) full() time.Duration { return time.Duration(max(l.Count, 0)) * l.each() }

// take charges n to a caller who is in debt, that is, who has all again after
// that time. What is in debt more than the limit allows, because the limit was
// lowered, is forgiven.
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

// state is where a caller stands who wanted n and has this debt now.
func (l Limit) state(debt time.Duration, allowed bool, n int) State {
	s := State{Limit: l, Allowed: allowed, Reset: debt}
	s.Remaining = int((l.full() - debt) / l.each())
	if !allowed {
		s.Retry = max(debt+time.Duration(min(n, l.Count))*l.each()-l.full(), resolution)
	}
	return s
}
