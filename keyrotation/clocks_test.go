package keyrotation_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"playtoken/keyrotation"
	"playtoken/store"
)

// off sets a replica's clock wrong; the store's is right.
func (r *replica) off(by time.Duration) {
	r.rotator.Clock = func() time.Time { return r.w.now.Add(by) }
}

// timed lets every replica ask the store what time it is.
func (w *world) timed() *world {
	for _, r := range w.replicas {
		r.rotator.StoreTime = func(context.Context) (time.Time, error) { return w.now, nil }
	}
	return w
}

func TestNoViewerIsRefusedWhileClocksAreFarOff(t *testing.T) {
	t.Parallel()
	stormy := odds{lost: 30, unanswered: 30, late: 30, refused: 30, crash: 10, timeStep: 8 * time.Second}
	seeds := 2
	if thorough() {
		seeds = 16
	}
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, seed, 3).timed()
			w.replicas[1].off(90 * time.Second)
			w.replicas[2].off(-90 * time.Second)
			w.run(300, calm)
			w.run(2500, stormy)
			w.quiet()
			w.settled()
			if w.oracle.total == 0 {
				t.Error("got no tokens in the simulation, want some")
			}
		})
	}
}

func TestAClockFarAheadDelaysNoOtherReplica(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, 2).timed()
	w.replicas[1].off(24 * time.Hour)
	w.quiet()
	for range 100 {
		w.advance(30 * time.Second)
		w.reconcile(w.replicas[1])
		w.oracle.check()
		if err := w.reconcile(w.replicas[0]); err != nil {
			t.Fatal(err)
		}
		w.oracle.check()
	}
	w.settled()
	if n := len(w.store.ring().Keys); n < 8 {
		t.Errorf("got %d generations in fifty minutes, want a rotation every four", n)
	}
}

func TestAnOperatorWhoseClockIsOffIsToldSo(t *testing.T) {
	for name, verb := range map[string]func(*keyrotation.Rotator, context.Context, int, keyrotation.Order) (keyrotation.Result, error){
		"rollback": (*keyrotation.Rotator).Rollback, "activate": (*keyrotation.Rotator).Activate,
	} {
		t.Run(name, func(t *testing.T) {
			s := rotated(t)
			s.timed()
			s.acts.off(-time.Hour)
			_, err := s.order(verb, map[string]int{"rollback": 1, "activate": 3}[name])
			s.mustGuard(err, "clock")
			s.want("1 retiring, 2 active, 3 registered")
		})
	}
}

func TestARevocationIsNotDelayedByAWrongClock(t *testing.T) {
	s := bootstrapped(t)
	ring := s.store.ring()
	ring.ObservedAt = s.now.Add(24 * time.Hour) // a replica's clock was ahead, and it did not ask the store
	data, err := ring.Encode()
	s.must(err)
	s.store.docs[keyrotation.RingName("default")] = store.Document{Data: data, Version: ring.Version + 1}
	id := s.key(1).KeyID
	s.oracle.forgive(id)
	_, _ = ask(s, func(r *keyrotation.Rotator, ctx context.Context) (keyrotation.Revocation, error) {
		return r.Revoke(ctx, 1, keyrotation.Order{Reason: "leak"})
	})
	if _, there := s.platform.keys[id]; there {
		t.Errorf("the platform still has key %s, want it deleted", id)
	}
}

// The store's clock is unavailable at first and known later. By a clock that is
// far behind, a key would seem to have propagated at once.
func TestARegistrationIsDatedByTheStoresClockAsSoonAsThatIsKnown(t *testing.T) {
	for name, set := range map[string]func(*testing.T) *stage{"the first key": newStage, "a standby": standbyDue} {
		t.Run(name, func(t *testing.T) {
			s := set(t)
			s.timed()
			s.acts.off(-45 * time.Second)
			asked := 0
			s.acts.rotator.StoreTime = func(context.Context) (time.Time, error) {
				if asked++; asked == 1 {
					return time.Time{}, errLost
				}
				return s.now, nil
			}
			s.must(s.pass())
			ring := s.store.ring()
			if k := ring.Keys[len(ring.Keys)-1]; k.State != keyrotation.Registered || k.RegisteredAt.Before(s.now.Add(-2*time.Second)) {
				t.Errorf("generation %d is %s since %s, want it registered at %s", k.Generation, k.State, k.RegisteredAt, s.now)
			}
			s.must(s.passBy(s.fresh)) // activates nothing too soon
			s.wait(propagation)
		})
	}
}

// standbyDue is a stage whose standby was given up, long enough after the last
// look for a clock behind it to go unnoticed.
func standbyDue(t *testing.T) *stage {
	s := bootstrapped(t)
	s.lose(2)
	s.as("register", fate{err: errLost})
	_ = s.by(s.acts, func(ctx context.Context, r *keyrotation.Rotator) error {
		_, err := r.Revoke(ctx, 2, keyrotation.Order{Reason: "leak"})
		return err
	})
	s.as("")
	s.wait(55 * time.Second)
	return s
}
