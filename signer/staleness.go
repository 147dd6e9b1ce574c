package signer

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// RingView returns a view of a project's ring whose keys m holds. It reads at
// once, and goes on reading ahead of time while it is in use, so that an
// outage finds it young and its keys loaded. Close must be called, before m's;
// with the view, m forgets the project's keys.
func (m *Memory) RingView(documents Documents, project string) *RingView {
	v := NewRingView(documents, project)
	v.memory = m
	v.fresh.start(v)
	return v
}

// outlasts reports whether a view that is too old for a store that answers may
// be used at now, because the store does not.
func (v *RingView) outlasts(held *view, now time.Time) bool {
	return v.memory != nil && held != nil && held.public != nil &&
		held.age(now) <= held.ring.Durations.Staleness &&
		v.memory.held(held.key.StoreName) != nil && v.away(now)
}

// away reports whether the store is known not to answer.
func (v *RingView) away(now time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.fault.silent && now.Sub(v.fault.at) <= awayFor
}

// keeper reads a ring ahead of time, as long as somebody uses it.
type keeper struct {
	cancel  context.CancelFunc // nil: it keeps nothing
	running sync.WaitGroup
	last    atomic.Int64 // when somebody asked, in Unix nanoseconds
	resting atomic.Bool  // until somebody asks
	wake    chan struct{}
}

func (k *keeper) start(v *RingView) {
	ctx, cancel := context.WithCancel(context.Background())
	k.cancel, k.wake = cancel, make(chan struct{}, 1)
	k.asked(time.Now())
	k.running.Go(func() { v.keep(ctx) })
}

func (k *keeper) stop() {
	if k.cancel != nil {
		k.cancel()
		k.running.Wait()
	}
}

func (k *keeper) asked(now time.Time) {
	k.last.Store(now.UnixNano())
	if k.resting.Load() {
		select {
		case k.wake <- struct{}{}:
		default: // somebody else did
		}
	}
}

// rest returns when somebody asks: of thousands of views, those that nobody
// uses cost no time.
func (k *keeper) rest(ctx context.Context, unused func() bool) {
	k.resting.Store(true)
	defer k.resting.Store(false)
	if !unused() { // somebody asked before he could see that
		return
	}
	select {
	case <-ctx.Done():
	case <-k.wake:
	}
}

// idle is how long nobody has asked.
func (k *keeper) idle() time.Duration { return time.Since(time.Unix(0, k.last.Load())) }

// keep renews the view at half its age, until nobody has asked for as long as
// it could be of use, and again when somebody does.
func (v *RingView) keep(ctx context.Context) {
	for ctx.Err() == nil {
		if v.unused() {
			v.fresh.rest(ctx, v.unused)
			continue
		}
		pause := firstPause
		if held := v.held.Load(); held != nil {
			pause = max(pause, held.limit/2)
		}
		if read := v.renew(); read != nil {
			read.wait(ctx)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// unused reports whether an outage would find nobody who needs the view.
func (v *RingView) unused() bool {
	held := v.held.Load()
	return held != nil && v.fresh.idle() > max(held.limit, held.ring.Durations.Staleness)
}
