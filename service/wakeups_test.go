package service

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/keyrotation"
	"playtoken/signer"
)

func TestASleepIsCutShortByItsBellButNotToNothing(t *testing.T) {
	for name, test := range map[string]struct {
		rung  []time.Duration
		sleep time.Duration
		want  time.Duration
	}{
		"no wakeup":             {nil, time.Minute, time.Minute},
		"one wakeup":            {[]time.Duration{20 * time.Second}, time.Minute, 20 * time.Second},
		"at once, and often":    {[]time.Duration{0, 0, time.Millisecond}, time.Minute, shortestSleep},
		"for less than that":    {[]time.Duration{0}, shortestSleep / 4, shortestSleep / 4},
		"at another one's door": {[]time.Duration{-1}, time.Minute, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var w wakeups
				wakeup := w.listen("mine")
				for _, at := range test.rung {
					project := "mine"
					if at < 0 {
						project = "another"
					}
					time.AfterFunc(max(at, 0), func() { w.wake(project) })
				}
				begun := time.Now()
				if !sleep(t.Context(), test.sleep, wakeup) || time.Since(begun) != test.want {
					t.Errorf("slept for %v, want %v", time.Since(begun), test.want)
				}
			})
		})
	}
}

func TestASleepEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if sleep(ctx, time.Minute, nil) {
			t.Error("sleep with an ended context = true, want false")
		}
	})
}

// answering is a minter that has one answer.
type answering struct{ err error }

func (a answering) Mint(context.Context, signer.Request) (signer.Token, error) {
	return signer.Token{}, a.err
}

func TestOnlyAKeyThatShouldBeThereIsRungFor(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want bool
	}{
		"a token":              {nil, false},
		"another trouble":      {signer.ErrUnavailable, false},
		"not yet":              {&signer.NoActiveKey{EarliestAt: time.Now().Add(time.Minute)}, false},
		"by now":               {&signer.NoActiveKey{EarliestAt: time.Now()}, true},
		"no time is known":     {&signer.NoActiveKey{}, true},
		"told by the platform": {fmt.Errorf("%w: %w", signer.ErrUnavailable, &signer.NoActiveKey{}), true},
	} {
		rung := false
		if _, err := (wakingMinter{Minter: answering{test.err}, wake: func() { rung = true }}).Mint(t.Context(), signer.Request{}); !errors.Is(err, test.err) || rung != test.want {
			t.Errorf("%s: rung %v, error %v", name, rung, err)
		}
	}
}

// A key that may sign from some moment on does so from then on, also where the
// scheduler, when it went to sleep, had nothing to do for minutes.
func TestARevocationThatLeavesNoKeyIsMadeGoodAtTheTimeThatItTells(t *testing.T) {
	t.Parallel()
	s, project := newService(t)
	s.policies.set.Rotation.ObserveEvery, s.policies.set.Rotation.Durations.Propagation = time.Hour, 2*time.Second
	ctx, cancel := context.WithCancel(t.Context())
	running := newSchedule(s)
	defer running.running.Wait()
	defer cancel()
	running.maintain(ctx, project.ID, 0)
	mints := func() error {
		minter, err := s.tenants.Minter(ctx, project.ID)
		if err == nil {
			_, err = minter.Mint(ctx, signer.Request{VideoID: "counter"})
		}
		return err
	}
	eventually(t, 20*time.Second, mints)
	rotation, err := s.tenants.Rotation(ctx, project.ID)
	revoked := keyrotation.Revocation{ActiveGeneration: 1}
	for err == nil && revoked.ActiveGeneration != 0 { // faster than keys propagate
		revoked, err = rotation.Revoke(ctx, revoked.ActiveGeneration, keyrotation.Order{Actor: "test", Reason: "all of them"})
	}
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, 20*time.Second, mints)
}
