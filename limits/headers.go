package limits

import (
	"net/http"
	"strconv"
	"time"
)

// headers are the names in net/http's canonical form. Every response has all of
// them, so they are set directly, without being converted each time.
var headers = [5]string{"X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset", "Ratelimit", "Ratelimit-Policy"}

// SetHeaders writes the state into X-RateLimit-Limit, -Remaining and -Reset
// (seconds from now), and into RateLimit and RateLimit-Policy as defined by
// draft-ietf-httpapi-ratelimit-headers.
func (s State) SetHeaders(h http.Header) {
	limit, remaining := strconv.Itoa(s.Limit.Count), strconv.Itoa(s.Remaining)
	reset, window := strconv.FormatInt(seconds(s.Reset), 10), strconv.FormatInt(seconds(s.Limit.Per), 10)
	values := &[len(headers)]string{
		limit, remaining, reset,
		`"` + s.Limit.Name + `";r=` + remaining + ";t=" + reset,
		`"` + s.Limit.Name + `";q=` + limit + ";w=" + window,
	}
	for i, name := range headers {
		h[name] = values[i : i+1 : i+1]
	}
}

// seconds rounds up, so that a caller that waits that long is not too early.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }
