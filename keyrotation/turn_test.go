package keyrotation_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"playtoken/keyrotation"
	"playtoken/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// runner is a stage whose acting replica runs by itself, on the clock of a
// synctest bubble. The test may touch the world between two sleeps.
type runner struct {
	*stage
	turn sync.Mutex // taken by each call, so that it comes after what the test did
	stop func()
}

// running starts it, until the test ends; the script decides over its calls.
func running(t *testing.T, script func(op string) fate) *runner {
	r := &runner{stage: newStage(t)}
	r.now = time.Now().UTC()
	r.script = func(_ *replica, op string) fate {
		r.turn.Lock()
		defer r.turn.Unlock()
		r.now = time.Now().UTC()
		r.calls = append(r.calls, op)
		return script(op)
	}
	r.acts.rotator.Clock = nil
	r.acts.yield = func(struct{}) bool { r.turn.Lock(); defer r.turn.Unlock(); return true }
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		schedule(ctx, r.acts.rotator)
	}()
	r.stop = func() { cancel(); <-done }
	t.Cleanup(r.stop)
	return r
}

// schedule has a rotator make its turns until ctx ends.
func schedule(ctx context.Context, rotator *keyrotation.Rotator) {
	for failures := 0; ctx.Err() == nil; {
		wait, err := rotator.Turn(ctx, failures)
		if failures++; err == nil {
			failures = 0
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// sleep lets the bubble's time pass, until all of its goroutines sleep again.
func (r *runner) sleep(d time.Duration) {
	r.turn.Lock()
	//lint:ignore SA2001 the lock only orders what the test did before what comes
	r.turn.Unlock()
	time.Sleep(d)
	synctest.Wait()
}

func TestATurnComesWhenSomethingIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := running(t, func(string) fate { return asAsked })
		synctest.Wait()
		s.want("1 registered, 2 registered")
		s.sleep(propagation * 12 / 10)
		s.want("1 active, 2 registered")
		activated, calls := s.key(1).ActivatedAt, len(s.calls)
		s.sleep(time.Until(activated.Add(interval - 2*time.Second)))
		s.want("1 active, 2 registered")
		if n := len(s.calls) - calls; n > 60 {
			t.Errorf("got %d outside calls in %s with nothing due, want at most 60", n, interval)
		}
		s.sleep(30 * time.Second)
		s.want("1 retiring, 2 active, 3 registered")
		if late := s.key(2).ActivatedAt.Sub(activated.Add(interval)); late > 4*time.Second {
			t.Errorf("the rotation was %s late, want at most 4 s", late)
		}
	})
}

func TestTurnsGetRarerWhileTheyFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := true
		s := running(t, func(op string) fate {
			if down {
				return fate{err: store.ErrUnavailable}
			}
			return asAsked
		})
		s.sleep(10 * time.Minute)
		if n := len(s.calls); n < 10 || n > 20 {
			t.Errorf("got %d outside calls in ten minutes without a store, want 10 to 20", n)
		}
		down = false
		s.sleep(67 * time.Second)
		if s.key(2).RegisteredAt.IsZero() {
			t.Errorf("a minute after the store is back: got keys %s, want a second one registered", s.states())
		}
	})
}

func TestTurnsHonourThePlatformsRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := 0
		s := running(t, func(op string) fate {
			if op == "register" && refused == 0 {
				refused++
				return fate{err: retryAfter{keyrotation.ErrThrottled, 45 * time.Second}}
			}
			return asAsked
		})
		s.sleep(44 * time.Second)
		if n := s.count("register"); n != 1 {
			t.Errorf("got %d registrations before Retry-After, want 1", n)
		}
		s.sleep(20 * time.Second)
		s.want("1 registered, 2 registered")
	})
}

func TestATurnEndsWithItsContext(t *testing.T) {
	for name, wait := range map[string]time.Duration{"at once": 0, "between two passes": time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := running(t, func(string) fate { return asAsked })
				time.Sleep(wait)
				began := time.Now()
				s.stop()
				if took := time.Since(began); took != 0 {
					t.Errorf("the turn ended %s after its context, want at once", took)
				}
			})
		})
	}
}

func TestAfterALookTheNextOneIsNotForgotten(t *testing.T) {
	s := bootstrapped(t)
	s.wait(simPolicy().ObserveEvery)
	wait, err := ask(s, func(r *keyrotation.Rotator, ctx context.Context) (time.Duration, error) {
		r.Rest = 100 * simPolicy().ObserveEvery
		return r.Turn(ctx, 0)
	})
	if s.must(err); wait > simPolicy().ObserveEvery {
		t.Errorf("got the next turn in %s, want it within %s, when an observation is due", wait, simPolicy().ObserveEvery)
	}
}

// TestEachPassTellsItsOutcome also where nothing of it could be stored.
func TestEachPassTellsItsOutcome(t *testing.T) {
	s := newStage(t)
	var got []string
	s.acts.rotator.Ran = func(outcome string) { got = append(got, outcome) }
	for _, step := range []struct {
		name string
		do   func()
		want string
	}{
		{"a first look that fails", func() { s.as("list", fate{err: keyrotation.ErrUnauthorized}) }, keyrotation.RunFailed},
		{"a store that is away", func() { s.as("read", fate{err: store.ErrUnavailable}) }, keyrotation.RunFailed},
		{"keys are made", func() { s.as("") }, keyrotation.RunOK},
		{"the platform lost all keys", func() {
			s.wait(propagation)
			s.must(s.pass())
			for _, k := range s.store.ring().Keys {
				s.lose(k.Generation)
			}
			clear(s.platform.keys)
			s.wait(interval)
		}, keyrotation.RunBlocked},
	} {
		step.do()
		got = nil
		s.pass()
		if !slices.Equal(got, []string{step.want}) {
			t.Errorf("%s: got the outcomes %v, want one: %s", step.name, got, step.want)
		}
	}
}
