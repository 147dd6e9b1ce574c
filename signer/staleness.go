package signer

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// RingView returns a view of a project's ring whose keys m holds. It reads at once,
// and keeps reading ahead while it is in use, so that it is young and its keys are
// loaded when an outage begins. Its Close, which also wipes the project's keys in m,
// must be called before m's.
func (m *Memory) RingView(documents Documents, project string) *RingView {
	v := NewRingView(documents, project)
	v.memory = m
	v.fresh.start(v)
	return v
}

// outlasts reports whether a view beyond its age may be used at now because the
// store is unavailable.
func (v *RingView) outlasts(held *view, now time.Time) bool {
	return v.memory != nil && held != nil && held.public != nil &&
		held.age(now) <= held.ring.Durations.Staleness &&
		v.memory.held(held.key.StoreName) != nil && v.away(now)
}

// away reports whether the store counts as unavailable.
func (v *RingView) away(now time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.fault.silent && now.Sub(v.fault.at) <= awayFor
}

// keeper reads a ring ahead of time while it is used.
type keeper struct {
	cancel  context.CancelFunc // nil if it does not run
	running sync.WaitGroup
	last    atomic.Int64 // the last use, in Unix nanoseconds
	resting atomic.Bool  // until the next use
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
		default: // another caller has
		}
	}
}

// rest waits for the next use, so that thousands of unused views cost no time.
func (k *keeper) rest(ctx context.Context, unused func() bool) {
	k.resting.Store(true)
	defer k.resting.Store(false)
	if !unused() { // used before resting was set
		return
	}
	select {
	case <-ctx.Done():
	case <-k.wake:
	}
}

// idle is the time since the last use.
func (k *keeper) idle() time.Duration { return time.Since(time.Unix(0, k.last.Load())) }

// keep renews the view at half its age. It stops when the view was not used for as
// long as it could serve in an outage, and goes on at the next use.
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

// unused reports whether the view was not used for longer than it could serve in an
// outage.
func (v *RingView) unused() bool {
	held := v.held.Load()
	return held != nil && v.fresh.idle() > max(held.limit, held.ring.Durations.Staleness)
}
