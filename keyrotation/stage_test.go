package keyrotation_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"playtoken/keyrotation"
)

// stage is a world in which a scenario is played: one replica acts, another one
// can take over, and the script decides about chosen calls of the first. Both
// mint all the time, and the oracle checks every token.
type stage struct {
	*world
	acts, fresh *replica
	calls       []string // of the acting replica, since the script was last set
}

// newStage is a world without a ring. Its replicas agree with its clock.
func newStage(t *testing.T) *stage { return stageIn(newWorld(t, 0, 0)) }

// newIssuingStage is one whose platform makes the keys.
func newIssuingStage(t *testing.T) *stage { return stageIn(newIssuingWorld(t, 0, 0)) }

func stageIn(w *world) *stage {
	s := &stage{world: w}
	s.acts, s.fresh = s.newReplica(1), s.newReplica(4)
	s.replicas = []*replica{s.fresh, s.acts}
	s.as("")
	return s
}

// bootstrapped is a stage with an active generation 1 and a standby.
func bootstrapped(t *testing.T) *stage { return newStage(t).bootstrap() }

// issued is the same with issued keys.
func issued(t *testing.T) *stage { return newIssuingStage(t).bootstrap() }

func (s *stage) bootstrap() *stage {
	s.must(s.pass())
	s.wait(propagation)
	s.must(s.pass())
	s.want("1 active, 2 registered")
	s.wait(propagation)
	return s
}

// rotated is one in which generation 1 has just been retired.
func rotated(t *testing.T) *stage { return bootstrapped(t).rotateOnce() }

// issuedRotated is the same with issued keys.
func issuedRotated(t *testing.T) *stage { return issued(t).rotateOnce() }

func (s *stage) rotateOnce() *stage {
	s.must(s.rotate())
	s.want("1 retiring, 2 active, 3 registered")
	s.wait(propagation)
	return s
}

// as scripts the next calls of an operation, in order; those after them happen
// as asked. "any" is every operation.
func (s *stage) as(op string, fates ...fate) {
	s.calls = nil
	s.script = func(r *replica, called string) fate {
		if r != s.acts {
			return asAsked
		}
		s.calls = append(s.calls, called)
		if op != called && op != "any" || len(fates) == 0 {
			return asAsked
		}
		f := fates[0]
		fates = fates[1:]
		return f
	}
}

// always scripts every call of an operation from now on.
func (s *stage) always(op string, f fate) {
	s.calls = nil
	s.script = func(r *replica, called string) fate {
		s.calls = append(s.calls, called)
		if op == called {
			return f
		}
		return asAsked
	}
}

// count is how often the acting replica called an operation.
func (s *stage) count(op string) (n int) {
	for _, called := range s.calls {
		if called == op || op == "mutating" && mutating[called] {
			n++
		}
	}
	return n
}

// by lets a replica do something to its end.
func (s *stage) by(r *replica, do func(context.Context, *keyrotation.Rotator) error) error {
	r.start(func(ctx context.Context) error { return do(ctx, r.rotator) })
	err := r.finish()
	s.oracle.check()
	return err
}

// pass is one reconcile of the acting replica.
func (s *stage) pass() error { return s.passBy(s.acts) }

func (s *stage) passBy(r *replica) error {
	return s.by(r, func(ctx context.Context, rot *keyrotation.Rotator) error {
		_, err := rot.Reconcile(ctx, keyrotation.Order{Actor: "scheduler"})
		return err
	})
}

func (s *stage) rotate() error {
	return s.by(s.acts, func(ctx context.Context, rot *keyrotation.Rotator) error {
		_, err := rot.Reconcile(ctx, keyrotation.Order{Now: true, Actor: "cli", Reason: "test"})
		return err
	})
}

// wait lets time pass in which both replicas mint.
func (s *stage) wait(d time.Duration) {
	for end := s.now.Add(d); s.now.Before(end); {
		for _, r := range s.replicas {
			r.signer.mint()
		}
		s.advance(min(10*time.Second, end.Sub(s.now)))
		s.oracle.check()
	}
}

// live lets time pass with a reconcile every ten seconds, and returns the error
// of the last one.
func (s *stage) live(d time.Duration) (err error) {
	for end := s.now.Add(d); s.now.Before(end) && !s.acts.dead; {
		s.wait(min(10*time.Second, end.Sub(s.now)))
		err = s.pass()
	}
	return err
}

// must ends the test if err is not nil.
func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.failf("%v\n%s", err, s.states())
	}
}

// mustFail ends the test unless err is want.
func (s *stage) mustFail(err, want error) {
	s.t.Helper()
	if !errors.Is(err, want) {
		s.failf("got error %v, want %v\n%s", err, want, s.states())
	}
}

// mustGuard ends the test unless err is a Guard whose reason contains why.
func (s *stage) mustGuard(err error, why string) *keyrotation.Guard {
	s.t.Helper()
	var g *keyrotation.Guard
	if !errors.As(err, &g) || !strings.Contains(g.Why, why) {
		s.failf("got error %v, want a refusal that says %q", err, why)
	}
	return g
}

// states are those of all keys: "1 active, 2 registered".
func (s *stage) states() string {
	var all []string
	ring := s.store.ring()
	for _, k := range ring.Keys {
		all = append(all, fmt.Sprintf("%d %s", k.Generation, k.State))
	}
	return strings.Join(all, ", ")
}

func (s *stage) want(states string) {
	s.t.Helper()
	if got := s.states(); got != states {
		s.failf("got keys %s, want %s", got, states)
	}
}

// key is a generation as the ring has it.
func (s *stage) key(generation int) keyrotation.Key {
	s.t.Helper()
	ring := s.store.ring()
	k, ok := ring.Key(generation)
	if !ok {
		s.failf("there is no generation %d", generation)
	}
	return k
}

// lose tells the oracle that a generation's tokens may be lost: the test is about
// to revoke the key, or to change it by hand.
func (s *stage) lose(generation int) keyrotation.Key {
	k := s.key(generation)
	s.oracle.forgive(k.KeyID)
	return k
}

// recovers: a fresh replica comes to the end of all trouble by itself.
func (s *stage) recovers() {
	s.t.Helper()
	s.as("")
	s.acts.crash()
	s.wait(time.Minute) // what is late has arrived
	for range 7 {
		s.must(s.passBy(s.fresh))
		s.tended(s.fresh)
		s.wait(20 * time.Second)
	}
	if s.platform.names != nil {
		s.deployed()
	}
	s.settled()
}

// observe lets a look fall due, and be taken.
func (s *stage) observe() error {
	s.wait(simPolicy().ObserveEvery)
	return s.pass()
}

// ask lets the acting replica answer a question.
func ask[T any](s *stage, question func(*keyrotation.Rotator, context.Context) (T, error)) (answer T, err error) {
	err = s.by(s.acts, func(ctx context.Context, r *keyrotation.Rotator) error {
		answer, err = question(r, ctx)
		return err
	})
	return answer, err
}
