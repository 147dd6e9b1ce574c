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
	// Reset says, or else for Window (0: a minute). Limit names the header
	// with the calls in all.
	Remaining string
	Reset     string
	Limit     string
	Window    time.Duration

	// Low is how many calls left are few. They are spread over a Window: who
	// else spends them, such as another process, finds its share, and the
	// fewer are left the slower we all become.
	Low int

	mu    sync.Mutex
	until time.Time // the platform wants no call before
	left  int       // what Remaining said last
	told  bool      // it said something
	limit int       // what Limit said last
}

// Left is how many calls the platform still allows, by the newest answer that
// said so. A nil Pace never knows.
func (p *Pace) Left() (calls int, known bool) {
	if p == nil {
		return 0, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.left, p.told
}

// Allowed is how many calls the platform allows in a window, by the newest
// answer that said so; 0 if none did.
func (p *Pace) Allowed() int {
	if p == nil {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.limit
}

// wait returns when the call may be sent; a *HeldError, at once, if that
// would not be before the context's deadline.
func (p *Pace) wait(ctx context.Context) error {
	if p == nil {
		return nil
	}
	if err := p.pass(ctx); err != nil || p.Limiter == nil {
		return err
	}
	turn := p.Limiter.Reserve()
	if !turn.OK() {
		return &HeldError{After: maxRetry} // a limiter that lets nothing through
	}
	if err := sleep(ctx, turn.Delay()); err != nil {
		turn.Cancel()
		return err
	}
	return p.pass(ctx) // the platform may have spoken meanwhile
}

// pass waits until the platform wants calls.
func (p *Pace) pass(ctx context.Context) error {
	for held := p.held(); held > 0; held = p.held() {
		if err := sleep(ctx, held); err != nil {
			return err
		}
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
	left, told := count(resp.Header, p.Remaining)
	limit, limited := count(resp.Header, p.Limit)
	hold := p.hold(resp, left, told, now)
	p.mu.Lock()
	defer p.mu.Unlock()
	if told {
		p.left, p.told = left, true
	}
	if limited {
		p.limit = limit
	}
	if until := now.Add(hold); hold > 0 && until.After(p.until) {
		p.until = until
	}
}

// hold is how long an answer has us wait.
func (p *Pace) hold(resp *http.Response, left int, told bool, now time.Time) time.Duration {
	var hold time.Duration
	if told && left <= p.Low { // 0 is low always
		hold = p.reset(resp.Header) / time.Duration(left+1)
	}
	if resp.StatusCode == http.StatusTooManyRequests {
		hold = max(hold, p.retryAfter(resp.Header, now))
	}
	return hold
}

// retryAfter is RetryAfter; where the platform does not say, a window.
func (p *Pace) retryAfter(header http.Header, now time.Time) time.Duration {
	if p != nil && p.Window > 0 && header.Get("Retry-After") == "" {
		return clamp(p.Window)
	}
	return RetryAfter(header, now)
}

// count reads a header that holds a number of calls.
func count(header http.Header, name string) (calls int, ok bool) {
	if name == "" {
		return 0, false
	}
	calls, err := strconv.Atoi(strings.TrimSpace(header.Get(name)))
	return calls, err == nil && calls >= 0
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

// sleep waits, or refuses to if that would leave no time for the call: one that
// is sent as its context ends may take effect without a response.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= d {
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
