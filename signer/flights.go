package signer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// errClosed is the error of every call after close.
var errClosed = fmt.Errorf("%w: the service is stopping", ErrUnavailable)

// errNoResult is the error of a call that panicked.
var errNoResult = fmt.Errorf("%w: the call ended without a result", ErrUnavailable)

// flights runs at most one call per key at a time and returns its result to all
// callers that asked meanwhile. It is singleflight with an owner: a call belongs to
// the group and not to the caller that started it, so that one caller's
// cancellation does not affect another's result, and close waits for it.
type flights[K comparable, V any] struct {
	timeout time.Duration // of one call
	late    error         // the cause of its end
	ctx     context.Context
	cancel  context.CancelCauseFunc
	running sync.WaitGroup

	mu     sync.Mutex
	calls  map[K]*flight[V]
	closed bool
}

// flight is one call. Its result may be read once done is closed.
type flight[V any] struct {
	done  chan struct{}
	value V
	err   error
}

func newFlights[K comparable, V any](timeout time.Duration) *flights[K, V] {
	ctx, cancel := context.WithCancelCause(context.Background())
	return &flights[K, V]{timeout: timeout, late: errors.New("no result within " + timeout.String()), ctx: ctx, cancel: cancel, calls: map[K]*flight[V]{}}
}

// start returns the running call of a key, or begins one. It does not wait.
func (f *flights[K, V]) start(key K, call func(context.Context) (V, error)) *flight[V] {
	flight, own := f.join(key)
	if own {
		go f.run(key, flight, call)
	}
	return flight
}

// lead is start for a call that takes no longer than a computation: the caller
// that begins it runs it, and stays until its end, which saves a goroutine.
func (f *flights[K, V]) lead(key K, call func(context.Context) (V, error)) *flight[V] {
	flight, own := f.join(key)
	if own {
		f.run(key, flight, call)
	}
	return flight
}

// join returns the running call of a key, or a new one, which the caller then owns
// and has to run.
func (f *flights[K, V]) join(key K) (joined *flight[V], own bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if running, ok := f.calls[key]; ok {
		return running, false
	}
	begun := &flight[V]{done: make(chan struct{}), err: errNoResult}
	if f.closed {
		begun.err = errClosed
		close(begun.done)
		return begun, false
	}
	f.calls[key] = begun
	f.running.Add(1)
	return begun, true
}

// run runs a call, and ends it for all who wait, even if it panics.
func (f *flights[K, V]) run(key K, own *flight[V], call func(context.Context) (V, error)) {
	defer f.running.Done()
	ctx, cancel := context.WithTimeoutCause(f.ctx, f.timeout, f.late)
	defer cancel()
	defer func() {
		f.mu.Lock()
		delete(f.calls, key)
		f.mu.Unlock()
		close(own.done)
	}()
	own.value, own.err = call(ctx)
}

// close cancels every running call and waits for it; later calls fail at once.
func (f *flights[K, V]) close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.cancel(errClosed)
	f.running.Wait()
}

// withValues is a context with the values of another one: those of the request that
// began a call, so that a trace shows the call where it belongs.
type withValues struct {
	context.Context
	of context.Context
}

func (v withValues) Value(key any) any {
	if value := v.of.Value(key); value != nil {
		return value
	}
	return v.Context.Value(key)
}

// wait returns the result, or the cause of ctx's end; the call goes on then.
func (f *flight[V]) wait(ctx context.Context) (V, error) {
	select {
	case <-f.done:
		return f.value, f.err
	case <-ctx.Done():
		var none V
		return none, context.Cause(ctx)
	}
}
