package vaultkeys

import (
	"context"
	"fmt"
	"sync"

	"playtoken/signer"
)

// The numbers of concurrent calls for one key and scheme, and of inputs in one call. Vault
// works on a call with one core, so several small calls of equal size use its
// cores better than a large one. From enoughBatch inputs on, the cost of the
// call is small beside that of its signatures.
const (
	maxCalls    = 4
	maxBatch    = 64
	enoughBatch = 4
)

// signWith is a key, and the scheme that it signs under. What goes into one call
// has both in common.
type signWith struct {
	key    string
	scheme signer.Scheme
}

// outcome is the result for one input.
type outcome struct {
	signature []byte
	err       error
}

// waiter is one caller. Its channel takes the outcome without blocking, so that a
// caller that gave up does not delay the others.
type waiter struct {
	gone   <-chan struct{} // closed when the caller gives up
	input  []byte
	result chan outcome
}

// queue holds the callers that wait for one key and scheme, and counts its calls.
type queue struct {
	waiting []*waiter
	calls   int
}

// batcher lets callers for the same key and scheme share calls. It has no timer: a caller
// waits only while maxCalls calls are in progress, and the callers that have
// waited longest are in the call that follows.
type batcher struct {
	ctx context.Context
	// send signs all inputs in one call, and returns an outcome for each, in
	// their order. It ends with ctx and has a deadline of its own.
	send func(ctx context.Context, with signWith, inputs [][]byte) []outcome

	mu     sync.Mutex
	queues map[signWith]*queue // with calls in progress
	closed bool
	calls  sync.WaitGroup
}

func newBatcher(ctx context.Context, send func(context.Context, signWith, [][]byte) []outcome) *batcher {
	return &batcher{ctx: ctx, send: send, queues: map[signWith]*queue{}}
}

// close waits for the calls in progress. Later calls of sign fail.
func (b *batcher) close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.calls.Wait()
}

// sign returns once the signature is made or ctx ends.
func (b *batcher) sign(ctx context.Context, with signWith, input []byte) ([]byte, error) {
	if ctx.Err() != nil {
		return nil, fmt.Errorf("%w: %w", signer.ErrUnavailable, ctx.Err())
	}
	w := &waiter{gone: ctx.Done(), input: input, result: make(chan outcome, 1)}
	if !b.add(with, w) {
		return nil, fmt.Errorf("%w: closed", signer.ErrUnavailable)
	}
	select {
	case o := <-w.result:
		return o.signature, o.err
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", signer.ErrUnavailable, ctx.Err())
	}
}

// add starts a call for w if fewer than maxCalls are in progress, and else puts w
// into the queue. It returns false if the batcher is closed.
func (b *batcher) add(with signWith, w *waiter) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	q := b.queues[with]
	if q == nil {
		q = &queue{}
		b.queues[with] = q
	}
	if q.calls == maxCalls {
		q.waiting = append(q.waiting, w)
		return true
	}
	q.calls++
	b.calls.Go(func() { b.work(with, q, []*waiter{w}) })
	return true
}

// work makes calls until no caller waits.
func (b *batcher) work(with signWith, q *queue, batch []*waiter) {
	for ; batch != nil; batch = b.next(with, q) {
		inputs := make([][]byte, len(batch))
		for i, w := range batch {
			inputs[i] = w.input
		}
		for i, o := range b.send(b.ctx, with, inputs) {
			batch[i].result <- o
		}
	}
}

// next takes the callers of the next call out of the queue. If no caller waits, it
// returns nil, the worker ends, and the last worker of a key removes its queue.
func (b *batcher) next(with signWith, q *queue) []*waiter {
	b.mu.Lock()
	defer b.mu.Unlock()
	var batch []*waiter
	for n := share(len(q.waiting)); len(batch) < n && len(q.waiting) > 0; q.waiting = q.waiting[1:] {
		if w := q.waiting[0]; !w.isGone() {
			batch = append(batch, w)
		}
		q.waiting[0] = nil
	}
	if batch == nil {
		q.waiting = nil
		if q.calls--; q.calls == 0 {
			delete(b.queues, with)
		}
	}
	return batch
}

// share returns how many waiting callers one call takes: an equal part for each
// of maxCalls calls, but at least enoughBatch.
func share(waiting int) int {
	return min(max((waiting+maxCalls-1)/maxCalls, enoughBatch), maxBatch)
}

func (w *waiter) isGone() bool {
	select {
	case <-w.gone:
		return true
	default:
		return false
	}
}
