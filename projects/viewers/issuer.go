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

	// An issuer is asked again for its keys when they are renewAfter old, and
	// whenever a token names one that we do not know, but no sooner than pause
	// after the last time: whoever makes up key ids reaches us, not the issuer.
	renewAfter = 5 * time.Minute
	pause      = 5 * time.Second
	// Until waitAfter a renewal holds up nobody whose key is known. Keys that
	// could not be renewed go on until keepFor: an issuer that is down locks
	// nobody out, but a key that it took back does not live for ever.
	waitAfter = time.Hour
	keepFor   = 24 * time.Hour
)

var (
	errNoKey  = errors.New("no key of the issuer fits")
	errClosed = errors.New("shutting down")
)

// issuer is what we know of one OpenID provider. Each has its own lock, and no
// call is made under it: a slow issuer holds up its own viewers alone.
type issuer struct {
	url string

	mu     sync.Mutex
	known  keySet        // nil: never got any
	since  time.Time     // when known was asked for
	tried  time.Time     // when the issuer was last asked
	failed error         // of the last time it was asked and that ended
	flight chan struct{} // closed when the one renewal under way has ended; nil: none is
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

// within reports whether age is below limit. A clock that was set back makes
// everything old, not new.
func within(age, limit time.Duration) bool { return age >= 0 && age < limit }

// find hands the issuer's keys to try, which reports whether they will do; if
// they do not, once more when they have been renewed. Errors: errNoKey,
// *Unavailable, and the context's.
func (v *Viewers) find(ctx context.Context, i *issuer, try func(keySet) bool) error {
	if set, wait := v.look(i); !wait && try(set) {
		return nil
	}
	if flight := v.renew(i); flight != nil {
		select {
		case <-flight:
		case <-ctx.Done():
			return fmt.Errorf("wait for the keys of the issuer: %w", ctx.Err())
		}
	}
	set, failed, retry := i.outcome(v.config.Clock())
	switch {
	case try(set):
		return nil
	case failed != nil:
		return &Unavailable{What: "the issuer of the viewer's token is not available", After: retry}
	}
	return errNoKey
}

// look returns what is known, and whether it is too old to be used without
// waiting for a renewal. Keys that are merely old are renewed meanwhile.
func (v *Viewers) look(i *issuer) (set keySet, wait bool) {
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

// renew asks the issuer, unless it is being asked, and returns what is closed
// when that has ended; nil if it was asked a moment ago.
func (v *Viewers) renew(i *issuer) <-chan struct{} {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := v.config.Clock()
	if i.flight != nil {
		return i.flight
	}
	if !i.tried.IsZero() && within(now.Sub(i.tried), pause) {
		return nil
	}
	i.tried, i.flight = now, make(chan struct{})
	if !v.background(func(ctx context.Context) { v.fly(ctx, i, now) }) {
		i.failed, i.flight = errClosed, nil
		return nil
	}
	return i.flight
}

// fly asks the issuer and tells whoever waits.
func (v *Viewers) fly(ctx context.Context, i *issuer, began time.Time) {
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
	close(i.flight)
	i.flight = nil
}

func (v *Viewers) report(ctx context.Context, url string, err error) {
	if err == nil {
		v.config.Watch("issuer", "ok")
		return
	}
	v.config.Watch("issuer", "failed")
	v.config.Log.LogAttrs(ctx, slog.LevelWarn, "issuer not reached", slog.String("issuer", url), slog.String("error", brief(err.Error())))
}

// outcome is how things stand after a renewal, or without one.
func (i *issuer) outcome(now time.Time) (set keySet, failed error, retry time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if within(now.Sub(i.since), keepFor) {
		set = i.known
	}
	return set, i.failed, max(time.Second, i.tried.Add(pause).Sub(now))
}
