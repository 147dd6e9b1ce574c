package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// The numbers of concurrent requests: more than there are cores, so that a
// server never waits for the next one, and few enough for short response times.
const connections, batchConnections = 16, 4

// patience is how long a response may take before the run fails.
const patience = 30 * time.Second

// load sends requests to one server on a few connections, each as soon as the
// one before has its response. All servers get their requests from it, so that
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

	next atomic.Uint64
	size atomic.Int64 // of the body of the first response
}

// drive sends requests for this long. It returns once the requests that were
// sent by then have their responses, and counts those too.
func (l *load) drive(ctx context.Context, d time.Duration) (score, error) {
	began := time.Now()
	var responses atomic.Int64
	all, ctx := errgroup.WithContext(ctx)
	for range l.connections {
		all.Go(func() error {
			n, err := l.converse(ctx, began.Add(d))
			responses.Add(int64(n))
			return err
		})
	}
	err := all.Wait()
	return score{n: int(responses.Load()) * l.counts, wall: time.Since(began)}, err
}

// converse sends requests on one connection, at least one.
func (l *load) converse(ctx context.Context, end time.Time) (n int, err error) {
	conn, err := net.Dial("tcp", l.address)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	in := bufio.NewReaderSize(conn, 64<<10)
	var out []byte
	for now := time.Now(); (n == 0 || now.Before(end)) && ctx.Err() == nil; now = time.Now() {
		if err := conn.SetDeadline(now.Add(patience)); err != nil {
			return n, err
		}
		out = l.request(out[:0], l.next.Add(1))
		if _, err := conn.Write(out); err != nil {
			return n, fmt.Errorf("send request: %w", err)
		}
		if err := l.receive(in); err != nil {
			return n, err
		}
		n++
	}
	return n, context.Cause(ctx)
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
