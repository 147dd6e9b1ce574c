package keyrotation_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"playtoken/keyrotation"
	"playtoken/store"
)

// sessioned is a bootstrapped stage whose platform has sessions, and in which
// some were opened.
func sessioned(t *testing.T) *stage {
	s := newStage(t)
	s.withSessions()
	return s.bootstrap()
}

func (s *stage) endSessions(which keyrotation.SessionsOf) (recorded bool, err error) {
	err = s.by(s.acts, func(ctx context.Context, r *keyrotation.Rotator) error {
		recorded, err = r.EndSessions(ctx, which, keyrotation.Order{Actor: "admin", Reason: "left the company"})
		return err
	})
	return recorded, err
}

// going is how many of these sessions go on.
func (s *stage) going(which keyrotation.Sessions) int {
	return s.platform.since(which, s.now.Add(1))
}

func (s *stage) mustEnd(which keyrotation.Sessions) {
	s.t.Helper()
	if n := s.going(which); n > 0 {
		s.failf("%d sessions of %+v go on", n, which)
	}
}

func TestARevocationEndsSessions(t *testing.T) {
	s := sessioned(t)
	k := s.lose(1)
	if s.going(keyrotation.Sessions{KeyID: k.KeyID}) == 0 {
		t.Fatal("no session was opened: the test shows nothing")
	}
	got, err := s.revoke(1)
	s.must(err)
	if !got.EndsSessions || s.key(1).SessionsEndedAt.IsZero() {
		t.Errorf("got %+v and the ended sessions at %s, want both", got, s.key(1).SessionsEndedAt)
	}
	s.mustEnd(keyrotation.Sessions{KeyID: k.KeyID})
	s.recovers()
}

func TestARetiredKeysSessionsGoOnUntilItIsRevoked(t *testing.T) {
	for name, set := range map[string]func(s *stage){
		"being deleted": func(s *stage) {
			s.wait(overlap)
			s.always("destroy", fate{err: store.ErrUnavailable})
			s.mustFail(s.live(time.Minute), store.ErrUnavailable)
			s.want("1 deleting, 2 active, 3 registered")
		},
		"deleted": func(s *stage) { s.must(s.live(overlap + time.Minute)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := sessioned(t)
			s.must(s.rotate())
			set(s)
			k := s.lose(1)
			if s.going(keyrotation.Sessions{KeyID: k.KeyID}) == 0 || k.WithdrawnAt.IsZero() {
				t.Fatalf("%+v: want a key that the platform has deleted, and its sessions", k)
			}
			s.as("delete", fate{err: errLost})
			if name == "deleted" {
				s.as("end", fate{happens: 1, err: errLost})
			}
			got, err := s.revoke(1)
			s.mustFail(err, errLost)
			if got.Revoked != 1 {
				t.Errorf("got %+v, want the revocation to be recorded", got)
			}
			s.must(s.passBy(s.fresh))
			s.mustEnd(keyrotation.Sessions{KeyID: k.KeyID})
			_, err = s.revoke(1)
			s.must(err)
			s.recovers()
		})
	}
}

func TestAnEndedRingHasNoSessions(t *testing.T) {
	s := sessioned(t)
	s.must(s.rotate())
	s.must(s.live(overlap + time.Minute))
	s.want("1 deleted, 2 active, 3 registered")
	keys := s.loseAll()
	s.as("end", fate{err: errLost})
	s.mustFail(s.end(), errLost)
	s.ends()
	for _, k := range keys {
		s.gone(k)
		s.mustEnd(keyrotation.Sessions{KeyID: k.KeyID})
	}
}

// ends are what an operator may end, and what that is at the platform.
func ends(s *stage) map[keyrotation.SessionsOf]keyrotation.Sessions {
	return map[keyrotation.SessionsOf]keyrotation.Sessions{
		{Generation: 1}:       {KeyID: s.key(1).KeyID},
		{Viewer: "viewer 1"}:  {Viewer: viewerName("viewer 1")},
		{VideoID: "video 0"}:  {VideoID: "video 0"},
		{All: true}:           {All: true},
		{Viewer: "not there"}: {Viewer: viewerName("not there")},
	}
}

func TestAnOperatorEndsSessions(t *testing.T) {
	t.Parallel()
	for which := range ends(sessioned(t)) {
		for name, f := range map[string]fate{"as asked": asAsked, "lost": {err: errLost}, "the response lost": {happens: 1, err: errLost},
			"throttled": {err: keyrotation.ErrThrottled}, "not authorized": {err: keyrotation.ErrUnauthorized}} {
			t.Run(fmt.Sprintf("%+v, %s", which, name), func(t *testing.T) {
				s := sessioned(t)
				of := ends(s)[which]
				all := s.going(keyrotation.Sessions{All: true})
				s.as("end", f)
				recorded, err := s.endSessions(which)
				if !recorded || !errors.Is(err, f.err) || (len(s.store.ring().Ends) > 0) != (f.err != nil) {
					t.Fatalf("EndSessions = %t, %v; the ring waits for %v", recorded, err, s.store.ring().Ends)
				}
				if f.err != nil {
					s.must(s.passBy(s.fresh))
				}
				s.mustEnd(of)
				if left := s.going(keyrotation.Sessions{All: true}); of.Viewer == viewerName("not there") && left != all || len(s.store.ring().Ends) > 0 {
					t.Errorf("%d of %d sessions go on, and the ring waits for %v", left, all, s.store.ring().Ends)
				}
				s.recovers()
			})
		}
	}
}

func TestAnEndThatThePlatformRefusesIsForgotten(t *testing.T) {
	s := sessioned(t)
	s.as("end", fate{err: keyrotation.ErrRefused})
	recorded, err := s.endSessions(keyrotation.SessionsOf{VideoID: "no video at all"})
	s.mustFail(err, keyrotation.ErrRefused)
	if recorded || len(s.store.ring().Ends) > 0 {
		t.Errorf("recorded %t, the ring waits for %v; want no order left", recorded, s.store.ring().Ends)
	}
	s.recovers()
}

func TestOrdersThatCannotBeGiven(t *testing.T) {
	s := sessioned(t)
	_, err := s.endSessions(keyrotation.SessionsOf{Generation: 9})
	s.mustFail(err, store.ErrNotFound)
	s.always("end", fate{err: errLost})
	for i := range 100 {
		_, err := s.endSessions(keyrotation.SessionsOf{Viewer: fmt.Sprint(i)})
		s.mustFail(err, errLost)
	}
	_, err = s.endSessions(keyrotation.SessionsOf{Viewer: "one more"})
	s.mustGuard(err, "100 ends of sessions wait")
	_, err = s.endSessions(keyrotation.SessionsOf{Viewer: "7"})
	s.mustFail(err, errLost)
	_, err = s.endSessions(keyrotation.SessionsOf{All: true})
	s.mustFail(err, errLost)
	if got := s.store.ring().Ends; len(got) != 1 || !got[0].Of.All {
		t.Errorf("the ring waits for %v, want only the end of all", got)
	}
	s.recovers()

	without := bootstrapped(t)
	if _, err := without.endSessions(keyrotation.SessionsOf{All: true}); !errors.Is(err, keyrotation.ErrNoSessions) {
		t.Errorf("EndSessions at a platform without sessions = %v, want ErrNoSessions", err)
	}
}

// TestAnOrderThatIsRepeatedMeanwhileIsCarriedOutAgain: a replica carries an
// order out, then the operator asks again, then the replica notes that the order
// is done. What was opened between the two orders has to end.
func TestAnOrderThatIsRepeatedMeanwhileIsCarriedOutAgain(t *testing.T) {
	s := sessioned(t)
	s.as("end", fate{err: errLost})
	which := keyrotation.SessionsOf{All: true}
	_, err := s.endSessions(which)
	s.mustFail(err, errLost)
	ended := 0
	s.script = func(r *replica, op string) fate {
		if op == "end" {
			ended++
		}
		if r == s.acts && op == "end" && ended == 1 {
			return fate{happens: 1, late: 0, first: nil}
		}
		if r == s.acts && op == "write" && ended == 1 {
			return fate{happens: 1, first: func() {
				s.advance(time.Second)
				s.fresh.signer.mint()
				s.by(s.fresh, func(ctx context.Context, rot *keyrotation.Rotator) error {
					_, err := rot.EndSessions(ctx, which, byOperator)
					return err
				})
			}}
		}
		return asAsked
	}
	s.must(s.pass())
	if ended < 2 || len(s.store.ring().Ends) > 0 {
		t.Errorf("the platform was asked %d times and the ring waits for %v, want two and none", ended, s.store.ring().Ends)
	}
	s.mustEnd(keyrotation.Sessions{All: true})
}

func TestARevocationIsNotHeldUpByOrdersThatFail(t *testing.T) {
	s := sessioned(t)
	s.always("end", fate{err: errLost})
	_, err := s.endSessions(keyrotation.SessionsOf{Viewer: "viewer 1"})
	s.mustFail(err, errLost)
	k := s.lose(1)
	got, err := s.revoke(1)
	s.must(err)
	if got.Revoked != 1 || !slices.Contains(s.calls, "end") {
		t.Errorf("got %+v and the calls %v, want a revocation, and another attempt to end sessions", got, s.calls)
	}
	s.gone(k)
	s.mustEnd(keyrotation.Sessions{KeyID: k.KeyID})
}
