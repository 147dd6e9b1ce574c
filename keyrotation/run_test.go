package keyrotation_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"playtoken/keyrotation"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// running lets the acting replica run by itself, on the clock of a synctest
// bubble, until the test ends; the script decides over its calls.
func running(t *testing.T, script func(op string) fate) (s *stage, stop func()) {
	s = newStage(t)
	s.now = time.Now().UTC()
	s.script = func(_ *replica, op string) fate {
		s.now = time.Now().UTC()
		s.calls = append(s.calls, op)
		return script(op)
	}
	s.acts.rotator.Clock = nil
	s.acts.yield = func(struct{}) bool { return true }
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.acts.rotator.Run(ctx)
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return s, stop
}

// sleep lets the bubble's time pass, until everybody sleeps again.
func sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestRunWakesWhenSomethingIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := running(t, func(string) fate { return asAsked })
		synctest.Wait()
		s.want("1 registered, 2 registered")
		sleep(propagation * 12 / 10) // waits are up to a tenth longer than asked
		s.want("1 active, 2 registered")
		activated, calls := s.key(1).ActivatedAt, len(s.calls)
		sleep(activated.Add(interval - 2*time.Second).Sub(time.Now()))
		s.want("1 active, 2 registered")
		if n := len(s.calls) - calls; n > 60 {
			t.Errorf("%d outside calls in %s with nothing to do", n, interval)
		}
		sleep(30 * time.Second)
		s.want("1 retiring, 2 active, 3 registered")
		if late := s.key(2).ActivatedAt.Sub(activated.Add(interval)); late > 4*time.Second {
			t.Errorf("the rotation was %s late", late)
		}
	})
}

func TestRunAsksLessAndLessWhileItFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := true
		s, _ := running(t, func(op string) fate {
			if down {
				return fate{hears: keyrotation.ErrUnavailable}
			}
			return asAsked
		})
		sleep(10 * time.Minute)
		if n := len(s.calls); n < 10 || n > 20 {
			t.Errorf("%d outside calls in ten minutes without a store", n)
		}
		down = false
		sleep(67 * time.Second)
		if s.key(2).RegisteredAt.IsZero() {
			t.Errorf("a minute after the store is back: %s", s.states())
		}
	})
}

func TestRunHonoursWhenThePlatformWantsToSeeUsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := 0
		s, _ := running(t, func(op string) fate {
			if op == "register" && refused == 0 {
				refused++
				return fate{hears: wish{keyrotation.ErrThrottled, 45 * time.Second}}
			}
			return asAsked
		})
		sleep(44 * time.Second)
		if n := s.count("register"); n != 1 {
			t.Errorf("%d registrations before it was time", n)
		}
		sleep(20 * time.Second)
		s.want("1 registered, 2 registered")
	})
}

func TestRunEndsWithItsContext(t *testing.T) {
	for name, wait := range map[string]time.Duration{"at once": 0, "between two passes": time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, stop := running(t, func(string) fate { return asAsked })
				time.Sleep(wait)
				began := time.Now()
				stop()
				if took := time.Since(began); took != 0 {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}
