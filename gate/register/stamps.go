package register

import (
	"sync/atomic"
	"time"
)

// stamps are times in microseconds since 1970 that tell what came first: each
// is later than all that were handed out or seen before it, even where the clock stands still or is set back. The zero value is ready.
type stamps struct{ last atomic.Int64 }

// next returns the time now, or one just after the last stamp.
func (s *stamps) next(now time.Time) int64 {
	for {
		last := s.last.Load()
		stamp := max(now.UnixMicro(), last+1)
		if s.last.CompareAndSwap(last, stamp) {
			return stamp
		}
	}
}

// see takes note of a stamp that was handed out before a restart, or by another
// gate.
func (s *stamps) see(stamp int64) {
	for last := s.last.Load(); stamp > last && !s.last.CompareAndSwap(last, stamp); {
		last = s.last.Load()
	}
}

// Stamp is when a session begins, in microseconds since 1970. It is later than
// every cutoff that this gate knows, so that a session that begins after one
// goes on, and earlier than the next, however close they follow each other.
func (r *Register) Stamp() int64 { return r.stamps.next(r.config.Now()) }

// cutoffTime is the moment up to which sessions end now.
func (r *Register) cutoffTime() time.Time { return time.UnixMicro(r.Stamp()) }
