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

	"playtoken/secret"
	"playtoken/store"
)

const (
	loginTimeout = 5 * time.Second

	// The pauses between logins or renewals while Vault does not respond.
	firstPause   = 100 * time.Millisecond
	longestPause = 2 * time.Second

	// trusted is how long a new token is taken to be valid when Vault says no
	// more than "permission denied".
	trusted = 30 * time.Second

	// unasked is how long a configured token is not looked up. Most commands
	// end before.
	unasked = 5 * time.Second
)

// LoginState describes the login of a Store.
type LoginState struct {
	Method    string    // "token", "approle", "kubernetes", "jwt" or "cert"
	At        time.Time // of the last login; zero before the first
	ExpiresAt time.Time // of the token; zero: never, or unknown
	Failures  int       // logins and renewals that failed since the last success; of a replaced secret id, since its first login
	LockedOut bool      // Vault refuses every login of the role, see LockedOut
}

// grant is a token with its lease.
type grant struct {
	client    *api.Client // sends the token; identifies the grant
	at        time.Time
	full      time.Duration // the lease when it was granted; 0: no end, or unknown
	expiresAt time.Time
	renewAt   time.Time // zero: it has no end, or it is unknown
	renewable bool
}

// session keeps a store logged in. In the background it renews the token, and
// replaces it once renewals no longer extend it. A request whose token Vault
// rejects requests another one. Only one login runs at a time. After a login
// that failed there is a pause, in which all requests fail with its error.
//
// A secret id that replaces another is unproven until a login with it works. The
// token that there is goes on being renewed meanwhile, but no renewal hides that
// the next login will fail.
type session struct {
	method    method
	anonymous *api.Client // without a token
	// send sends a request exactly once.
	send func(context.Context, *api.Client, request) ([]byte, error)
	log  *slog.Logger
	// locked describes the lock of the role that is logged in as.
	locked LockedOut

	ctx     context.Context // ends with the store
	running sync.WaitGroup
	wake    chan struct{} // of size one: the plan of the next attempt has changed

	mu       sync.Mutex
	secretID secret.Value
	replaced int           // counts replacements of the secret id
	unproven bool          // no login with the secret id has worked since it replaced another
	current  grant         // zero before the first login
	busy     chan struct{} // closed when the running login ends; nil if no login runs
	failed   error         // of the last attempt
	failures int
	refusals int       // of the secret id in use
	lockout  bool      // the last login was refused as one of a locked role
	next     time.Time // of the next attempt, or renewal; zero: none is planned
	paused   time.Time // no login before
}

// start starts the background work, with the configured token if the method is
// token.
func (s *session) start(token string) {
	s.next = time.Now()
	if s.method.prove == nil {
		s.current = grant{client: s.carrying(token), at: s.next}
		s.next = s.next.Add(unasked)
	}
	s.running.Go(s.keep)
}

// close waits for the background work. The context of the session must have
// ended.
func (s *session) close() {
	s.mu.Lock() // a login that starts after this sees that the context has ended
	//lint:ignore SA2001 the lock only waits for a login that starts
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
	return LoginState{
		Method: s.method.name, At: s.current.at, ExpiresAt: s.current.expiresAt, Failures: s.failures, LockedOut: s.lockout,
	}
}

// instead returns a token other than stale, and logs in to obtain it if need be.
// With a nil stale it returns any token. Errors: store.ErrUnavailable.
func (s *session) instead(ctx context.Context, stale *api.Client) (grant, error) {
	for {
		g, busy, err := s.look(stale)
		if busy == nil {
			return g, err
		}
		select {
		case <-busy:
		case <-ctx.Done():
			return grant{}, fmt.Errorf("wait for the login to vault: %w: %w", store.ErrUnavailable, ctx.Err())
		}
	}
}

var errHandedOver = fmt.Errorf("%w: VAULT_TOKEN is invalid or has expired", store.ErrUnavailable)

// look returns a token, or a channel to wait for, or an error.
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
		return grant{}, nil, fmt.Errorf("vault login: %w: the store is closed", store.ErrUnavailable)
	case s.failures > 0 && time.Now().Before(s.paused):
		return grant{}, nil, s.failed
	}
	s.busy = make(chan struct{})
	s.running.Go(s.replace)
	return grant{}, s.busy, nil
}

// replace makes one attempt to log in.
func (s *session) replace() {
	s.mu.Lock()
	secretID, replaced := s.secretID, s.replaced
	s.mu.Unlock()
	asked := time.Now()
	l, err := s.logIn(s.ctx, secretID)
	s.mu.Lock()
	defer s.mu.Unlock()
	defer close(s.busy)
	defer func() { s.busy = nil }()
	switch {
	case err != nil && replaced != s.replaced: // it was the old secret id that failed
		s.again()
		return
	case err != nil:
		s.fail("login", err)
		s.paused = s.next
		if renew := s.current.renewAt; s.current.renewable && !renew.IsZero() && renew.Before(s.next) {
			s.next = renew
		}
		return
	}
	s.admitted()
	s.granted(grant{client: s.carrying(l.Token), at: asked, full: l.ttl(), renewable: l.Renewable}, l.ttl(), asked)
}

// admitted records a login that worked. The lock is held.
func (s *session) admitted() {
	if s.lockout {
		s.log.Info("vault admits logins of the role again")
	}
	s.refusals, s.lockout, s.unproven = 0, false, false
}

// granted makes g the current token, which expires after ttl; 0: never.
func (s *session) granted(g grant, ttl time.Duration, asked time.Time) {
	if !s.unproven {
		s.failed, s.failures = nil, 0
	}
	s.next, g.renewAt, g.expiresAt = time.Time{}, time.Time{}, time.Time{}
	if ttl > 0 {
		g.expiresAt = asked.Add(ttl)
		// With a third of the lease left there is time for many attempts. The
		// random part keeps replicas that started together apart.
		g.renewAt = asked.Add(ttl*2/3 - rand.N(ttl/10))
		s.next = g.renewAt
	}
	if s.unproven && (s.next.IsZero() || s.paused.Before(s.next)) {
		s.next = s.paused
	}
	s.current = g
}

// fail records an attempt that failed and plans the next one.
func (s *session) fail(what string, err error) {
	s.failures++
	pause := min(firstPause<<min(s.failures-1, 10), longestPause)
	pause -= rand.N(pause / 2) // so that replicas do not retry at the same time
	was := s.lockout
	if isRefusal(err) {
		pause = s.refused(err)
	}
	s.next = time.Now().Add(pause)
	if !s.unproven {
		s.paused = s.next
	}
	// A request that waits for the login gets the text of err but not its
	// meaning, which is about the login.
	s.failed = fmt.Errorf("vault %s by %s: %w: %v", what, s.method.name, store.ErrUnavailable, err)
	if s.lockout {
		s.failed = fmt.Errorf("vault %s by %s: %w: %w", what, s.method.name, store.ErrUnavailable, &s.locked)
		err = &s.locked
	}
	if n := s.failures; (n&(n-1) == 0 || s.lockout && !was) && s.ctx.Err() == nil { // 1, 2, 4, 8…
		s.log.Warn("vault "+what+" failed", "method", s.method.name, "failures", n, "again_in", pause.Round(time.Millisecond), "error", err)
	}
}

// keep renews and replaces tokens until the store is closed.
func (s *session) keep() {
	for {
		wait, g := s.due()
		select {
		case <-s.ctx.Done():
			return
		case <-s.wake:
			continue
		case <-time.After(wait):
		}
		if wait <= 0 {
			s.refresh(g)
		}
	}
}

// due returns how long to wait before the next refresh: at most a minute, because
// requests may log in meanwhile.
func (s *session) due() (time.Duration, grant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next.IsZero() {
		return time.Minute, s.current
	}
	return min(time.Until(s.next), time.Minute), s.current
}

// refresh renews the token, which is still valid, or replaces it.
func (s *session) refresh(g grant) {
	handedOver := s.method.prove == nil
	switch {
	case s.proofDue(g):
		_, _ = s.instead(s.ctx, g.client) // fail has recorded the error
	case handedOver && g.expiresAt.IsZero():
		s.examine(g)
	case g.client != nil && g.renewable && s.prolong(g):
	case handedOver:
		s.giveUp(g, "it cannot be renewed any further")
	default:
		if _, err := s.instead(s.ctx, g.client); err != nil { // fail has recorded it
			s.rest()
		}
	}
}

// proofDue reports whether to try a secret id again with which no login has worked.
// Renewals come first: the token may be the last one for a while.
func (s *session) proofDue(g grant) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	return s.unproven && !now.Before(s.paused) && (g.renewAt.IsZero() || now.Before(g.renewAt))
}

// rest plans nothing before the next login: the token cannot be renewed.
func (s *session) rest() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next.Before(s.paused) {
		s.next = s.paused
	}
}

// prolong renews the token. It returns false if renewals no longer extend it.
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
	case l.ttl() < g.full: // the rest until the maximum of the token
		s.current.expiresAt = asked.Add(l.ttl())
		return false
	}
	g.full, g.renewable = l.ttl(), l.Renewable
	s.granted(g, l.ttl(), asked)
	return true
}

// examine looks up the lease of a configured token.
func (s *session) examine(g grant) {
	asked := time.Now()
	l, err := s.lookUp(s.ctx, g)
	if isRefusal(err) {
		s.giveUp(g, "its policies do not allow it to look itself up")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.current.client != g.client:
		return // replaced meanwhile
	case err != nil:
		s.fail("lookup", err)
		return
	}
	g.renewable = l.Renewable
	s.granted(g, l.ttl(), asked)
}

// giveUp ends the renewal of a configured token, which the operator must replace.
func (s *session) giveUp(g grant, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current.client != g.client {
		return // replaced meanwhile
	}
	s.next = time.Time{}
	s.log.Warn("the Vault token is not renewed: "+why, "expires_at", s.current.expiresAt)
}

func isRefusal(err error) bool {
	return errors.Is(err, ErrForbidden) || errors.Is(err, errRefused) || errors.Is(err, errDead)
}
