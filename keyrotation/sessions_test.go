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

// compromises are changes by hand after which another party may sign under the
// key's id; the others only make it unusable.
var compromises = map[string]struct {
	hand func(*stage, keyrotation.Key)
	ends bool
}{
	"another key under its id": {ends: true, hand: func(s *stage, k keyrotation.Key) {
		other := s.platform.keys[foreign[0]]
		other.ID = k.KeyID
		s.platform.keys[k.KeyID] = other
	}},
	"private key replaced":   {ends: true, hand: func(s *stage, k keyrotation.Key) { s.store.keys[k.StoreName] = pooledKey(0) }},
	"private key exportable": {ends: true, hand: makeExportable},
	"exportable, and gone at the platform": {ends: true, hand: func(s *stage, k keyrotation.Key) {
		makeExportable(s, k)
		delete(s.platform.keys, k.KeyID)
	}},
	"gone at the platform": {hand: func(s *stage, k keyrotation.Key) { delete(s.platform.keys, k.KeyID) }},
	"private key gone":     {hand: func(s *stage, k keyrotation.Key) { delete(s.store.keys, k.StoreName) }},
}

func makeExportable(s *stage, k keyrotation.Key) {
	leaky := s.store.keys[k.StoreName]
	leaky.leaky = true
	s.store.keys[k.StoreName] = leaky
}

// quarantines changes generation 1 by hand, and lets it be quarantined while the
// acting replica's next end of sessions has this fate.
func (s *stage) quarantines(hand func(*stage, keyrotation.Key), f fate) error {
	hand(s, s.lose(1))
	s.must(s.observe())
	s.wait(settle)
	s.as("end", f)
	err := s.pass()
	s.want("1 quarantined, 2 active, 3 registered")
	return err
}

func TestAQuarantinedKeysSessionsEndIfItMayBeCompromised(t *testing.T) {
	t.Parallel()
	for name, c := range compromises {
		for answer, f := range map[string]fate{"as asked": asAsked, "lost": {err: errLost}, "the response lost": {happens: 1, err: errLost}} {
			t.Run(name+", "+answer, func(t *testing.T) {
				s := sessioned(t)
				of := keyrotation.Sessions{KeyID: s.key(1).KeyID}
				all := s.going(of)
				err := s.quarantines(c.hand, f)
				at := s.now
				asked, waits := s.count("end"), s.store.ring().Ends
				if !c.ends {
					s.must(err)
					if asked != 0 || len(waits) != 0 || s.going(of) < all {
						t.Errorf("the platform was asked %d times, %v waits and %d of %d sessions go on; want none asked or waiting, and all", asked, waits, s.going(of), all)
					}
					return
				}
				s.mustFail(err, f.err)
				if left := f.err != nil; asked != 1 || left != (len(waits) == 1) || left && (waits[0].Of != of || waits[0].Reason != s.key(1).Note) {
					t.Fatalf("the platform was asked %d times, and %+v waits; want it asked once, and the order to wait: %t", asked, waits, left)
				}
				s.as("")
				s.must(s.live(time.Minute))
				if n := s.platform.since(of, at); n > 0 {
					t.Errorf("%d sessions go on that were opened before the quarantine", n)
				}
				if more := s.count("end"); more > 1 || (more == 1) != (f.err != nil) || len(s.store.ring().Ends) > 0 {
					t.Errorf("asked %d times more, and %v waits; want once after a failure only, and none", more, s.store.ring().Ends)
				}
			})
		}
	}
}

// However many orders of operators wait, the quarantine is not held up.
func TestAQuarantinedKeysSessionsEndHoweverManyOrdersWait(t *testing.T) {
	t.Parallel()
	s := sessioned(t)
	s.always("end", fate{err: errLost})
	for i := range 100 {
		_, err := s.endSessions(keyrotation.SessionsOf{Viewer: fmt.Sprint(i)})
		s.mustFail(err, errLost)
	}
	k := s.lose(1)
	compromises["private key replaced"].hand(s, k)
	s.mustFail(s.observe(), errLost)
	s.wait(settle)
	s.mustFail(s.pass(), errLost)
	s.want("1 quarantined, 2 active, 3 registered")
	if got := s.store.ring().Ends; len(got) != 101 || got[100].Of.KeyID != k.KeyID {
		t.Errorf("%d orders wait, want 101 and the key's last", len(got))
	}
}

func TestAQuarantineAtAPlatformWithoutSessionsOrdersNoEnd(t *testing.T) {
	s := bootstrapped(t)
	err := s.quarantines(compromises["private key replaced"].hand, asAsked)
	s.must(err)
	if got := s.store.ring().Ends; len(got) != 0 || s.count("end") != 0 {
		t.Errorf("%v waits and the platform was asked %d times, want none: it has no sessions", got, s.count("end"))
	}
}
