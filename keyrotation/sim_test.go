package keyrotation_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"playtoken/keyrotation"
)

// foreign are the ids of keys on the same account that are not ours: one made
// by hand, one of another deployment.
var foreign = []string{"id0001", "id0002"}

// settled: one active, one standby, and at the platform just these, those that
// are still retiring, and what is not ours.
func (w *world) settled() {
	w.reconcile(w.replicas[0])
	ring := w.store.ring()
	count := map[keyrotation.State]int{}
	ours := map[string]bool{}
	for _, k := range ring.Keys {
		count[k.State]++
		if k.State == keyrotation.Registered || k.State == keyrotation.Active || k.State == keyrotation.Retiring {
			ours[k.KeyID] = true
		}
	}
	if count[keyrotation.Active] != 1 || count[keyrotation.Registered] != 1 || len(ring.Orphans) != 0 ||
		count[keyrotation.Registering]+count[keyrotation.Deleting]+count[keyrotation.Abandoning] != 0 {
		w.failf("after the faults ended: %v, orphans %v, last run %+v", count, ring.Orphans, ring.LastRun)
	}
	if got, want := len(w.platform.keys), len(ours)+len(foreign); got != want {
		w.failf("the platform holds %d keys, want %d", got, want)
	}
	w.noValueLeft()
	before := w.platform.calls
	if err := w.reconcile(w.replicas[0]); err != nil || w.platform.calls != before {
		w.failf("one more reconcile: %v, %d calls that change something", err, w.platform.calls-before)
	}
}

// tally is what a number of simulations did.
type tally struct {
	sync.Mutex
	worlds, tokens, checked, generations int
}

func (sum *tally) add(w *world) {
	sum.Lock()
	defer sum.Unlock()
	sum.worlds++
	sum.tokens, sum.checked = sum.tokens+w.oracle.total, sum.checked+w.oracle.checked
	sum.generations += w.generations()
}

// storms lets many worlds go through calm, storm and quiet.
func storms(t *testing.T, build func(t *testing.T, seed uint64, replicas int) *world) *tally {
	stormy := odds{lost: 40, unheard: 40, late: 80, refused: 60, crash: 10, timeStep: 8 * time.Second}
	seeds, turns, sum := 25, 3000, &tally{}
	if testing.Short() {
		seeds = 6
	}
	t.Run("seeds", func(t *testing.T) {
		for seed := range uint64(seeds) {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				w := build(t, seed, 1+int(seed%4))
				w.run(200, calm)
				w.run(turns, stormy)
				w.quiet()
				w.settled()
				sum.add(w)
			})
		}
	})
	t.Logf("%d seeds, %d turns each: %d tokens minted, %d verifications, %d generations",
		seeds, turns+200, sum.tokens, sum.checked, sum.generations)
	if sum.tokens == 0 || sum.generations < 2*seeds {
		t.Fatal("the simulation did nothing")
	}
	return sum
}

func TestNoViewerIsRefusedWhateverHappens(t *testing.T) {
	if sum := storms(t, newWorld); sum.checked == 0 && sum.worlds > 0 {
		t.Fatal("the gate's verifier looked at nothing")
	}
}

func TestAnIssuedKeyIsHonouredWhileAnybodyUsesItWhateverHappens(t *testing.T) {
	storms(t, newIssuingWorld)
}

func TestRotationAfterRotationInCalm(t *testing.T) {
	w := newWorld(t, 1, 3)
	w.run(6000, odds{timeStep: 5 * time.Second})
	w.quiet()
	w.settled()
	rotations := len(w.store.ring().Keys) - 2
	hours := w.now.Sub(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)).Hours()
	t.Logf("%.1f hours, %d rotations, %d tokens", hours, rotations, w.oracle.total)
	if rotations < 5 {
		t.Errorf("want a rotation every ten minutes, got %d in %.1f hours", rotations, hours)
	}
}

func ExampleRingName() {
	fmt.Println(keyrotation.RingName("default"))
	// Output: ring/default
}
