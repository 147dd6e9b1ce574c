package vaultkeys

import (
	"context"
	"fmt"
	"sync"

	"playtoken/signer"
)

// How many calls may be under way for one key, and how many digests one call
// carries. Vault works through a call on one core: several calls keep its cores
// busy, and small ones of equal size do so better than one big one. From
// enoughBatch on, a call's own cost is lost in the cost of its signatures.
const (
	maxCalls    = 4
	maxBatch    = 64
	enoughBatch = 4
)

// outcome is what became of one digest.
type outcome struct {
	signature []byte
	err       error
}

// waiter is one caller. Its channel takes the outcome without blocking, so a
// caller that went away delays nobody.
type waiter struct {
	gone   <-chan struct{} // the caller does not wait any more
	digest [32]byte
	result chan outcome
}

// queue holds the callers that wait for one key, and counts its calls.
type queue struct {
	waiting []*waiter
	calls   int
}

// batcher lets callers who want signatures of the same key share calls. There
// is no timer: a caller waits only while as many calls as are allowed are
// under way, and the next that ends takes the longest-waiting along.
type batcher struct {
	ctx context.Context
	// send signs all digests in one call. Outcomes are in the digests' order
	// and as many; it obeys ctx and has a deadline of its own.
	send func(ctx context.Context, key string, digests [][32]byte) []outcome

	mu     sync.Mutex
	queues map[string]*queue // of keys that are in use right now
	closed bool
	calls  sync.WaitGroup
}

func newBatcher(ctx context.Context, send func(context.Context, string, [][32]byte) []outcome) *batcher {
	return &batcher{ctx: ctx, send: send, queues: map[string]*queue{}}
}

// close ends when nothing is under way any more.
func (b *batcher) close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.calls.Wait()
}

// sign returns when the signature is there or the caller is gone.
func (b *batcher) sign(ctx context.Context, key string, digest [32]byte) ([]byte, error) {
	if ctx.Err() != nil {
		return nil, fmt.Errorf("%w: %w", signer.ErrUnavailable, ctx.Err())
	}
	w := &waiter{gone: ctx.Done(), digest: digest, result: make(chan outcome, 1)}
	if !b.add(key, w) {
		return nil, fmt.Errorf("%w: closed", signer.ErrUnavailable)
	}
	select {
	case o := <-w.result:
		return o.signature, o.err
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", signer.ErrUnavailable, ctx.Err())
	}
}

// add sends w off if a call is free, and lets it wait otherwise: so nobody
// waits while a call is free. False means that the batcher is closed.
func (b *batcher) add(key string, w *waiter) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	q := b.queues[key]
	if q == nil {
		q = &queue{}
		b.queues[key] = q
	}
	if q.calls == maxCalls {
		q.waiting = append(q.waiting, w)
		return true
	}
	q.calls++
	b.calls.Go(func() { b.work(key, q, []*waiter{w}) })
	return true
}

// work makes one call after the other until nobody waits.
func (b *batcher) work(key string, q *queue, batch []*waiter) {
	for ; batch != nil; batch = b.next(key, q) {
		digests := make([][32]byte, len(batch))
		for i, w := range batch {
			digests[i] = w.digest
		}
		for i, o := range b.send(b.ctx, key, digests) {
			batch[i].result <- o
		}
	}
}

// next takes those whose turn it is out of the queue. If nobody waits the
// worker is done, and with the last worker of a key its queue ends.
func (b *batcher) next(key string, q *queue) []*waiter {
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
			delete(b.queues, key)
		}
	}
	return batch
}

// share is how many of those who wait one call takes: an equal part for every
// call that may be under way, except that a call is worth making for more.
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
