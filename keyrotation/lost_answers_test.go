package keyrotation_test

import (
	"testing"
	"time"

	"playtoken/keyrotation"
	"playtoken/store"
)

// retryAfter is an error that says when to retry.
type retryAfter struct {
	error
	after time.Duration
}

func (r retryAfter) RetryAfter() time.Duration { return r.after }
func (r retryAfter) Unwrap() error             { return r.error }

// unanswered is a stage whose next rotation registers generation 3, with a
// script for that call.
func unanswered(t *testing.T, f fate) *stage {
	s := bootstrapped(t)
	s.wait(interval - propagation)
	s.as("register", f)
	return s
}

func TestALostRegistrationIsFoundByItsFingerprint(t *testing.T) {
	s := unanswered(t, fate{happens: 1, err: errLost})
	s.must(s.pass()) // it observes at once
	s.want("1 retiring, 2 active, 3 registered")
	if n := s.count("register"); n != 1 {
		t.Errorf("got %d registrations, want 1", n)
	}
	s.recovers()
}

func TestARegistrationThatNeverArrivedIsSentAgainAfterTheSettleTime(t *testing.T) {
	s := unanswered(t, fate{err: errLost})
	s.mustFail(s.pass(), errLost)
	s.wait(settle - time.Second)
	s.must(s.pass())
	if n := s.count("register"); n != 1 {
		t.Errorf("before the settle time: got %d registrations, want 1", n)
	}
	s.wait(time.Second)
	s.must(s.pass())
	s.want("1 retiring, 2 active, 3 registered")
	if n := s.count("register"); n != 2 {
		t.Errorf("after the settle time: got %d registrations, want 2", n)
	}
	s.recovers()
}

func TestALateRegistration(t *testing.T) {
	for _, tt := range []struct {
		name string
		late time.Duration
		sent int
	}{
		{"is adopted if it arrives before it has settled", settle / 2, 1},
		{"is removed if another was sent by then", settle + 5*time.Second, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := unanswered(t, fate{late: tt.late, err: errLost})
			s.mustFail(s.pass(), errLost)
			s.must(s.pass())
			s.want("1 retiring, 2 active, 3 registering")
			s.wait(settle)
			s.must(s.pass())
			s.want("1 retiring, 2 active, 3 registered")
			if n := s.count("register"); n != tt.sent {
				t.Errorf("got %d registrations, want %d", n, tt.sent)
			}
			s.recovers()
		})
	}
}

func TestAnOrphanIsDeletedAfterTwoObservations(t *testing.T) {
	s := unanswered(t, fate{happens: 2})
	s.must(s.pass())
	kept := s.key(3).KeyID // the observation after a registration shows both
	if n := len(s.store.ring().Orphans); n != 1 || s.count("delete") != 0 {
		t.Fatalf("after one observation: got %d orphans, %d deletions; want one and none", n, s.count("delete"))
	}
	s.wait(settle)
	s.must(s.pass()) // the second deletes it
	s.wait(settle)
	s.must(s.pass()) // a third one sees that it is gone
	if s.key(3).KeyID != kept || len(s.store.ring().Orphans) != 0 || s.count("delete") != 1 {
		t.Errorf("in the end: got orphans %v, %d deletions; want none and one", s.store.ring().Orphans, s.count("delete"))
	}
	s.recovers()
}

// A list may lag, so an id of ours that it lacks is asked for by itself.
func TestAStaleListCostsNothing(t *testing.T) {
	for _, set := range []func(*testing.T) *stage{bootstrapped, issued} {
		staleListCostsNothing(set(t))
	}
}

func staleListCostsNothing(s *stage) {
	s.t.Helper()
	active := s.key(1).KeyID
	hidden := s.platform.keys[active]
	s.script = func(_ *replica, op string) fate {
		switch op {
		case "list":
			return fate{happens: 1, first: func() { delete(s.platform.keys, active) }}
		case "get":
			return fate{happens: 1, first: func() { s.platform.keys[active] = hidden }}
		}
		return asAsked
	}
	s.observe()
	if !s.key(1).DoubtedAt.IsZero() {
		s.t.Error("generation 1 is in doubt, want its id asked for by itself")
	}
	s.recovers()
}

func TestAFailedListDeletesNothing(t *testing.T) {
	s := rotated(t)
	s.always("list", fate{err: errLost})
	s.wait(overlap)
	s.mustFail(s.pass(), errLost)
	if n := s.count("delete"); n != 0 {
		t.Errorf("got %d deletions without a list, want 0", n)
	}
	s.want("1 retiring, 2 active, 3 registered")
	s.as("")
	s.must(s.pass())
	s.want("1 deleted, 2 active, 3 registered")
}

func TestARefusalIsNotRepeatedBeforeItsTime(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		why  error
		wait time.Duration
		then string // the keys right after the refusal
	}{
		{"throttled, with Retry-After", retryAfter{keyrotation.ErrThrottled, 90 * time.Second}, 90 * time.Second, "1 retiring, 2 active, 3 generated"},
		{"throttled, with an absurd Retry-After", retryAfter{keyrotation.ErrThrottled, 5 * time.Hour}, time.Hour, "1 retiring, 2 active, 3 generated"},
		{"throttled, without Retry-After", keyrotation.ErrThrottled, 2 * settle, "1 retiring, 2 active, 3 generated"},
		{"credential not accepted", keyrotation.ErrUnauthorized, 2 * settle, "1 retiring, 2 active, 3 generated"},
		{"refused", keyrotation.ErrRefused, 2 * settle, "1 retiring, 2 active, 3 deleted"},
	} {
		for op, set := range map[string]func(*testing.T, fate) *stage{
			"register": unanswered,
			"issue":    func(t *testing.T, f fate) *stage { return unissued(t, "issue", f) },
		} {
			t.Run(op+", "+tt.name, func(t *testing.T) {
				s := set(t, fate{err: tt.why})
				s.mustFail(s.pass(), tt.why)
				s.want(tt.then)
				s.wait(tt.wait - time.Second)
				s.must(s.pass())
				if n := s.count(op); n != 1 {
					t.Errorf("got %d requests before it was time, want 1", n)
				}
				s.wait(time.Second)
				s.must(s.pass())
				if n := s.count(op); n != 2 {
					t.Errorf("got %d requests, want 2", n)
				}
				s.recovers()
			})
		}
	}
}

// askedLessOften returns the same response to one operation for two hours, and
// wants from least to twelve requests.
func (s *stage) askedLessOften(op string, f fate, least int) {
	s.t.Helper()
	s.always(op, f)
	for range 2 * 60 {
		s.wait(time.Minute)
		s.pass()
	}
	if n := s.count(op); n < least || n > 12 {
		s.t.Errorf("got %d requests in two hours, want a few", n)
	}
	ring := s.store.ring()
	if active, ok := ring.Active(); !ok || active.Generation != 2 {
		s.t.Errorf("got keys %s, want generation 2 active", s.states())
	}
}

func (s *stage) recoversInAnHour() {
	s.t.Helper()
	s.as("")
	s.wait(time.Hour)
	s.must(s.pass())
	s.recovers()
}

func TestAPlatformThatRefusesEverythingIsAskedLessOften(t *testing.T) {
	t.Parallel()
	s := unanswered(t, asAsked)
	s.askedLessOften("register", fate{err: keyrotation.ErrRefused}, 7)
	if n := s.count("create"); n != s.count("register") || len(s.store.keys) > 4 {
		t.Errorf("got %d private keys made for %d registrations, %d left; want as many, and at most 4 left", n, s.count("register"), len(s.store.keys))
	}
	s.recoversInAnHour()
}

func TestThePlatformMayBeDownForHours(t *testing.T) {
	t.Parallel()
	s := bootstrapped(t)
	down := fate{err: errLost}
	s.script = func(_ *replica, op string) fate {
		if op == "register" || op == "list" || op == "get" || op == "delete" {
			return down
		}
		return asAsked
	}
	minted := s.oracle.total
	s.mustFail(s.live(3*time.Hour), errLost)
	s.want("1 active, 2 registered")
	if s.oracle.total-minted < 1000 {
		t.Errorf("got %d tokens in three hours, want 1000", s.oracle.total-minted)
	}
	if st, err := ask(s, (*keyrotation.Rotator).Status); err != nil || !st.Overdue {
		t.Errorf("after hours without a rotation: Status = %+v, %v, want it overdue", st, err)
	}
	s.as("")
	s.must(s.pass())
	s.want("1 retiring, 2 active, 3 registered")
	s.recovers()
}

func TestAFailureThatIsOnRecordIsNotWrittenAgain(t *testing.T) {
	s := bootstrapped(t)
	s.always("list", fate{err: errLost})
	for range 5 {
		s.mustFail(s.observe(), errLost)
	}
	if n := s.count("write"); n != 1 {
		t.Errorf("got %d writes of the ring for five equal failures, want 1", n)
	}
}

func TestTheStoreMayBeAway(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"read", "write", "create", "describe", "destroy"} {
		t.Run(op, func(t *testing.T) {
			s := bootstrapped(t)
			s.always(op, fate{err: store.ErrUnavailable})
			s.mustFail(s.live(interval+overlap+time.Minute), store.ErrUnavailable)
			s.recovers()
		})
	}
}
