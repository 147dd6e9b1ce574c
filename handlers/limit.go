package handlers

import (
	"errors"
	"net/http"
	"net/netip"
	"time"

	"playtoken/limits"
	"playtoken/projects"
)

// The limits, where no project says otherwise.
const (
	managementPerMinute = 60
	failuresPerMinute   = 60
	// mintCeiling is what is shown where minting is not limited: more than any
	// machine makes.
	mintCeiling = 6_000_000
)

var (
	adminLimit   = limits.Limit{Name: "admin", Count: 10, Per: time.Second}
	failureLimit = limits.Limit{Name: "failures", Count: failuresPerMinute, Per: time.Minute}
	ceiling      = limits.Limit{Name: "mints", Count: mintCeiling, Per: time.Minute}
)

// limited is a call that comes too soon after others.
type limited struct {
	state limits.State
	why   string
}

func (l *limited) Error() string { return l.why }

// RetryAfter is when the same call would be allowed.
func (l *limited) RetryAfter() time.Duration { return l.state.Retry }

// charge counts a call of a known caller. Whoever is over the limit is told so
// before anything else about the request is. Errors: *limited, and *invalid for
// what no waiting would make possible.
func (s *server) charge(w http.ResponseWriter, policy routePolicy, c call, body any) error {
	if s.Limits == nil || c.caller.ID == "" {
		return nil
	}
	limiter, limit, n := s.Limits, limits.Limit{}, 1
	switch minting := policy.action == projects.Mint; {
	case minting && !c.caller.Admin && c.policy.TokenPolicy.MintsPerMinute > 0:
		limit = limits.Limit{Name: "mints", Count: c.policy.TokenPolicy.MintsPerMinute, Per: time.Minute}
		n = sizeOf(body)
	case minting:
		limiter, limit, n = s.MintCounter, ceiling, sizeOf(body)
	case c.caller.Admin:
		limit = adminLimit
	default:
		limit = limits.Limit{Name: "management", Count: managementPerMinute, Per: time.Minute}
		if own := c.policy.TokenPolicy.ManagementPerMinute; own > 0 {
			limit.Count = own
		}
	}
	state := limiter.Take(c.request.Context(), limit.Name+" "+c.caller.ProjectID+" "+c.caller.ID, limit, n)
	state.SetHeaders(w.Header())
	switch {
	case n > limit.Count: // it would be told to come back for ever
		return invalidf("the body asks for %d tokens at once, and this project allows %d a minute: split it", n, limit.Count)
	case !state.Allowed:
		return &limited{state, "that is more than this key may do for now: wait, and see the RateLimit headers"}
	}
	return nil
}

// sizeOf is what a request counts as.
func sizeOf(body any) int {
	if many, ok := body.(interface{ size() int }); ok {
		return max(1, many.size())
	}
	return 1
}

// countFailure counts a failed authentication against where it came from, and writes
// it down. It charges failures only, and keeps nobody out who has a good key:
// behind one address there are many people.
func (s *server) countFailure(w http.ResponseWriter, r *http.Request, err error) error {
	if !failedAuthentication(err) {
		return err
	}
	source := s.from(r)
	if s.Limits != nil {
		state := s.Limits.Take(r.Context(), bucket(source), failureLimit, 1)
		state.SetHeaders(w.Header())
		if !state.Allowed {
			return &limited{state, "too many credentials from this address were not accepted: wait; a good one is still accepted"}
		}
	}
	s.noteFailure(source, w.Header().Get(requestID), err)
	return err
}

// showFailures shows, in answers that are about no caller, how many failures
// are left.
func (s *server) showFailures(w http.ResponseWriter, r *http.Request) {
	if s.Limits == nil || w.Header().Get("RateLimit") != "" {
		return
	}
	s.Limits.Take(r.Context(), bucket(s.from(r)), failureLimit, 0).SetHeaders(w.Header())
}

// from is where a request comes from; not valid if nobody can say.
func (s *server) from(r *http.Request) netip.Addr {
	if s.ClientIP != nil {
		return s.ClientIP(r)
	}
	return limits.ClientIP(r.RemoteAddr, nil, nil)
}

// bucket is whom a failure is charged to.
func bucket(source netip.Addr) string { return "from " + limits.Network(source) }

// failedAuthentication reports whether somebody presented what is nobody's.
func failedAuthentication(err error) bool {
	if unreadable, ok := errors.AsType[*unauthorized](err); ok {
		return !unreadable.missing
	}
	return errors.Is(err, projects.ErrUnknownCaller)
}
