package standin_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"playtoken/keyrotation"
	"playtoken/platforms/jwtkeys"
	"playtoken/platforms/standin"
	"playtoken/platforms/vidbeo/vidbeotest"
	"playtoken/secret"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a time that tests move.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newClock() *clock { return &clock{at: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

// faces returns the two ways to a stand-in: in process, and over HTTP.
func faces(t *testing.T, s *standin.Keys) map[string]keyrotation.Registrar {
	server := httptest.NewServer(vidbeotest.Serve(standin.World{Keys: s, PageSize: 25}))
	t.Cleanup(server.Close)
	p, err := jwtkeys.New(jwtkeys.Config{URL: server.URL + "/v2", Credential: secret.New("anything goes here")})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]keyrotation.Registrar{"in process": s, "over HTTP": p}
}

var public, fingerprint = standin.PublicKey(1), keyrotation.Fingerprint(standin.PublicKey(1))

func TestEffectAndAnswerAreIndependent(t *testing.T) {
	unanswered := []standin.Fault{
		{Response: standin.Lost}, {Response: standin.Unsuccessful}, {Response: standin.HTML},
		{Response: standin.ErrorStatus, Status: 409}, {Response: standin.ErrorStatus, Status: 500},
	}
	for effect, counts := range map[standin.Effect][2]int{ // keys at once, and in the end
		standin.Once: {1, 1}, standin.Never: {0, 0}, standin.Twice: {2, 2}, standin.Later: {0, 1},
	} {
		for _, fault := range unanswered {
			clock := newClock()
			s := standin.New(standin.Options{Now: clock.now})
			for face, keys := range faces(t, s) {
				fault.Effect, fault.Delay = effect, time.Minute
				s.Script(fault)
				id, err := keys.Register(t.Context(), "name", public)
				if id != "" || err == nil || len(s.Current()) != counts[0] {
					t.Errorf("%s, %+v: %q, %v, %d keys", face, fault, id, err, len(s.Current()))
				}
				clock.at = clock.at.Add(time.Minute)
				if len(s.Current()) != counts[1] || s.Pending() != 0 {
					t.Errorf("%s, %+v: %d keys in the end", face, fault, len(s.Current()))
				}
				for _, key := range s.Current() {
					if !s.Holds(key.ID, fingerprint) || s.Holds(key.ID, "") || s.Holds(key.ID+"x", fingerprint) {
						t.Errorf("%s: it does not know what it holds", face)
					}
					s.Remove(key.ID)
				}
			}
		}
	}
}

func TestALateDeleteLandsWhenItsTimeComesOrOnRequest(t *testing.T) {
	for _, land := range []bool{false, true} {
		clock := newClock()
		s := standin.New(standin.Options{Now: clock.now})
		for face, keys := range faces(t, s) {
			id := s.Add("name", public)
			s.Script(standin.Fault{Effect: standin.Later, Delay: time.Minute, Response: standin.Lost})
			if err := keys.Delete(t.Context(), id); err == nil || !s.Holds(id, fingerprint) || s.Pending() != 1 {
				t.Errorf("%s: %v, %d pending", face, err, s.Pending())
			}
			if land {
				s.Land()
			} else {
				clock.at = clock.at.Add(time.Minute)
			}
			if s.Holds(id, fingerprint) {
				t.Errorf("%s: it never landed", face)
			}
		}
	}
}

func TestStaleViewsShowThePast(t *testing.T) {
	clock := newClock()
	s := standin.New(standin.Options{Now: clock.now})
	old := s.Add("old", public)
	clock.at = clock.at.Add(time.Minute)
	s.Remove(old)
	s.Add("new", standin.PublicKey(2))
	for face, keys := range faces(t, s) {
		for age, want := range map[time.Duration]string{0: "new", time.Second: "old"} {
			s.Script(standin.Fault{Stale: age})
			list, err := keys.List(t.Context())
			if err != nil || len(list) != 1 || list[0].Name != want {
				t.Errorf("%s, %s ago: %+v, %v", face, age, list, err)
			}
		}
		s.Script(standin.Fault{Stale: time.Second})
		if key, err := keys.Get(t.Context(), old); err != nil || key.ID != old {
			t.Errorf("%s: Get = %+v, %v, want the old key", face, key, err)
		}
		s.Script(standin.Fault{Stale: time.Hour})
		if list, err := keys.List(t.Context()); err != nil || len(list) != 0 {
			t.Errorf("%s, before there was any: %+v, %v", face, list, err)
		}
	}
}

func TestBothFacesShowTheSame(t *testing.T) {
	for view := standin.Accurate; view <= standin.OtherResource; view++ {
		s := standin.New(standin.Options{Fault: func(standin.Call) standin.Fault { return standin.Fault{View: view} }})
		for i := range 7 {
			s.Add(fmt.Sprint(i), standin.PublicKey(uint64(i)))
		}
		shown := map[string]string{}
		for face, keys := range faces(t, s) {
			list, err := keys.List(t.Context())
			for _, key := range list {
				shown[face] += key.ID + " " + key.Name + " " + key.Fingerprint + "\n"
			}
			if (err != nil) != (view >= standin.Doubled) || (err == nil) != (len(list) > 0) {
				t.Errorf("%s, view %d: %d keys, %v", face, view, len(list), err)
			}
		}
		if diff := cmp.Diff(shown["in process"], shown["over HTTP"]); diff != "" {
			t.Errorf("view %d: %s", view, diff)
		}
	}
}

func TestChaosRepeatsItself(t *testing.T) {
	one, two, other := standin.Chaos(1, 0.5, time.Minute), standin.Chaos(1, 0.5, time.Minute), standin.Chaos(2, 0.5, time.Minute)
	ops := []standin.Op{standin.OpRegister, standin.OpList, standin.OpGet, standin.OpDelete}
	wrong, differs := 0, false
	for i := range 10000 {
		call := standin.Call{Op: ops[i%len(ops)]}
		f := one(call)
		if f != two(call) {
			t.Fatal("the same seed, but another fault")
		}
		differs = differs || f != other(call)
		if f != (standin.Fault{}) {
			wrong++
		}
		refused := errors.Is(answer(f), keyrotation.ErrRefused) || errors.Is(answer(f), keyrotation.ErrThrottled) || errors.Is(answer(f), keyrotation.ErrUnauthorized)
		if refused && f.Effect != standin.Never || f.Delay > time.Minute || f.Stale > time.Minute {
			t.Errorf("got the fault %+v, want no refusal with an effect, and a minute at most", f)
		}
		if f.Response == standin.Normal && (f.Effect == standin.Never || f.Effect == standin.Later) && call.Op != standin.OpList {
			t.Errorf("%+v: a lie, which no client could see through", f)
		}
	}
	if wrong < 4000 || wrong > 5500 || !differs {
		t.Errorf("%d of 10000 calls went wrong, seeds differ: %v", wrong, differs)
	}
}

// answer is the error of a call with this fault.
func answer(f standin.Fault) error {
	s := standin.New(standin.Options{})
	s.Script(f)
	_, err := s.List(context.Background())
	return err
}

func TestIDsAreUsedAgainOnlyOnRequest(t *testing.T) {
	for _, reuse := range []bool{false, true} {
		s := standin.New(standin.Options{ReuseIDs: reuse})
		one, two := s.Add("one", public), s.Add("two", standin.PublicKey(2))
		s.Remove(one)
		three := s.Add("three", standin.PublicKey(3))
		if one == two || two == three || (three == one) != reuse || s.Holds(one, fingerprint) {
			t.Errorf("reuse %v: %s, %s, %s", reuse, one, two, three)
		}
	}
}

func TestPublicKeysAreManyAndTheSameEachTime(t *testing.T) {
	seen := map[string]bool{}
	for i := range uint64(100) {
		f := keyrotation.Fingerprint(standin.PublicKey(i))
		if f == "" || seen[f] || f != keyrotation.Fingerprint(standin.PublicKey(i)) {
			t.Errorf("the key of seed %d has the fingerprint %q, want one of its own, the same each time", i, f)
		}
		seen[f] = true
	}
}

func TestIssuedKeysComeAndGoLikeOthers(t *testing.T) {
	clock := newClock()
	s := standin.New(standin.Options{Now: clock.now})
	byHand := s.AddIssued("by hand")
	key, err := s.Issue(t.Context(), "one")
	if err != nil || s.Issued()[string(key.Value)].ID != key.ID || s.Issued()[byHand.Value].ID != byHand.ID || string(key.Value) == byHand.Value {
		t.Fatalf("Issue = %+v, %v, want a key with a value of its own", key, err)
	}
	if _, err := s.Issue(t.Context(), ""); !errors.Is(err, keyrotation.ErrRefused) {
		t.Errorf("without a name: %v", err)
	}
	s.Script(standin.Fault{Effect: standin.Twice, Response: standin.Lost}, standin.Fault{Effect: standin.Never, Response: standin.Lost})
	for range 2 {
		if key, err := s.Issue(t.Context(), "lost"); err == nil || key.Value != nil {
			t.Errorf("Issue with a lost response = %+v, %v, want an error and no value", key, err)
		}
	}
	if n := len(s.Issued()); n != 4 || s.Count(standin.OpIssue) != 4 {
		t.Errorf("%d keys, %d calls", n, s.Count(standin.OpIssue))
	}
	if err := s.Delete(t.Context(), key.ID); err != nil || len(s.Issued()) != 3 || s.Holds(byHand.ID, "") {
		t.Errorf("%v, %d keys", err, len(s.Issued()))
	}
}
