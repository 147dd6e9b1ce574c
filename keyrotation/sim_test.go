package keyrotation_test

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"playtoken/keyrotation"
)

// settled: one active, one standby, and at the platform just these, those that
// are still retiring, and what is not ours.
func (w *world) settled() {
	if err := w.reconcile(w.replicas[0]); err != nil {
		w.failf("after the faults ended: %v", err)
	}
	w.tended(w.replicas[0])
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
		count[keyrotation.Registering]+count[keyrotation.Deleting]+count[keyrotation.Abandoning]+count[keyrotation.Revoking] != 0 {
		w.failf("after the faults ended: %v, orphans %v, last run %+v", count, ring.Orphans, ring.LastRun)
	}
	for _, id := range w.platform.ids() {
		if w.platform.makers[id] == w && !ours[id] && !w.strays(id) {
			w.failf("the platform still has %s, which is not needed", id)
		}
	}
	for id := range ours {
		if _, there := w.platform.keys[id]; !there && w.verifiers == nil && !w.oracle.forgiven[id] {
			w.failf("the platform lacks %s", id)
		}
	}
	if len(ring.Ends) > 0 {
		w.failf("after the faults ended: the platform has not confirmed %+v", ring.Ends)
	}
	w.noValueLeft()
	before := w.platform.calls
	if err := w.reconcile(w.replicas[0]); err != nil || w.platform.calls != before {
		w.failf("one more reconcile: %v, %d calls that change something", err, w.platform.calls-before)
	}
	if w.neighbour != nil {
		w.neighbour.settled()
	}
}

// tally is what a number of simulations did.
type tally struct {
	sync.Mutex
	worlds, steps, tokens, looked, checked, generations int
	issued                                              int // tokens of issued keys
	faults                                              map[string]int
}

func (sum *tally) add(w *world) {
	sum.Lock()
	defer sum.Unlock()
	sum.worlds, sum.steps = sum.worlds+1, sum.steps+w.steps
	for name, n := range w.faults {
		sum.faults[name] += n
	}
	for ; w != nil; w = w.neighbour {
		sum.tokens, sum.checked = sum.tokens+w.oracle.total, sum.checked+w.oracle.checked
		sum.looked, sum.generations = sum.looked+w.oracle.looked, sum.generations+w.generations()
		if w.issues {
			sum.issued += w.oracle.total
		}
	}
}

// thorough reports whether simulations may take long: "make chaos" sets the
// number of seeds, and "make test" has to be fast.
func thorough() bool { return os.Getenv("PLAYTOKEN_TEST_SEEDS") != "" }

// seeds is how many lives to simulate.
func seeds(t *testing.T) int {
	asked := os.Getenv("PLAYTOKEN_TEST_SEEDS")
	n, err := strconv.Atoi(asked)
	switch {
	case err == nil && n > 0:
		return n
	case thorough():
		t.Fatalf("PLAYTOKEN_TEST_SEEDS = %q, want a positive number", asked)
	case testing.Short():
		return 20
	}
	return 150
}

// Each seed is a life through calm, trouble and quiet.
func TestNoViewerIsRefused(t *testing.T) {
	n, sum := seeds(t), &tally{faults: map[string]int{}}
	t.Run("seeds", func(t *testing.T) {
		for seed := range uint64(n) {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				w := lifeOf(t, seed)
				w.quiet()
				w.settled()
				sum.add(w)
			})
		}
	})
	t.Logf("%d seeds, %d steps, %d generations; %d tokens (%d of issued keys), looked at %d times, verified %d times\n%v",
		sum.worlds, sum.steps, sum.generations, sum.tokens, sum.issued, sum.looked, sum.checked, sum.faults)
	if sum.worlds == n && (sum.tokens < 10*n || sum.generations < 3*n || n >= 20 && (sum.checked == 0 || sum.issued == 0)) {
		t.Errorf("got %d lives with %d tokens and %d generations, want more", sum.worlds, sum.tokens, sum.generations)
	}
}

// Lives that ended badly once, and what they taught.
func TestNoViewerIsRefusedInALifeThatEndedBadlyOnce(t *testing.T) {
	for lesson, seed := range map[string]uint64{
		"a planned key whose private key was rotated by hand is given up": 2592,
	} {
		t.Run(lesson, func(t *testing.T) {
			t.Parallel()
			w := lifeOf(t, seed)
			w.quiet()
			w.settled()
		})
	}
}

func TestASeedIsAlwaysTheSameLife(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		if a, b := lifeOf(t, seed).trace.Sum64(), lifeOf(t, seed).trace.Sum64(); a != b {
			t.Errorf("seed %d: got traces %x and %x, want one", seed, a, b)
		}
	}
}

func TestRotationAfterRotationInCalm(t *testing.T) {
	t.Parallel()
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

// playLives plays a third of the lives of a kind of world, lets each come to its end,
// and wants enough to have happened in all of them.
func playLives(t *testing.T, lifeOf func(t *testing.T, seed uint64) *world, end func(*world)) {
	t.Helper()
	n, sum := max(20, seeds(t)/3), &tally{faults: map[string]int{}}
	t.Run("seeds", func(t *testing.T) {
		for seed := range uint64(n) {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				w := lifeOf(t, seed)
				w.quiet()
				end(w)
				sum.add(w)
			})
		}
	})
	t.Logf("%d lives, %d steps, %d generations, %d tokens, looked at %d times, verified %d times\n%v",
		sum.worlds, sum.steps, sum.generations, sum.tokens, sum.looked, sum.checked, sum.faults)
	if sum.worlds == n && (sum.tokens < 10*n || sum.generations < 3*n || sum.checked == 0) {
		t.Errorf("got %d lives with %d tokens, %d generations and %d verifications, want more", sum.worlds, sum.tokens, sum.generations, sum.checked)
	}
}
