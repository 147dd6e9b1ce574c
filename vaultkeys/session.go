package vaultkeys

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/hashicorp/vault/api"

	"playtoken/store"
)

const (
	loginTimeout = 5 * time.Second

	// Between attempts to log in or renew, while Vault does not answer.
	firstPause   = 100 * time.Millisecond
	longestPause = 2 * time.Second

	// trusted is how long a token that we were given is taken to be alive when
	// Vault says no more than "permission denied".
	trusted = 30 * time.Second

	// unasked is how long nothing is asked about a token that was handed to
	// us: most verbs are done before.
	unasked = 5 * time.Second
)

// LoginState is how a Store is logged in.
type LoginState struct {
	Method    string    // "token", "approle" or "kubernetes"
	At        time.Time // of the last login; zero before the first
	ExpiresAt time.Time // of the token; zero if it does not, or we do not know
	Failures  int       // attempts to log in or renew that failed since one succeeded
}

// grant is one token: what a login yields, and renewals prolong.
type grant struct {
	client    *api.Client // carries the token, and stands for it
	at        time.Time
	full      time.Duration // what it was made for; 0: does not end, or unknown
	expiresAt time.Time
	renewable bool
}

// session keeps a store logged in. Its keeper renews tokens and replaces those
// that renewals prolong no more; requests that find their token dead ask for
// another. Either way there is one login at a time, and after one that failed
// none until a pause is over: meanwhile everybody gets its error at once.
type session struct {
	method    method
	anonymous *api.Client // carries no token
	// ask sends a request once.
	ask func(context.Context, *api.Client, request) ([]byte, error)
	log *slog.Logger

	ctx     context.Context // ends with the store
	running sync.WaitGroup

	mu       sync.Mutex
	current  grant         // zero before the first login
	busy     chan struct{} // closed when the login under way ends; nil if there is none
	failed   error         // how the last attempt failed
	failures int
	refusals int
	next     time.Time // no attempt before; when all is well, the next renewal
}

// start begins with a token, if one was handed to us.
func (s *session) start(token string) {
	s.next = time.Now()
	if s.method.prove == nil {
		s.current = grant{client: s.carrying(token), at: s.next}
		s.next = s.next.Add(unasked)
	}
	s.running.Go(s.keep)
}

// close waits for what runs. The session's context has ended before.
func (s *session) close() {
	s.mu.Lock() // a login that starts after this sees that the context has ended
	//lint:ignore SA2001 nothing is to be done under the lock
	s.mu.Unlock()
	s.running.Wait()
}

func (s *session) carrying(token string) *api.Client {
	client := s.anonymous.WithNamespace(s.anonymous.Namespace())
	client.SetToken(token)
	return client
}

func (s *session) state() LoginState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return LoginState{Method: s.method.name, At: s.current.at, ExpiresAt: s.current.expiresAt, Failures: s.failures}
}

// instead returns a token other than the stale one, and logs in if there is
// none; nil for stale takes any. Errors are store.ErrUnavailable.
func (s *session) instead(ctx context.Context, stale *api.Client) (grant, error) {
	for {
		g, busy, err := s.look(stale)
		if busy == nil {
			return g, err
		}
		select {
		case <-busy:
		case <-ctx.Done():
			return grant{}, fmt.Errorf("waiting for vault's login: %w: %w", store.ErrUnavailable, ctx.Err())
		}
	}
}

var errHandedOver = fmt.Errorf("%w: vault does not, or no longer, accept VAULT_TOKEN", store.ErrUnavailable)

// look returns a token, or what to wait for, or why there is neither.
func (s *session) look(stale *api.Client) (grant, <-chan struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.current.client != stale:
		return s.current, nil, nil
	case s.busy != nil:
		return grant{}, s.busy, nil
	case s.method.prove == nil:
		return grant{}, nil, errHandedOver
	case s.ctx.Err() != nil:
		return grant{}, nil, fmt.Errorf("vault login: %w: closed", store.ErrUnavailable)
	case s.failures > 0 && time.Now().Before(s.next):
		return grant{}, nil, s.failed
	}
	s.busy = make(chan struct{})
	s.running.Go(s.replace)
	return grant{}, s.busy, nil
}

// replace makes one attempt to log in.
func (s *session) replace() {
	asked := time.Now()
	l, err := s.logIn(s.ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	defer close(s.busy)
	defer func() { s.busy = nil }()
	if err != nil {
		s.fail("login", err)
		return
	}
	s.granted(grant{client: s.carrying(l.Token), at: asked, full: l.ttl(), renewable: l.Renewable}, l.ttl(), asked)
}

// granted makes g the current token, which has ttl left; 0: it does not end.
func (s *session) granted(g grant, ttl time.Duration, asked time.Time) {
	s.failed, s.failures, s.refusals = nil, 0, 0
	s.next = time.Time{}
	if ttl > 0 {
		g.expiresAt = asked.Add(ttl)
		// With a third left there is time for many attempts, and replicas that
		// started together do not come together.
		s.next = asked.Add(ttl*2/3 - rand.N(ttl/10))
	}
	s.current = g
}

// fail takes note of an attempt that failed, and says when the next may be.
func (s *session) fail(what string, err error) {
	s.failures++
	pause := min(firstPause<<min(s.failures-1, 10), longestPause)
	pause -= rand.N(pause / 2) // whoever waits for the same thing should not come at once
	if isRefusal(err) {
		s.refusals++
		pause = s.method.refused(s.refusals)
		pause += rand.N(pause / 10)
	}
	s.next = time.Now().Add(pause)
	// What went wrong with the login is not what went wrong with the request:
	// of the meaning of err, only the words go on.
	s.failed = fmt.Errorf("vault %s by %s: %w: %v", what, s.method.name, store.ErrUnavailable, err)
	if n := s.failures; n&(n-1) == 0 && s.ctx.Err() == nil { // 1, 2, 4, 8…
		s.log.Warn("vault "+what+" failed", "method", s.method.name, "failures", n, "again_in", pause.Round(time.Millisecond), "error", err)
	}
}

// keep does what is due, until the store is closed.
func (s *session) keep() {
	for {
		wait, g := s.due()
		select {
		case <-s.ctx.Done():
			return
		case <-time.After(wait):
		}
		if wait <= 0 {
			s.refresh(g)
		}
	}
}

// due says how long there is nothing to do: a minute at most, since requests
// may log in meanwhile.
func (s *session) due() (time.Duration, grant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next.IsZero() {
		return time.Minute, s.current
	}
	return min(time.Until(s.next), time.Minute), s.current
}

// refresh prolongs the token or replaces it. It is good meanwhile.
func (s *session) refresh(g grant) {
	handedOver := s.method.prove == nil
	switch {
	case handedOver && g.expiresAt.IsZero():
		s.examine(g)
	case g.client != nil && g.renewable && s.prolong(g):
	case handedOver:
		s.giveUp("it cannot be renewed any further")
	default:
		_, _ = s.instead(s.ctx, g.client) // an error is on record, and tried again
	}
}

// prolong renews the token. False means that renewals gain nothing any more.
func (s *session) prolong(g grant) bool {
	asked := time.Now()
	l, err := s.renew(s.ctx, g)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.current.client != g.client:
		return true // replaced meanwhile
	case isRefusal(err):
		return false
	case err != nil:
		s.fail("renewal", err)
		return true
	case l.ttl() < g.full: // what is left until its maximum
		s.current.expiresAt = asked.Add(l.ttl())
		return false
	}
	g.full, g.renewable = l.ttl(), l.Renewable
	s.granted(g, l.ttl(), asked)
	return true
}

// examine learns what there is to know about a token that was handed to us.
func (s *session) examine(g grant) {
	asked := time.Now()
	l, err := s.lookUp(s.ctx, g)
	if isRefusal(err) {
		s.giveUp("we may not look at it")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.fail("lookup", err)
		return
	}
	g.renewable = l.Renewable
	s.granted(g, l.ttl(), asked)
}

// giveUp leaves a token that was handed to us to whoever did that.
func (s *session) giveUp(why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = time.Time{}
	s.log.Warn("vault's token is not renewed: "+why, "expires_at", s.current.expiresAt)
}

func isRefusal(err error) bool {
	return errors.Is(err, ErrForbidden) || errors.Is(err, errRefused) || errors.Is(err, errDead)
}
