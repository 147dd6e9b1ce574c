package logs

import (
	"math/rand/v2"
	"net/http"
)

// Requests says which requests a server logs, beside those after which the
// operator has something to mend: these are always logged.
type Requests struct {
	Refusals   bool   // every response that is not what was asked for
	Management bool   // every request of a route that manages something
	OneOf      uint64 // one of so many requests; 0: not one, 1: every request
}

// Includes reports whether a request with this response is logged. The sample
// is drawn at random: a player's requests come in a rhythm, of which a count
// would find the same part each time.
func (r Requests) Includes(status int, management bool) bool {
	return r.Refusals && status >= http.StatusBadRequest || r.Management && management ||
		r.OneOf > 0 && rand.Uint64N(r.OneOf) == 0
}
