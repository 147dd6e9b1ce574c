package keyrotation_test

import (
	"math/rand/v2"
	"testing"
	"time"
)

// A life is a world with everything that its seed gives it: how many replicas,
// how their environments differ, who else is there, and what goes wrong.

// temperaments are how much goes wrong in a life; each seed has one.
var temperaments = []odds{
	{lost: 40, unanswered: 40, late: 120, twice: 150, refused: 80, crash: 10, incidents: 8, timeStep: 12 * time.Second},
	{lost: 5, unanswered: 5, late: 60, twice: 50, refused: 20, crash: 2, incidents: 20, timeStep: 16 * time.Second},
	{lost: 10, unanswered: 150, late: 200, twice: 300, refused: 20, crash: 5, incidents: 5, timeStep: 10 * time.Second},
	{lost: 20, unanswered: 20, late: 80, twice: 100, refused: 300, crash: 60, incidents: 5, timeStep: 12 * time.Second},
	{incidents: 30, timeStep: 16 * time.Second},
}

func lifeOf(t *testing.T, seed uint64) *world {
	is := rand.New(rand.NewPCG(seed, 2)) // not what happens in it
	w := worldOf(t, seed, 0, is.IntN(5) < 2)
	w.mixed = is.IntN(3) == 0
	if !w.issues && seed%3 == 1 {
		w.withSessions()
	}
	differ, timed := is.IntN(2) == 0, is.IntN(2) == 0
	w.populate(1 + is.IntN(5))
	for i, r := range w.replicas {
		if differ {
			r.settingsOf(i)
		}
		if timed {
			r.rotator.StoreTime = storeView{r}.time
		}
	}
	for _, s := range incidents {
		if is.IntN(s.seldom) == 0 {
			w.incidents = append(w.incidents, s)
		}
	}
	if layouts := rand.New(rand.NewPCG(seed, 3)); layouts.IntN(3) == 0 { // apart, so that older seeds stay what they were
		w.incidents = append(w.incidents, incident{name: "keys shown otherwise", seldom: 1, happen: (*world).showsOtherwise})
	}
	if glass := rand.New(rand.NewPCG(seed, 4)); glass.IntN(3) == 0 {
		w.incidents = append(w.incidents, incident{name: "glass broken", seldom: 1, happen: (*world).breaksGlass})
	}
	w.mayLose(rand.New(rand.NewPCG(seed, 5)))
	if is.IntN(3) == 0 {
		w.settleNeighbour(1 + is.IntN(2))
	}
	w.platform.clock = time.Duration(is.IntN(3)-1) * time.Hour
	if is.IntN(4) > 0 { // the others begin in trouble
		w.begin()
	}
	w.run(600, temperaments[is.IntN(len(temperaments))])
	return w
}

// begin makes the first key active.
func (w *world) begin() {
	for range 4 {
		for n := w; n != nil; n = n.neighbour {
			n.reconcile(n.replicas[0])
			n.tended(n.replicas[0])
		}
		w.advance(12 * time.Second)
	}
}

// quiet ends all faults and tasks, and lets the first replica reconcile, and
// an operator do what only an operator may, until nothing is left to do.
func (w *world) quiet() {
	w.calmDown()
	w.advance(time.Minute) // what is late has arrived
	rounds := 40
	if w.verifiers != nil || w.person != nil {
		rounds *= 2 // a change of kind waits for two keys that every view has to show
	}
	for range rounds {
		wait := 10 * time.Second
		for n := w; n != nil; n = n.neighbour {
			n.tidy(n.replicas[0])
			n.tended(n.replicas[0])
			n.reconcile(n.replicas[0])
			wait = max(wait, n.store.ring().RetryAt.Sub(w.now)) // many refusals, long waits
		}
		w.advance(wait)
		w.check()
	}
}

func (w *world) calmDown() {
	w.odds, w.store.sealed, w.platform.away, w.platform.full, w.platform.odd = calm, time.Time{}, time.Time{}, time.Time{}, nil
	for _, r := range w.replicas {
		r.crash()
		r.setClock(0)
	}
	if w.neighbour != nil {
		w.neighbour.calmDown()
	}
}

// settingsOf gives a replica one of five environments.
func (r *replica) settingsOf(n int) {
	p, d := &r.rotator.Policy, simPolicy().Durations
	p.MaxTTL = time.Duration(90+15*(n%3)) * time.Second
	d.ViewAge -= time.Duration(n%3) * time.Second
	d.Propagation += time.Duration(n%2) * 5 * time.Second
	d.Settle += time.Duration(n%4) * time.Second
	p.Durations = d
	p.RotateEvery, p.KeyBudget = interval+time.Duration(n)*20*time.Second, 10+n%3
	if r.w.issues {
		r.issuedTo()
	} else if r.w.mixed {
		r.setMode(n%2 == 1)
	}
	if r.w.verifiers != nil {
		r.publishing()
	}
}
