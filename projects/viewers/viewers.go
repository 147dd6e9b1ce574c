// Package viewers knows who watches, and asks whether they may: it verifies
// the tokens of a project's OpenID providers, and puts each mint to the
// project's rule and webhook.
//
// The decision a newcomer would get wrong: every doubt denies. A claim that
// is not there, a rule that does not end, a webhook that is late or says
// something else than yes: nobody watches. Only two things are "come back
// later" instead, because they say nothing about the viewer: an issuer whose
// keys we never got, and a webhook with more questions under way than it may
// have.
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

// Config says how viewers are known and who is asked about them.
type Config struct {
	// Allowed are addresses that issuers and webhooks may have beside public
	// ones: 127.0.0.0/8 in a demo, an internal network. Plain http is for
	// allowed loopback addresses only.
	Allowed []netip.Prefix

	// Log hears why a rule or a webhook denied and why an issuer was not
	// reached, never of credentials. Nil: nobody does.
	Log *slog.Logger

	// Clock is time.Now if nil.
	Clock func() time.Time

	// Watch is told how every question ended, for counting: part is "issuer",
	// "rule" or "webhook"; outcome "ok", "denied", "failed" or, of a webhook
	// that was not asked, "full". It must not block. Optional.
	Watch func(part, outcome string)

	// Transport is for tests; nil means our own, which refuses addresses that
	// are neither public nor Allowed.
	Transport http.RoundTripper
}

// Viewers identifies viewers and decides whether they may watch. It is safe
// for concurrent use.
type Viewers struct {
	config  Config
	guard   guard
	next    http.RoundTripper
	env     *cel.Env
	issuers *lru.Cache[string, *issuer]
	rules   *lru.Cache[string, *rule]
	asking  slots

	ctx     context.Context // of renewals; ends with Close
	stop    context.CancelFunc
	mu      sync.Mutex // guards closed, and renewals.Add against Close
	closed  bool
	renewal sync.WaitGroup
}

// New calls nobody. Close must be called.
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
	v := &Viewers{config: config.complete(), guard: guard{config.Allowed}, env: env, issuers: issuers, rules: rules}
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
		c.Watch = func(string, string) {}
	}
	return c
}

// Close ends what is under way at issuers, waits for it, and closes idle
// connections. Callers that wait for an issuer are told it is unavailable.
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

// background runs a renewal that Close ends and waits for; not after Close.
func (v *Viewers) background(renew func(context.Context)) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return false
	}
	v.renewal.Go(func() { renew(v.ctx) })
	return true
}

// Kind is what sort of caller wants to mint.
type Kind string

// The kinds, as rules and webhooks see them.
const (
	ByViewer Kind = "viewer"
	ByAPIKey Kind = "api_key"
	ByAdmin  Kind = "admin"
)

// Request is the question whether somebody may watch.
type Request struct {
	Caller    Kind
	Viewer    Viewer
	VideoID   string
	ExpiresIn time.Duration // of the token that is asked for
	Origin    string        // of the page that calls; empty: not a browser
	IP        string        // of the caller
	RequestID string
}

// Viewer is who would watch, as far as known. A viewer who calls is known by a
// token; of whom an API key asks for, only the id and what the request says.
type Viewer struct {
	ID     string         // the token's "sub", or viewer.id of the request
	Issuer string         // empty: no token said so
	IP     string         // that the playback token is to be bound to; usually empty
	Claims map[string]any // of the viewer's token; whole numbers are int64
}

// NotEntitled says which of a project's decisions went against the viewer. Why
// is not for the viewer, and only in the log.
type NotEntitled struct {
	Rule string // "rule" or "webhook"
}

// Error implements error.
func (e *NotEntitled) Error() string {
	return "the project's " + e.Rule + " does not entitle this viewer"
}

// Unavailable is a store.ErrUnavailable of somebody whom we have to request.
type Unavailable struct {
	What  string // for people
	After time.Duration
}

// Error implements error.
func (e *Unavailable) Error() string { return e.What }

// Unwrap says that nothing is wrong with the request.
func (e *Unavailable) Unwrap() error { return store.ErrUnavailable }

// RetryAfter is when asking again is worth it.
func (e *Unavailable) RetryAfter() time.Duration { return e.After }

// Entitled asks the project's rule and then its webhook about one mint,
// whoever the caller is; nil where the project has neither. Errors:
// *NotEntitled, *Unavailable, and the context's.
func (v *Viewers) Entitled(ctx context.Context, project projects.Project, request Request) error {
	policy := project.ViewerPolicy
	if policy.Rule == "" && policy.Webhook == nil {
		return nil
	}
	f := factsOf(project.ID, request, v.config.Clock())
	if policy.Rule != "" {
		if err := v.askRule(ctx, policy.Rule, f); err != nil {
			return err
		}
		// The rule entitles, and the webhook has the last word.
	}
	if policy.Webhook != nil {
		return v.askWebhook(ctx, project, f)
	}
	return nil
}
