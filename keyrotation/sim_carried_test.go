package keyrotation_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"playtoken/keyrotation"
)

// What is different in a world in which a person takes our keys to the verifiers: the
// platform of the simulator stands for the verifiers, which have what the person put
// there, and no call of a replica reaches it. The person acts by what the ring said when
// it was last looked at, confirms late, twice, or never, and may get no response.

// simPerson carries keys.
type simPerson struct {
	w      *world
	view   keyrotation.Ring
	seldom int // acts in one of so many turns of a life
}

// newCarryingWorld is a world with a person, and no platform that has an API.
func newCarryingWorld(t *testing.T, seed uint64, replicas int) *world {
	w := worldOf(t, seed, 0, false)
	w.platform.keys = map[string]keyrotation.PlatformKey{}
	w.person = &simPerson{w: w, seldom: 12}
	w.populate(replicas)
	return w
}

// carried lets a replica work with such a person.
func (r *replica) carried() { r.rotator.Platform, r.rotator.Policy.Carried = nil, true }

// act is one thing that the person does: look, go to the verifiers, or confirm.
func (p *simPerson) act() {
	w := p.w
	if w.rng.IntN(3) == 0 && !w.now.Before(w.store.sealed) {
		p.view = w.store.ring()
		return
	}
	if len(p.view.Keys) == 0 {
		return
	}
	k := p.view.Keys[w.rng.IntN(len(p.view.Keys))]
	if p.goes(k) {
		return
	}
	confirm := p.confirms(k)
	if r := w.pick(); confirm != nil && !r.busy() {
		r.start(func(ctx context.Context) error { return confirm(ctx, r.rotator) })
	}
}

// goes takes a key to the verifiers, or out of them, if that is to be done.
func (p *simPerson) goes(k keyrotation.Key) bool {
	verifiers := p.w.platform
	_, there := verifiers.keys[k.KeyID]
	switch waits := k.WaitsFor(); {
	case waits == keyrotation.WaitsCarried && !there && !onTheWayOut[p.now(k).State]:
		verifiers.keys[k.KeyID] = keyrotation.PlatformKey{ID: k.KeyID, PublicKey: k.PublicKey, Fingerprint: k.Fingerprint}
		verifiers.born[k.KeyID], verifiers.makers[k.KeyID] = p.w.now, p.w
	case waits == keyrotation.WaitsRemoved && there:
		p.w.oracle.deletes(k.KeyID)
		verifiers.remove(k.KeyID)
	default:
		return false
	}
	return true
}

// now is the key as the ring has it: keys export refuses a key that is not wanted.
func (p *simPerson) now(k keyrotation.Key) keyrotation.Key {
	ring := p.w.store.ring()
	now, _ := ring.Key(k.Generation)
	return now
}

// confirms is the verb about what was done, sometimes once more than needed; nil: none.
func (p *simPerson) confirms(k keyrotation.Key) func(context.Context, *keyrotation.Rotator) error {
	_, there := p.w.platform.keys[k.KeyID]
	switch {
	case there:
		return func(ctx context.Context, r *keyrotation.Rotator) error {
			_, err := r.Confirm(ctx, k.Generation, "", byOperator)
			return err
		}
	case k.WaitsFor() == keyrotation.WaitsRemoved:
		return func(ctx context.Context, r *keyrotation.Rotator) error {
			_, err := r.ConfirmRemoved(ctx, k.Generation, byOperator)
			return err
		}
	}
	return nil
}

// tends does all that is to be done, now.
func (p *simPerson) tends(by func(func(context.Context, *keyrotation.Rotator) error)) {
	for range 3 { // what is confirmed may make room for more
		p.view = p.w.store.ring()
		for _, k := range p.view.Keys {
			if k.WaitsFor() == keyrotation.NoOperator {
				continue
			}
			p.goes(k)
			if confirm := p.confirms(k); confirm != nil {
				by(confirm)
			}
		}
	}
}

// tended lets the person of a world, if there is one, do what a replica waits for.
func (w *world) tended(r *replica) {
	if w.person == nil {
		return
	}
	w.person.tends(func(confirm func(context.Context, *keyrotation.Rotator) error) {
		r.do(func(ctx context.Context) error { return confirm(ctx, r.rotator) })
		w.oracle.check()
	})
}

func carriedLifeOf(t *testing.T, seed uint64) *world {
	is := rand.New(rand.NewPCG(seed, 7))
	w := newCarryingWorld(t, seed, 0)
	w.mixed = is.IntN(3) == 0
	differ, timed := is.IntN(2) == 0, is.IntN(2) == 0
	w.populate(1 + is.IntN(4))
	for i, r := range w.replicas {
		if differ {
			r.settingsOf(i)
		}
		if timed {
			r.rotator.StoreTime = storeView{r}.time
		}
	}
	for _, s := range incidents {
		if fetchedIncidents[s.name] && is.IntN(s.seldom) == 0 {
			w.incidents = append(w.incidents, s)
		}
	}
	w.person.seldom = []int{3, 12, 60, 10_000}[is.IntN(4)] // the last does as good as nothing
	if is.IntN(4) > 0 {
		w.begin()
	}
	w.run(900, temperaments[is.IntN(len(temperaments))])
	return w
}

func TestNoViewerIsRefusedWhereAPersonCarriesKeys(t *testing.T) {
	playLives(t, carriedLifeOf, (*world).settled)
}

func newCarryingStage(t *testing.T) *stage { return stageIn(newCarryingWorld(t, 0, 0)) }

// tend lets the person do all that is to be done, through the acting replica.
func (s *stage) tend() {
	s.person.tends(func(confirm func(context.Context, *keyrotation.Rotator) error) { s.by(s.acts, confirm) })
}

func carriedThere(t *testing.T) *stage {
	s := newCarryingStage(t)
	s.must(s.pass())
	s.want("1 registering, 2 registering")
	s.tend()
	s.wait(propagation)
	s.must(s.pass())
	s.want("1 active, 2 registered")
	s.wait(propagation)
	return s
}

func carriedRotated(t *testing.T) *stage {
	s := carriedThere(t)
	s.must(s.rotate())
	s.want("1 retiring, 2 active, 3 registering")
	s.wait(propagation)
	return s
}

// carriedScenarios are those of keys that a person carries.
var carriedScenarios = []scenario{
	{"bootstrap, carried", newCarryingStage, func(s *stage) {
		s.pass()
		s.tend()
		s.live(propagation)
	}},
	{"rotation, carried", carriedThere, thenTended(scenarios[1].plays)},
	{"deletion, carried", carriedRotated, thenTended(scenarios[2].plays)},
	{"revocation, carried", carriedThere, thenTended(scenarios[3].plays)},
	{"rollback, carried", carriedRotated, thenTended(scenarios[4].plays)},
}

func thenTended(plays func(*stage)) func(*stage) {
	return func(s *stage) {
		plays(s)
		s.tend()
		s.live(20 * time.Second)
	}
}
