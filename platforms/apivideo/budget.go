package apivideo

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"playtoken/signer"
)

const (
	window     = time.Minute     // that reads are counted in
	maxWait    = 3 * time.Second // for one's turn
	maxWaiting = 1024            // for all videos
	maxPerOne  = 128             // for one video
	maxLimit   = 1 << 20         // the most reads in a window that are believed
)

// The headers of every answer.
const (
	limitHeader     = "X-RateLimit-Limit"
	remainingHeader = "X-RateLimit-Remaining"
	resetHeader     = "X-RateLimit-Retry-After" // seconds until the window ends
)

// spent is a call that was not sent: its turn would come too late.
type spent struct{ after time.Duration }

func (s *spent) Error() string {
	return fmt.Sprintf("%s: the reads that api.video allows in a minute are used up; retry in %s",
		signer.ErrUnavailable, s.after.Round(time.Second))
}

// Is makes it a signer.ErrUnavailable.
func (s *spent) Is(target error) bool { return target == signer.ErrUnavailable }

// RetryAfter is when its turn would come.
func (s *spent) RetryAfter() time.Duration { return s.after }

// budget shares out the reads that the platform allows in a minute. It counts
// for itself and believes the platform, which also sees other processes.
//
// Half of a window may be used as fast as it is asked for. The other half is
// kept for its time: at any moment as much of it as there is time left. So
// however fast one video's viewers come, those of others have their turn until
// the window's end; and turns go round by video, not by who asks more often.
type budget struct {
	mu        sync.Mutex
	limit     int // reads in a window
	remaining int // of limit
	ends      time.Time
	told      bool // the platform said when this window ends
	known     bool // the platform said so at least once

	lines   map[string][]*waiter // by video; none is empty
	round   []string             // the videos in lines, next one first
	waiting int
}

// waiter waits for its turn, which comes when granted is closed.
type waiter struct {
	cost    int
	granted chan struct{}
}

func newBudget(limit int) *budget {
	return &budget{limit: limit, lines: map[string][]*waiter{}}
}

// take returns when as many reads as cost may be sent for a video, or an error
// after a few seconds at most: *spent, or the context's.
func (b *budget) take(ctx context.Context, video string, cost int) error {
	deadline := time.Now().Add(maxWait)
	if until, ok := ctx.Deadline(); ok && until.Before(deadline) {
		deadline = until
	}
	w := &waiter{cost: cost, granted: make(chan struct{})}
	if err := b.join(video, w); err != nil {
		return err
	}
	for {
		after := b.serve(w)
		if after <= 0 {
			return nil
		}
		if time.Until(deadline) < after {
			return b.leave(video, w, &spent{max(after, time.Second)})
		}
		if err := w.sleep(ctx, after); err != nil {
			return b.leave(video, w, err)
		}
	}
}

func (w *waiter) sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-w.granted:
	case <-timer.C:
	case <-ctx.Done():
		return fmt.Errorf("wait for api.video's rate limit: %w", ctx.Err())
	}
	return nil
}

func (b *budget) join(video string, w *waiter) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	line := b.lines[video]
	if b.waiting >= maxWaiting || len(line) >= maxPerOne {
		return &spent{max(b.next(time.Now(), w.cost), time.Second)}
	}
	if len(line) == 0 {
		b.round = append(b.round, video)
	}
	b.lines[video] = append(line, w)
	b.waiting++
	return nil
}

// leave gives a place in the line back, or what was granted meanwhile.
func (b *budget) leave(video string, w *waiter, err error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-w.granted:
		return nil // it came with the deadline: take it
	default:
	}
	line := slices.DeleteFunc(b.lines[video], func(other *waiter) bool { return other == w })
	b.lines[video] = line
	b.waiting--
	if len(line) == 0 {
		delete(b.lines, video)
		b.round = slices.DeleteFunc(b.round, func(other string) bool { return other == video })
	}
	return err
}

// serve grants all turns that have come, and returns after how long it is
// worth asking again; 0 if w has had its turn.
func (b *budget) serve(w *waiter) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	for len(b.round) > 0 {
		video := b.round[0]
		line := b.lines[video]
		if after := b.next(now, line[0].cost); after > 0 {
			select {
			case <-w.granted:
				return 0
			default:
				return after
			}
		}
		b.remaining -= line[0].cost
		close(line[0].granted)
		b.waiting--
		b.round = b.round[1:]
		if b.lines[video] = line[1:]; len(line) > 1 {
			b.round = append(b.round, video)
		} else {
			delete(b.lines, video)
		}
	}
	return 0
}

// next is after how long cost reads may be sent; 0: now.
func (b *budget) next(now time.Time, cost int) time.Duration {
	if !now.Before(b.ends) { // a new window
		b.remaining, b.ends, b.told = b.limit, now.Add(window), false
	}
	left := b.ends.Sub(now)
	spare := b.remaining - cost
	if spare < 0 {
		return left
	}
	// Of the kept half, as much is kept as there is time left.
	return max(0, left-window*2*time.Duration(spare)/time.Duration(b.limit))
}

// spendNow spends a read that waits for no turn: the second try of one that
// had its turn, or one that asks how things are.
func (b *budget) spendNow() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.remaining--
}

// giveBack returns a read that was spent and not sent.
func (b *budget) giveBack() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.remaining++
}

// answered learns from the answer to a read. Answers overtake each other, so
// within a window our own count only goes down.
func (b *budget) answered(resp *http.Response, now time.Time) {
	limit, ok1 := number(resp.Header, limitHeader, 1, maxLimit)
	remaining, ok2 := number(resp.Header, remainingHeader, 0, maxLimit)
	reset, ok3 := number(resp.Header, resetHeader, 0, int(window/time.Second))
	b.mu.Lock()
	defer b.mu.Unlock()
	if resp.StatusCode == http.StatusTooManyRequests {
		limit, remaining, ok1, ok2 = max(limit, b.limit), 0, true, true
	}
	if !ok1 || !ok2 {
		return
	}
	if !ok3 {
		reset = int(window / time.Second)
	}
	// How the platform rounds to seconds is unknown: the window has certainly
	// ended a second later.
	b.learn(limit, remaining, now.Add(time.Duration(reset)*time.Second+time.Second))
}

func (b *budget) learn(limit, remaining int, ends time.Time) {
	const same = 2 * time.Second // ends that differ by less are of the same window
	later := ends.Sub(b.ends)
	if b.told && later < -same {
		return // it was overtaken by the first one of this window
	}
	b.remaining += max(0, limit-b.limit)
	if later > same { // the platform's next window
		b.remaining, b.ends = limit, ends
	}
	b.remaining = min(b.remaining, remaining)
	if !b.told || later < 0 { // the earliest end is the closest
		b.ends = ends
	}
	b.limit, b.told, b.known = limit, true, true
}

// wait is after how long a mint could have its turn.
func (b *budget) wait() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.next(time.Now(), readsPerMint)
}

// left is what Health says of it.
func (b *budget) left() (limit, remaining int, known bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.limit, max(0, b.remaining), b.known
}

// callsLeft implements platforms.Platform.CallsLeft.
func (b *budget) callsLeft() (calls int, known bool) {
	_, calls, known = b.left()
	return calls, known
}

// number reads a whole number from a header; what is beyond the bounds is
// brought within them, and what is no number is not there.
func number(header http.Header, name string, low, high int) (int, bool) {
	text := strings.TrimSpace(header.Get(name))
	if text == "" || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		n = high // longer than any int
	}
	return min(max(n, low), high), true
}

// metered tells the budget of every answer to a read.
type metered struct {
	next   http.RoundTripper
	budget *budget
}

// RoundTrip implements http.RoundTripper.
func (m metered) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := m.next.RoundTrip(req)
	if err == nil {
		m.budget.answered(resp, time.Now())
	}
	return resp, err
}
