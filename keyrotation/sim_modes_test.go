package keyrotation_test

import (
	"fmt"
	"testing"
	"time"

	"playtoken/keyrotation"
)

// staleness is how long replicas that sign in memory may do without the store.
const staleness = 100 * time.Second

// signsInMemory reports whether the replica's environment says so.
func (r *replica) signsInMemory() bool { return r.rotator.Policy.KeySpec.Exportable }

// setMode gives a replica another environment.
func (r *replica) setMode(memory bool) {
	p := &r.rotator.Policy
	p.KeySpec.Exportable, p.Durations.Staleness = memory, 0
	if memory {
		p.Durations.Staleness = staleness
	}
	r.signer = simSigner{replica: r}
}

// load takes the keys that may leave the store out of it, as soon as a ring
// names them. It also decides about the next outage.
func (s *simSigner) load() {
	s.memory, s.outage = map[string]simKey{}, 0
	if s.replica.signsInMemory() && s.view.Durations.Staleness > 0 {
		s.outage = s.view.Durations.Staleness * time.Duration(s.replica.w.rng.IntN(5)) / 4
	}
	for _, k := range s.view.Keys {
		private, held := s.replica.w.store.keys[k.StoreName]
		signs := k.State == keyrotation.Active || k.State == keyrotation.Registered
		if s.replica.signsInMemory() && held && private.leaky && signs {
			s.memory[k.StoreName] = private
		}
	}
}

// withoutStore: the store is away just now, and the key is at hand.
func (s *simSigner) withoutStore() bool {
	active, _ := s.view.Active()
	_, held := s.memory[active.StoreName]
	return held && s.replica.w.now.Sub(s.readAt) <= s.outage
}

// mixed is a world half of whose replicas sign in memory.
func mixed(t *testing.T, seed uint64, replicas int) *world {
	w := newWorld(t, seed, replicas)
	for i, r := range w.replicas {
		r.setMode(i%2 == 1)
	}
	return w
}

// generations is how many there have ever been.
func (w *world) generations() int {
	ring := w.store.ring()
	if n := len(ring.Keys); n > 0 {
		return ring.Keys[n-1].Generation
	}
	return 0
}

func TestReplicasThatDifferDoNotRotateAgainstEachOther(t *testing.T) {
	t.Parallel()
	w := mixed(t, 2, 4)
	began := w.now
	w.run(4000, odds{timeStep: 5 * time.Second})
	periods := int(w.now.Sub(began)/interval) + 1
	t.Logf("%d generations in %d rotation intervals, %d tokens", w.generations(), periods, w.oracle.total)
	if w.generations() < periods/2 || w.generations() > 2*(periods+2) {
		t.Errorf("%d generations in %d rotation intervals", w.generations(), periods)
	}
	w.quiet()
	w.settled()
}

func TestNoViewerIsRefusedWhileModesAreMixedAndChanged(t *testing.T) {
	t.Parallel()
	stormy := odds{lost: 40, unanswered: 40, late: 80, refused: 60, crash: 10, timeStep: 8 * time.Second}
	seeds := 3
	if thorough() {
		seeds = 16
	}
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			w := mixed(t, seed, 2+int(seed%3))
			w.run(200, calm)
			for range 4 {
				w.run(600, stormy)
				for _, r := range w.replicas {
					r.setMode(w.rng.IntN(2) == 0)
				}
			}
			w.quiet()
			w.settled()
			if w.oracle.total == 0 {
				t.Error("got no tokens in the simulation, want some")
			}
		})
	}
}

func TestAModeIsLeftByARotationAndNothingOfItRemains(t *testing.T) {
	t.Parallel()
	for _, memory := range []bool{true, false} {
		w := newWorld(t, 0, 2)
		for _, r := range w.replicas {
			r.setMode(!memory)
		}
		w.run(600, calm)
		before := w.generations()
		for _, r := range w.replicas {
			r.setMode(memory)
		}
		w.quiet()
		w.settled()
		for _, k := range w.store.ring().Keys {
			signs := k.State == keyrotation.Active || k.State == keyrotation.Registered
			if signs && k.Exportable != memory {
				t.Errorf("memory %v: generation %d is %s and has exportable %v", memory, k.Generation, k.State, k.Exportable)
			}
		}
		if made := w.generations() - before; made < 2 || made > 5 {
			t.Errorf("memory %v: %d generations made", memory, made)
		}
	}
}

func TestADeletionWaitsForSignersWithoutTheStore(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, r := range s.replicas {
		r.setMode(true)
	}
	s.must(s.pass())
	s.wait(propagation)
	s.must(s.pass())
	s.fresh.signer = simSigner{replica: s.fresh}
	s.fresh.signer.mint()
	s.fresh.signer.outage = staleness
	s.must(s.rotate()) // this replica reads that when its store is back
	s.must(s.live(staleness + overlap))
	s.recovers()
	if k := s.key(1); k.State != keyrotation.Deleted {
		s.failf("it waits for ever: %s", s.states())
	}
}
