package service

import (
	"context"
	"errors"
	"sync"
	"time"

	"playtoken/signer"
)

// wakeups wake rotations that would sleep for too long. A turn plans the next
// one by the ring that it left, and an operator's verb, here or in another
// process, may leave a ring in which something is due sooner. The zero value is
// ready to use.
type wakeups struct {
	mu sync.Mutex
	of map[string]chan struct{} // by project; of size one, since two calls are as good as one
}

// listen returns the channel of a project that sleeps from now on.
func (w *wakeups) listen(project string) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.of == nil {
		w.of = map[string]chan struct{}{}
	}
	call := make(chan struct{}, 1)
	w.of[project] = call
	return call
}

// forget ends what listen began.
func (w *wakeups) forget(project string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.of, project)
}

// wake wakes a project's rotation. It does nothing where none is listening.
func (w *wakeups) wake(project string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case w.of[project] <- struct{}{}: // blocks where the channel is nil
	default:
	}
}

// shortestSleep is how long a rotation sleeps at least. While there is no key,
// every viewer's request wakes it.
const shortestSleep = time.Second

// sleep is pause, ended early by a wakeup.
func sleep(ctx context.Context, d time.Duration, wakeup <-chan struct{}) bool {
	if !pause(ctx, min(d, shortestSleep)) {
		return false
	}
	if d <= shortestSleep {
		return true
	}
	left := time.NewTimer(d - shortestSleep)
	defer left.Stop()
	select {
	case <-ctx.Done():
	case <-wakeup:
	case <-left.C:
	}
	return ctx.Err() == nil
}

// wakingMinter wakes the rotation when no key is active although one should be:
// another process has changed the ring, and the schedule has not seen it yet.
type wakingMinter struct {
	signer.Minter
	wake func()
}

func (m wakingMinter) Mint(ctx context.Context, request signer.Request) (signer.Token, error) {
	token, err := m.Minter.Mint(ctx, request)
	if missing, ok := errors.AsType[*signer.NoActiveKey](err); ok && !missing.EarliestAt.After(time.Now()) {
		m.wake()
	}
	return token, err
}
