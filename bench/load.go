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

// How many requests are under way at once: more than cores, so that a server
// never waits for us, and few enough to be answered soon.
const connections, batchConnections = 16, 4

// patience is how long an answer may take before the run is called broken.
const patience = 30 * time.Second

// load asks one server, as fast as it answers, on a few connections. It is
// what every server here is asked by, so that ratios are fair. It is our own
// rather than wrk because each request has to be another one, which wrk can do
// only in Lua at a cost per request that is no less than ours; because a
// refused request must end the run instead of making it faster; and because it
// needs no installing. What it costs itself touches no ratio of CPU times.
type load struct {
	address string
	// ask appends a whole HTTP/1.1 request, the n-th.
	ask         func(dst []byte, n uint64) []byte
	connections int
	status      int // of every answer
	counts      int // tokens in one answer

	next atomic.Uint64
	size atomic.Int64 // of the first answer's body
}

// drive asks for so long. Requests that were sent by then are answered, and
// counted, when it returns.
func (l *load) drive(ctx context.Context, d time.Duration) (score, error) {
	began := time.Now()
	var answers atomic.Int64
	all, ctx := errgroup.WithContext(ctx)
	for range l.connections {
		all.Go(func() error {
			n, err := l.converse(ctx, began.Add(d))
			answers.Add(int64(n))
			return err
		})
	}
	err := all.Wait()
	return score{n: int(answers.Load()) * l.counts, wall: time.Since(began)}, err
}

// converse asks on one connection, at least once.
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
		out = l.ask(out[:0], l.next.Add(1))
		if _, err := conn.Write(out); err != nil {
			return n, fmt.Errorf("ask: %w", err)
		}
		if err := l.hear(in); err != nil {
			return n, err
		}
		n++
	}
	return n, context.Cause(ctx)
}

// hear reads one answer and believes it only if it is like the first one.
func (l *load) hear(in *bufio.Reader) error {
	answer, err := http.ReadResponse(in, nil)
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != l.status {
		said, _ := io.ReadAll(io.LimitReader(answer.Body, 300))
		return fmt.Errorf("status %d: %s", answer.StatusCode, said)
	}
	var tail last
	size, err := io.Copy(&tail, answer.Body)
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	l.size.CompareAndSwap(0, size)
	if first := l.size.Load(); size < first*9/10 {
		return fmt.Errorf("an answer of %d bytes, where the first had %d: %s", size, first, tail)
	}
	return nil
}

// last keeps the last bytes that are written to it.
type last []byte

func (l *last) Write(p []byte) (int, error) {
	*l = append((*l)[:0], p[max(0, len(p)-300):]...)
	return len(p), nil
}
