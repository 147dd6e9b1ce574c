package handlers

import (
	"errors"
	"net/http"
	"net/netip"
	"time"

	"playtoken/limits"
	"playtoken/projects"
)

// The limits of projects that set none.
const (
	managementPerMinute = 60
	failuresPerMinute   = 60
	// mintCeiling is the limit that responses show where minting is not limited:
	// more than one machine can mint.
	mintCeiling = 6_000_000
)

var (
	adminLimit = limits.Limit{Name: "admin", Count: 10, Per: time.Second}
	// preflightLimit is for one source's preflights about origins that this
	// process does not hold: any client can make up origins.
	preflightLimit = limits.Limit{Name: "preflights", Count: 60, Per: time.Minute}
	// signInLimit is for one source's steps of operators' sign-ins, which call the
	// identity provider.
	signInLimit  = limits.Limit{Name: "sign_ins", Count: 60, Per: time.Minute}
	failureLimit = limits.Limit{Name: "failures", Count: failuresPerMinute, Per: time.Minute}
	ceiling      = limits.Limit{Name: "mints", Count: mintCeiling, Per: time.Minute}
)

// limited is a call that would exceed a limit.
type limited struct {
	state limits.State
	why   string
}

func (l *limited) Error() string { return l.why }

// RetryAfter is when the same call would be allowed.
func (l *limited) RetryAfter() time.Duration { return l.state.Retry }

// charge counts a call of a known caller, before anything else about the request
// is checked. Errors: *limited, and *invalid for a request that is larger than
// the whole limit.
func (s *server) charge(w http.ResponseWriter, policy routePolicy, c call) error {
	if s.Limits == nil || c.caller.ID == "" {
		return nil
	}
	limiter, limit, n := s.Limits, limits.Limit{}, 1
	switch minting := policy.action == projects.Mint; {
	case minting && c.caller.Viewer != nil && c.policy.TokenPolicy.ViewerMints() > 0:
		limit, n = viewerLimit(c.policy.TokenPolicy), c.size
	case minting && c.caller.Viewer != nil:
		limiter, limit, n = s.MintCounter, ceiling, c.size
	case minting && !c.caller.Operates() && c.policy.TokenPolicy.MintsPerMinute > 0:
		limit = limits.Limit{Name: "mints", Count: c.policy.TokenPolicy.MintsPerMinute, Per: time.Minute}
		n = c.size
	case minting:
		limiter, limit, n = s.MintCounter, ceiling, c.size
	case c.caller.Operates():
		limit, n = adminLimit, c.size
	default:
		limit = limits.Limit{Name: "management", Count: managementPerMinute, Per: time.Minute}
		if own := c.policy.TokenPolicy.ManagementPerMinute; own > 0 {
			limit.Count = own
		}
	}
	state := limiter.Take(c.request.Context(), limit.Name+" "+c.caller.ProjectID+" "+c.caller.ID, limit, n)
	state.SetHeaders(w.Header())
	switch {
	case n > limit.Count: // waiting would never help
		return invalidf("the request asks for %d tokens, and this project allows %d per minute: split it into smaller requests", n, limit.Count)
	case !state.Allowed:
		return &limited{state, "the rate limit of this key is reached: wait as long as Retry-After says; the RateLimit headers show the limit"}
	}
	return nil
}

// viewerBurst is how many tokens a viewer may get at once: those of a page that
// asks for all of its videos.
const viewerBurst = maxBatch

// viewerLimit is one viewer's rate with a burst of at least viewerBurst. A project
// that limits its mints and says nothing about viewers limits viewers in the same
// way.
func viewerLimit(policy projects.TokenPolicy) limits.Limit {
	perMinute := policy.ViewerMints()
	if policy.ViewerMintsPerMinute == nil && policy.MintsPerMinute > 0 {
		return limits.Limit{Name: "mints", Count: perMinute, Per: time.Minute}
	}
	count := max(perMinute, viewerBurst)
	seconds := (60*count + perMinute - 1) / perMinute
	return limits.Limit{Name: "mints", Count: count, Per: time.Duration(seconds) * time.Second}
}

// sizeOf is how many requests a request counts as.
func sizeOf(body any) int {
	if many, ok := body.(withSize); ok {
		return max(1, many.size())
	}
	return 1
}

// countFailure counts a failed authentication against the client's address, and
// records it. A good key is never refused because of failures, since many
// people can share one address.
func (s *server) countFailure(w http.ResponseWriter, r *http.Request, err error) error {
	if !failedAuthentication(err) {
		return err
	}
	source := s.clientIP(r)
	if s.Limits != nil {
		state := s.Limits.Take(r.Context(), failureKey(source), failureLimit, 1)
		state.SetHeaders(w.Header())
		if !state.Allowed {
			s.recordBurst(source, outcomeOf(w))
			return &limited{state, "too many requests from this address had an unknown credential: wait as long as Retry-After says; a valid credential is still accepted"}
		}
	}
	s.recordFailure(source, outcomeOf(w), err)
	return err
}

// chargeSource counts a request that makes this service work for a client without a
// credential, against the address that it comes from. What says what the requests
// of this limit are.
func (s *server) chargeSource(w http.ResponseWriter, r *http.Request, limit limits.Limit, what string) error {
	if s.Limits == nil {
		return nil
	}
	state := s.Limits.Take(r.Context(), limit.Name+" "+limits.Network(s.clientIP(r)), limit, 1)
	state.SetHeaders(w.Header())
	if !state.Allowed {
		return &limited{state, "too many requests from this address were " + what + ": wait as long as Retry-After says"}
	}
	return nil
}

// showFailureLimit sets the headers of the failure limit on a response that has
// no caller to be limited by.
func (s *server) showFailureLimit(w http.ResponseWriter, r *http.Request) {
	if s.Limits == nil || w.Header().Get("RateLimit") != "" {
		return
	}
	s.Limits.Take(r.Context(), failureKey(s.clientIP(r)), failureLimit, 0).SetHeaders(w.Header())
}

// clientIP is the client's address; not valid if it is unknown.
func (s *server) clientIP(r *http.Request) netip.Addr {
	if s.ClientIP != nil {
		return s.ClientIP(r)
	}
	return limits.ClientIP(r.RemoteAddr, nil, nil)
}

// failureKey is what failures from an address are counted under.
func failureKey(source netip.Addr) string { return "from " + limits.Network(source) }

// failedAuthentication reports whether the request presented a credential that
// belongs to no caller.
func failedAuthentication(err error) bool {
	if unreadable, ok := errors.AsType[*unauthorized](err); ok {
		return !unreadable.missing
	}
	return errors.Is(err, projects.ErrUnknownCaller)
}
