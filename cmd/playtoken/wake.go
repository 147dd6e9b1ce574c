package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"playtoken/signer"
)

// bells wake rotations that sleep for longer than they should: a turn plans
// its next one by the ring that it left, and an operator's verb, here or in
// another process, may leave one where something is due sooner. Without a
// listener a bell is not heard. The zero value will do.
type bells struct {
	mu sync.Mutex
	of map[string]chan struct{} // by project; of size one: two rings are as good as one
}

// listen returns the bell of a project.
func (b *bells) listen(project string) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.of == nil {
		b.of = map[string]chan struct{}{}
	}
	bell := make(chan struct{}, 1)
	b.of[project] = bell
	return bell
}

// leave is for whoever listens no more.
func (b *bells) leave(project string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.of, project)
}

func (b *bells) ring(project string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case b.of[project] <- struct{}{}: // never, where nobody listens: the channel is nil
	default:
	}
}

// shortestSleep is how long a rotation sleeps at least, however often its bell
// is rung: by every viewer, while there is no key.
const shortestSleep = time.Second

// sleep is pause, cut short by a bell.
func sleep(ctx context.Context, d time.Duration, bell <-chan struct{}) bool {
	if !pause(ctx, min(d, shortestSleep)) {
		return false
	}
	left := time.NewTimer(max(d-shortestSleep, 0))
	defer left.Stop()
	select {
	case <-ctx.Done():
	case <-bell:
	case <-left.C:
	}
	return ctx.Err() == nil
}

// missing rings when no key may sign although one should, by now: somebody
// else has changed the ring, and our scheduler has not seen it yet.
type missing struct {
	signer.Minter
	ring func()
}

func (m missing) Mint(ctx context.Context, request signer.Request) (signer.Token, error) {
	token, err := m.Minter.Mint(ctx, request)
	if none, ok := errors.AsType[*signer.NoActiveKey](err); ok && !none.EarliestAt.After(time.Now()) {
		m.ring()
	}
	return token, err
}
