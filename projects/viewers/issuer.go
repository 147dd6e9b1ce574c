package viewers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

const (
	fetchTimeout = 5 * time.Second // discovery and keys together

	// An issuer's keys are renewed when they are renewAfter old, and when a token
	// names an unknown one, but no sooner than pause after the last time: a client
	// that invents key ids must not cause a call for each.
	renewAfter = 5 * time.Minute
	pause      = 5 * time.Second
	// Up to the age waitAfter, viewers whose key is known do not wait for a
	// renewal. Keys that could not be renewed are used until keepFor: viewers are
	// not locked out while an issuer is down, but a key that it withdrew is not
	// accepted for ever.
	waitAfter = time.Hour
	keepFor   = 24 * time.Hour
)

var (
	errNoKey  = errors.New("no key of the issuer verifies the token")
	errClosed = errors.New("the service is shutting down")
)

// issuer is the cached state of one OpenID provider. Each has its own lock, and no
// call is made while it is held: a slow issuer delays only its own viewers.
type issuer struct {
	url string

	mu      sync.Mutex
	known   keySet        // nil: never read
	since   time.Time     // when the read of known began
	tried   time.Time     // when the last renewal began
	failed  error         // of the last renewal that ended
	renewal chan struct{} // closed when the renewal in progress ends; nil otherwise
}

func (v *Viewers) issuer(url string) *issuer {
	if i, known := v.issuers.Get(url); known {
		return i
	}
	i := &issuer{url: url}
	if other, there, _ := v.issuers.PeekOrAdd(url, i); there {
		return other
	}
	return i
}

// within reports whether age is below limit. After a clock was set back, every age
// counts as too large.
func within(age, limit time.Duration) bool { return age >= 0 && age < limit }

// find calls try with the issuer's keys, and again with renewed keys if it reports
// that none fits. Errors: errNoKey, *Unavailable, and the context's.
func (v *Viewers) find(ctx context.Context, i *issuer, try func(keySet) bool) error {
	if set, wait := v.current(i); !wait && try(set) {
		return nil
	}
	if renewal := v.renew(i); renewal != nil {
		select {
		case <-renewal:
		case <-ctx.Done():
			return fmt.Errorf("wait for the keys of the issuer: %w", ctx.Err())
		}
	}
	set, retry, failed := i.outcome(v.config.Clock())
	switch {
	case try(set):
		return nil
	case failed != nil:
		return &Unavailable{What: "the issuer of the viewer's token is unavailable", After: retry}
	}
	return errNoKey
}

// current returns the cached keys, and whether the caller has to wait for a
// renewal. Keys that are old but usable are renewed in the background.
func (v *Viewers) current(i *issuer) (set keySet, wait bool) {
	i.mu.Lock()
	age := v.config.Clock().Sub(i.since)
	set, failed := i.known, i.failed
	i.mu.Unlock()
	if set != nil && within(age, renewAfter) {
		return set, false
	}
	usable := set != nil && (within(age, waitAfter) || failed != nil && within(age, keepFor))
	if usable {
		v.renew(i)
	}
	return set, !usable
}

// renew begins a renewal unless one is in progress, and returns a channel that is
// closed when it ends; nil if the last renewal was a moment ago.
func (v *Viewers) renew(i *issuer) <-chan struct{} {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := v.config.Clock()
	if i.renewal != nil {
		return i.renewal
	}
	if !i.tried.IsZero() && within(now.Sub(i.tried), pause) {
		return nil
	}
	i.tried, i.renewal = now, make(chan struct{})
	if !v.background(func(ctx context.Context) { v.runRenewal(ctx, i, now) }) {
		i.failed, i.renewal = errClosed, nil
		return nil
	}
	return i.renewal
}

// runRenewal reads the issuer's keys and wakes the viewers that wait for them.
func (v *Viewers) runRenewal(ctx context.Context, i *issuer, began time.Time) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	set, err := v.fetch(ctx, i.url)
	v.report(ctx, i.url, err)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.failed = err
	if err == nil {
		i.known, i.since = set, began
	}
	close(i.renewal)
	i.renewal = nil
}

func (v *Viewers) report(ctx context.Context, url string, err error) {
	if err == nil {
		v.config.Watch("", "issuer", "ok")
		return
	}
	v.config.Watch("", "issuer", "failed")
	v.config.Log.LogAttrs(ctx, slog.LevelWarn, "cannot read the keys of an issuer", slog.String("issuer", url), slog.String("error", brief(err.Error())))
}

// outcome returns the keys that may be used now, when the next renewal may
// begin, and the error of the last one.
func (i *issuer) outcome(now time.Time) (set keySet, retry time.Duration, failed error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if within(now.Sub(i.since), keepFor) {
		set = i.known
	}
	return set, max(time.Second, i.tried.Add(pause).Sub(now)), i.failed
}
