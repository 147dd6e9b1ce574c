package httpserver

import (
	"math/rand/v2"
	"net/http"
)

// RequestLog says which requests a server logs, beside those after which the
// operator has something to mend: these are always logged.
type RequestLog struct {
	Refusals bool   // every response that is not what was asked for
	OneOf    uint64 // one of so many requests; 0: not one, 1: every request
}

// Includes reports whether a request with this response is logged. The sample
// is drawn at random: a player's requests come in a rhythm, of which a count
// would find the same part each time.
func (l RequestLog) Includes(status int) bool {
	return l.Refusals && status >= http.StatusBadRequest || l.OneOf > 0 && rand.Uint64N(l.OneOf) == 0
}
