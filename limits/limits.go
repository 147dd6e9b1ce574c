// Package limits counts what callers do, and says when it is enough for now.
//
// The decision a newcomer would get wrong: a limiter that cannot count does not
// refuse. When the counter that replicas share is away, each counts alone, and
// says so; a caller is never locked out because Redis is.
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
	// limit. n may be 0, to look. An n above the limit's count is never allowed.
	Take(ctx context.Context, caller string, limit Limit, n int) State
}
