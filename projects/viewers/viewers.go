// Package viewers identifies viewers and decides whether they may watch: it
// verifies the tokens of a project's OpenID providers, and checks each mint with
// the project's rule and webhook.
//
// The decision a newcomer would get wrong: every doubt denies. A missing claim, a
// rule that costs too much, a webhook that is late or does not say yes: the viewer
// may not watch. Only two cases are "try again later", because they say nothing
// about the viewer: an issuer whose keys could never be read, and a webhook that
// has too many calls in progress.
package viewers

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"cel.dev/cel-go/cel"
	lru "github.com/hashicorp/golang-lru/v2"

	"playtoken/projects"
	"playtoken/store"
)

const (
	maxIssuers = 1024 // remembered, of all projects together
	maxRules   = 1024 // compiled and remembered, of all projects together
)

// Config configures Viewers.
type Config struct {
	// Allowed are addresses that issuers and webhooks may have in addition to
	// public ones: 127.0.0.0/8 in a demo, or an internal network. Plain http is
	// only for allowed loopback addresses.
	Allowed []netip.Prefix

	// Log gets the reasons of failed rules, webhooks and issuers, and never a
	// credential. Nil: nothing is logged.
	Log *slog.Logger

	// Clock is time.Now if nil.
	Clock func() time.Time

	// Watch is called with every outcome, for metrics: part is "issuer", "rule"
	// or "webhook"; outcome is "ok", "denied", "failed" or, for a webhook with
	// too many calls in progress, "full". The project is empty for an issuer,
	// which projects share. For the part "token", of a viewer who is not
	// accepted, the outcome is a Reason. It must not block. May be nil.
	Watch func(project, part, outcome string)

	// Transport is for tests. Nil: the transport that refuses addresses that are
	// neither public nor Allowed.
	Transport http.RoundTripper
}

// Viewers identifies viewers and decides whether they may watch. It is safe
// for concurrent use.
type Viewers struct {
	config       Config
	guard        guard
	next         http.RoundTripper
	env          *cel.Env
	issuers      *lru.Cache[string, *issuer]
	rules        *lru.Cache[string, *rule]
	webhookCalls turns
	failures     *lru.Cache[string, *failure] // by project and part

	ctx     context.Context // of renewals; ends with Close
	stop    context.CancelFunc
	mu      sync.Mutex // guards closed, and renewals.Add against Close
	closed  bool
	renewal sync.WaitGroup
}

// New makes no calls. Close must be called.
func New(config Config) (*Viewers, error) {
	env, err := newEnv()
	if err != nil {
		return nil, fmt.Errorf("rules: %w", err)
	}
	issuers, err := lru.New[string, *issuer](maxIssuers)
	if err != nil {
		return nil, fmt.Errorf("remember issuers: %w", err)
	}
	rules, err := lru.New[string, *rule](maxRules)
	if err != nil {
		return nil, fmt.Errorf("remember rules: %w", err)
	}
	failures, err := lru.New[string, *failure](maxFailures)
	if err != nil {
		return nil, fmt.Errorf("remember failures: %w", err)
	}
	v := &Viewers{config: config.complete(), guard: guard{config.Allowed}, env: env, issuers: issuers, rules: rules, failures: failures}
	v.next = v.config.Transport
	if v.next == nil {
		v.next = v.guard.transport(nil)
	}
	v.ctx, v.stop = context.WithCancel(context.Background())
	return v, nil
}

func (c Config) complete() Config {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Watch == nil {
		c.Watch = func(string, string, string) {}
	}
	return c
}

// Close cancels calls to issuers, waits for them, and closes idle connections.
// Callers that wait for an issuer get Unavailable.
func (v *Viewers) Close() {
	v.mu.Lock()
	v.closed = true
	v.mu.Unlock()
	v.stop()
	v.renewal.Wait()
	if idle, ok := v.next.(interface{ CloseIdleConnections() }); ok {
		idle.CloseIdleConnections()
	}
}

// background runs a renewal that Close cancels and waits for. It reports false
// after Close.
func (v *Viewers) background(renew func(context.Context)) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return false
	}
	v.renewal.Go(func() { renew(v.ctx) })
	return true
}

// Kind is the kind of caller that mints.
type Kind string

// The kinds, as rules and webhooks see them.
const (
	ByViewer Kind = "viewer"
	ByAPIKey Kind = "api_key"
	ByAdmin  Kind = "admin"
)

// Request asks whether a viewer may watch.
type Request struct {
	Caller    Kind
	CallerID  string // as in the audit log
	Viewer    Viewer
	VideoID   string
	ExpiresIn time.Duration // of the token that is asked for
	Signing   string        // the kind of token: "token", or the form of a signing route, as "sign/drm"
	DRMPolicy string        // that the token selects; empty: none
	BatchSize int           // of the request: how many tokens it asks for
	Origin    string        // of the page that calls; empty: not a browser
	IP        string        // of the caller's connection
	RequestID string
}

// Viewer is the viewer as far as known: by their token if they call themselves, or
// by what the request of an API key says.
type Viewer struct {
	ID     string         // the token's "sub", or viewer.id of the request
	Issuer string         // empty without a viewer's token
	IP     string         // the address to bind the playback token to, by the request; usually empty
	Claims map[string]any // of the viewer's token; whole numbers are int64
}

// NotEntitled says whether a project's rule or webhook denied. The reason is only
// in the log, and not for the viewer.
type NotEntitled struct {
	Rule string // "rule" or "webhook"
}

// Error implements error.
func (e *NotEntitled) Error() string {
	return "the project's " + e.Rule + " does not entitle this viewer"
}

// Unavailable is a store.ErrUnavailable of an issuer or webhook.
type Unavailable struct {
	What  string // for people
	After time.Duration
}

// Error implements error.
func (e *Unavailable) Error() string { return e.What }

// Unwrap makes it a store.ErrUnavailable.
func (e *Unavailable) Unwrap() error { return store.ErrUnavailable }

// RetryAfter is how long to wait before trying again.
func (e *Unavailable) RetryAfter() time.Duration { return e.After }

// Entitled checks one mint of any caller with the project's rule and then its
// webhook. It returns nil if the project has neither. Errors: *NotEntitled,
// *Unavailable, and the context's.
func (v *Viewers) Entitled(ctx context.Context, project projects.Project, request Request) error {
	policy := project.ViewerPolicy
	if policy.Rule == "" && policy.Webhook == nil {
		return nil
	}
	f := factsOf(project.ID, request, v.config.Clock())
	if policy.Rule != "" {
		if err := v.evaluateRule(ctx, policy.Rule, f); err != nil {
			return err
		}
		// The rule allows it; the webhook may still deny.
	}
	if policy.Webhook != nil {
		return v.callWebhook(ctx, project, claimOf(request), f)
	}
	return nil
}
