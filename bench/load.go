package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// The numbers of concurrent requests: more than there are cores, so that a
// server never waits for the next one, and few enough for short response times.
const connections, batchConnections = 16, 4

// patience is how long a response may take before the run fails.
const patience = 30 * time.Second

// load sends requests to one server on a few connections. All servers get their requests from it, so that
// ratios are fair, and its own CPU time is in none of them. It takes the place
// of wrk, which could make each request different only in Lua, at no lower a
// cost; which counts refused requests, where this one ends the run; and which
// would have to be installed.
type load struct {
	address string
	// request appends the n-th HTTP/1.1 request.
	request     func(dst []byte, n uint64) []byte
	connections int
	status      int // of every response
	counts      int // tokens in one response
	// pace is how many requests are sent in a second, at random moments, whether or
	// not those before have their responses. Without it, and while it is 0, a
	// connection sends the next request as soon as it has a response.
	pace func() float64

	rate float64 // responses in a second, of the last drive
	next atomic.Uint64
	size atomic.Int64 // of the body of the first response
}

// drive sends requests for this long. It returns once the requests that were
// sent by then have their responses, and counts those too.
func (l *load) drive(ctx context.Context, d time.Duration) (score, error) {
	began := time.Now()
	due := l.schedule(began)
	times := make([][]time.Duration, l.connections)
	all, ctx := errgroup.WithContext(ctx)
	for i := range times {
		all.Go(func() (err error) {
			times[i], err = l.converse(ctx, due, began.Add(d))
			return err
		})
	}
	if err := all.Wait(); err != nil {
		return score{}, err
	}
	wall, sorted := time.Since(began), slices.Concat(times...)
	slices.Sort(sorted)
	l.rate = float64(len(sorted)) / wall.Seconds()
	return score{n: len(sorted) * l.counts, wall: wall, half: quantile(sorted, 0.5), most: quantile(sorted, 0.99)}, nil
}

// quantile is the time within which this share of all responses came.
func quantile(sorted []time.Duration, share float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[int(share*float64(len(sorted)-1))]
}

// schedule returns the moments at which requests are due, in order: at a pace,
// independent of each other (a Poisson process), and otherwise at once.
func (l *load) schedule(began time.Time) func() time.Time {
	var pace float64
	if l.pace != nil {
		pace = l.pace()
	}
	if pace == 0 {
		return time.Now
	}
	var mu sync.Mutex
	at, gap := began, float64(time.Second)/max(pace, 1)
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		at = at.Add(time.Duration(gap * rand.ExpFloat64()))
		return at
	}
}

// converse sends requests on one connection, at least one, and returns how long
// after they were due their responses came: to wait for a connection is part of it.
func (l *load) converse(ctx context.Context, due func() time.Time, end time.Time) (times []time.Duration, err error) {
	conn, err := net.Dial("tcp", l.address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	in := bufio.NewReaderSize(conn, 64<<10)
	var out []byte
	for at := due(); (len(times) == 0 || at.Before(end)) && ctx.Err() == nil; at = due() {
		time.Sleep(time.Until(at))
		if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
			return nil, err
		}
		out = l.request(out[:0], l.next.Add(1))
		if _, err := conn.Write(out); err != nil {
			return nil, fmt.Errorf("send request: %w", err)
		}
		if err := l.receive(in); err != nil {
			return nil, err
		}
		times = append(times, time.Since(at))
	}
	return times, context.Cause(ctx)
}

// receive reads one response, and checks its status and that its body is about
// as long as that of the first response.
func (l *load) receive(in *bufio.Reader) error {
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		return fmt.Errorf("read response: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != l.status {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 300))
		return fmt.Errorf("got status %d, want %d: %s", resp.StatusCode, l.status, body)
	}
	var tail last
	size, err := io.Copy(&tail, resp.Body)
	if err != nil {
		return fmt.Errorf("read response: %w", err)
	}
	l.size.CompareAndSwap(0, size)
	if first := l.size.Load(); size < first*9/10 {
		return fmt.Errorf("got a response of %d bytes, want about %d as at first: %s", size, first, tail)
	}
	return nil
}

// last keeps the last 300 bytes that are written to it.
type last []byte

func (l *last) Write(p []byte) (int, error) {
	*l = append((*l)[:0], p[max(0, len(p)-300):]...)
	return len(p), nil
}
