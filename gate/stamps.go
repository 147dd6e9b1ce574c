package gate

import (
	"sync/atomic"
	"time"
)

// stamps are times in microseconds since 1970 that tell what came first: each
// is later than all before it, even where the clock stands still or is set back. The zero value is ready.
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
