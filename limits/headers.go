package limits

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// SetHeaders says where the caller stands: in X-RateLimit-Limit, -Remaining
// and -Reset (seconds from now), and in RateLimit and RateLimit-Policy as of
// draft-ietf-httpapi-ratelimit-headers.
func (s State) SetHeaders(h http.Header) {
	reset := seconds(s.Reset)
	h.Set("X-RateLimit-Limit", strconv.Itoa(s.Limit.Count))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(s.Remaining))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(reset, 10))
	h.Set("RateLimit", fmt.Sprintf(`"%s";r=%d;t=%d`, s.Limit.Name, s.Remaining, reset))
	h.Set("RateLimit-Policy", fmt.Sprintf(`"%s";q=%d;w=%d`, s.Limit.Name, s.Limit.Count, seconds(s.Limit.Per)))
}

// seconds rounds up, so that whoever waits that long is not early.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }
