package client

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	minRetry     = time.Second
	maxRetry     = time.Hour
	defaultRetry = 30 * time.Second
)

// Pace keeps the calls made with one credential within what its platform
// allows. A nil Pace, like the zero value of each field, holds nothing back.
// It is safe for concurrent use and must not be copied.
type Pace struct {
	Limiter *rate.Limiter // our own count

	// Remaining names the header that counts down the calls left. When it
	// reaches 0, no call is sent for as many seconds as the header named by
	// Reset says, or else for Window (0: a minute).
	Remaining string
	Reset     string
	Window    time.Duration

	mu    sync.Mutex
	until time.Time // the platform wants no call before
	left  int       // what Remaining said last
	told  bool      // it said something
}

// Left is how many calls the platform still allows, by the newest answer that
// said so. Nobody knows for a nil Pace.
func (p *Pace) Left() (calls int, known bool) {
	if p == nil {
		return 0, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.left, p.told
}

// wait returns when the call may be sent; a *HeldError, at once, if that
// would be after the context's deadline.
func (p *Pace) wait(ctx context.Context) error {
	if p == nil {
		return nil
	}
	for held := p.held(); held > 0; held = p.held() {
		if err := sleep(ctx, held); err != nil {
			return err
		}
	}
	if p.Limiter == nil {
		return nil
	}
	turn := p.Limiter.Reserve()
	if !turn.OK() {
		return &HeldError{After: maxRetry} // a limiter that lets nothing through
	}
	if err := sleep(ctx, turn.Delay()); err != nil {
		turn.Cancel()
		return err
	}
	return nil
}

func (p *Pace) held() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Until(p.until)
}

// note learns from an answer.
func (p *Pace) note(resp *http.Response, now time.Time) {
	if p == nil {
		return
	}
	var hold time.Duration
	if resp.StatusCode == http.StatusTooManyRequests {
		hold = RetryAfter(resp.Header, now)
	}
	if p.Remaining != "" && strings.TrimSpace(resp.Header.Get(p.Remaining)) == "0" {
		hold = max(hold, p.reset(resp.Header))
	}
	left, err := strconv.Atoi(strings.TrimSpace(resp.Header.Get(p.Remaining)))
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil && left >= 0 {
		p.left, p.told = left, true
	}
	if until := now.Add(hold); hold > 0 && until.After(p.until) {
		p.until = until
	}
}

func (p *Pace) reset(header http.Header) time.Duration {
	if p.Reset != "" {
		if d, ok := seconds(header.Get(p.Reset)); ok {
			return clamp(d)
		}
	}
	if p.Window > 0 {
		return p.Window
	}
	return time.Minute
}

// sleep waits, or refuses to if the context would end first.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < d {
		return &HeldError{After: d}
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return &HeldError{After: d, cause: ctx.Err()}
	}
}

// RetryAfter reads the header of that name: seconds, or a date, which is
// compared with the answer's own Date so that the platform's clock may be
// wrong. It is between a second and an hour; thirty seconds if there is
// nothing that makes sense.
func RetryAfter(header http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(header.Get("Retry-After"))
	if d, ok := seconds(text); ok {
		return clamp(d)
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return defaultRetry
	}
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		now = date
	}
	return clamp(at.Sub(now))
}

// seconds reads a whole number of seconds, however large.
func seconds(text string) (time.Duration, bool) {
	text = strings.TrimSpace(text)
	if text == "" || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n > int64(math.MaxInt64/time.Second) {
		return math.MaxInt64, true
	}
	return time.Duration(n) * time.Second, true
}

func clamp(d time.Duration) time.Duration { return min(max(d, minRetry), maxRetry) }
