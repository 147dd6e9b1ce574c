package keyrotation_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"playtoken/keyrotation"
	"playtoken/platforms"
)

// What is different in a world whose platform takes a key in two objects: a key
// opens nothing before a list names it. A request to replace the list says which
// version of it was read, and a key that the list names cannot be removed.

// simNames is that list.
type simNames struct {
	ids     []string
	version int
	changed time.Time
	named   map[string]time.Time // since when, by id
}

var errInUse = errors.New("the key is in use")

// newListingWorld is a world whose platform has such a list, with the keys that are not
// ours in it.
func newListingWorld(t *testing.T, seed uint64, replicas int) *world {
	w := worldOf(t, seed, 0, false)
	names := &simNames{ids: w.platform.ids(), named: map[string]time.Time{}}
	for _, id := range names.ids {
		names.named[id] = time.Time{}
	}
	w.platform.names = names
	w.populate(replicas)
	return w
}

// listing lets a replica work with such a platform, if this is one.
func (r *replica) listing() {
	if r.w.platform.names == nil {
		return
	}
	r.rotator.Platform = platforms.Listed{Objects: objectsView{platformView{r}}, Names: namesView{r}}
}

// accepts reports whether an edge with a delay accepts tokens of a key that is there.
func (p *simPlatform) accepts(id string, delay time.Duration) bool {
	if p.names == nil {
		return !p.w.now.Before(p.born[id].Add(delay))
	}
	since, named := p.names.named[id]
	return named && !p.w.now.Before(since.Add(delay))
}

// replace is a request to replace the list; unless it has the version, nothing happens.
func (n *simNames) replace(w *world, ids []string, version string) error {
	if version != strconv.Itoa(n.version) {
		return platforms.ErrListChanged
	}
	for _, id := range ids {
		if _, there := w.platform.keys[id]; !there {
			return fmt.Errorf("there is no key %s", id)
		}
		if _, there := n.named[id]; !there {
			n.named[id] = w.now
		}
	}
	for _, id := range n.ids {
		if !slices.Contains(ids, id) {
			w.oracle.deletes(id)
			delete(n.named, id)
		}
	}
	n.ids, n.changed = slices.Clone(ids), w.now
	n.version++
	return nil
}

// drop is what happens to the list when a person removes a key with all that names it.
func (n *simNames) drop(id string) {
	if n != nil && slices.Contains(n.ids, id) {
		n.ids = slices.DeleteFunc(n.ids, func(other string) bool { return other == id })
		delete(n.named, id)
		n.version++
	}
}

// objectsView are the keys as one replica reaches them.
type objectsView struct{ at platformView }

func (v objectsView) Create(ctx context.Context, name, public string) (string, error) {
	return v.at.Register(ctx, name, public)
}

func (v objectsView) All(ctx context.Context) ([]keyrotation.PlatformKey, error) {
	return v.at.List(ctx)
}

func (v objectsView) One(ctx context.Context, id string) (keyrotation.PlatformKey, error) {
	return v.at.Get(ctx, id)
}

func (v objectsView) Remove(_ context.Context, id string) error {
	w := v.at.r.w
	_, err := call(v.at.r, "delete", func() (struct{}, error) {
		if slices.Contains(w.platform.names.ids, id) || w.now.Before(w.platform.names.changed.Add(slowest)) {
			return struct{}{}, errInUse
		}
		v.at.deletes(id)
		return struct{}{}, nil
	})
	return err
}

// namesView is the list as one replica reaches it.
type namesView struct{ r *replica }

func (v namesView) Read(context.Context) (platforms.List, error) {
	return call(v.r, "names", func() (platforms.List, error) {
		n := v.r.w.platform.names
		deployed := !v.r.w.now.Before(n.changed.Add(slowest))
		return platforms.List{KeyIDs: slices.Clone(n.ids), Version: strconv.Itoa(n.version), Deployed: deployed}, nil
	})
}

func (v namesView) Replace(_ context.Context, ids []string, version string) error {
	_, err := call(v.r, "put", func() (struct{}, error) {
		v.r.w.platform.calls++
		return struct{}{}, v.r.w.platform.names.replace(v.r.w, ids, version)
	})
	return err
}

// overwrites: another program replaces the list by one of its own, without our keys.
func (w *world) overwrites() bool {
	for _, id := range slices.Clone(w.platform.names.ids) {
		if maker := w.platform.makers[id]; maker != nil {
			maker.oracle.forgive(id)
			w.platform.names.drop(id)
		}
	}
	return true
}

// listedIncidents are those that such a world knows.
var listedIncidents = append(slices.Clone(incidents[:len(incidents)-2]), incident{"list overwritten", 4, (*world).overwrites})

func listedLifeOf(t *testing.T, seed uint64) *world {
	is := rand.New(rand.NewPCG(seed, 7))
	w := newListingWorld(t, seed, 0)
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
	for _, s := range listedIncidents {
		if is.IntN(s.seldom) == 0 {
			w.incidents = append(w.incidents, s)
		}
	}
	if is.IntN(3) == 0 {
		w.settleNeighbour(1 + is.IntN(2))
	}
	if is.IntN(4) > 0 {
		w.begin()
	}
	w.run(900, temperaments[is.IntN(len(temperaments))])
	return w
}

func TestNoViewerIsRefusedWhereAListNamesTheKeys(t *testing.T) {
	playLives(t, listedLifeOf, func(w *world) {
		w.deployed()
		w.settled()
		w.named()
	})
}

// deployed lets removals that wait for the platform come to their end.
func (w *world) deployed() {
	removing := func(n *world) bool {
		ring := n.store.ring()
		return slices.ContainsFunc(ring.Keys, func(k keyrotation.Key) bool { return onTheWayOut[k.State] && k.State != keyrotation.Deleted })
	}
	for range 12 {
		for n := w; n != nil; n = n.neighbour {
			n.reconcile(n.replicas[0])
		}
		if !removing(w) && (w.neighbour == nil || !removing(w.neighbour)) {
			return
		}
		w.advance(10 * time.Second)
		w.check()
	}
}

// named: the list names the keys that are in use, and the other party's, unless an
// operator began to remove one.
func (w *world) named() {
	for _, id := range foreign {
		if _, there := w.platform.keys[id]; there && !w.oracle.ordered[id] && !slices.Contains(w.platform.names.ids, id) {
			w.failf("%s is not ours, and the list does not name it any more", id)
		}
	}
	ring := w.store.ring()
	for _, k := range ring.Keys {
		if (k.State == keyrotation.Active || k.State == keyrotation.Registered) != slices.Contains(w.platform.names.ids, k.KeyID) && k.State != keyrotation.Retiring {
			w.failf("generation %d is %s, and the list has %v", k.Generation, k.State, w.platform.names.ids)
		}
	}
}

func newListingStage(t *testing.T) *stage { return stageIn(newListingWorld(t, 0, 0)) }

func listed(t *testing.T) *stage { return newListingStage(t).bootstrap() }

func listedRotated(t *testing.T) *stage { return listed(t).rotateOnce() }

// listedScenarios are those of keys that a list names.
var listedScenarios = []scenario{
	{"bootstrap, listed", newListingStage, scenarios[0].plays},
	{"rotation, listed", listed, scenarios[1].plays},
	{"deletion, listed", listedRotated, func(s *stage) { s.live(overlap + 60*time.Second - propagation) }},
	{"revocation, listed", listed, scenarios[3].plays},
	{"rollback, listed", listedRotated, scenarios[4].plays},
}

// TestAKeyLeavesTheListBeforeItIsRemoved: and is removed only when that is deployed.
func TestAKeyLeavesTheListBeforeItIsRemoved(t *testing.T) {
	t.Parallel()
	s := listedRotated(t)
	first := s.key(1)
	for s.key(1).State != keyrotation.Deleting {
		s.live(10 * time.Second)
	}
	if _, there := s.platform.keys[first.KeyID]; !there || slices.Contains(s.platform.names.ids, first.KeyID) {
		s.failf("got %v in the list when generation 1 is being deleted, want it out of the list and still there", s.platform.names.ids)
	}
	s.must(s.live(slowest + 30*time.Second))
	if _, there := s.platform.keys[first.KeyID]; there || s.key(1).State != keyrotation.Deleted {
		s.failf("got generation 1 %s, want it deleted after the list was deployed", s.key(1).State)
	}
}

// TestAKeyThatNoListNamesIsRegisteredAgain: the object is found and not made twice.
func TestAKeyThatNoListNamesIsRegisteredAgain(t *testing.T) {
	t.Parallel()
	s := newListingStage(t)
	s.as("put", fate{err: errLost})
	s.pass()
	if got := s.key(1).State; got != keyrotation.Registering {
		s.failf("got generation 1 %s, want registering: no list names it", got)
	}
	s.must(s.live(propagation + 30*time.Second))
	if made := len(s.platform.keys) - len(foreign); made != 2 || s.key(1).State != keyrotation.Active {
		s.failf("got %d objects and keys %s, want 2, and generation 1 active", made, s.states())
	}
}

// TestAnActiveKeyThatTheListLostIsToldAndReplaced: the platform still shows the key.
func TestAnActiveKeyThatTheListLostIsToldAndReplaced(t *testing.T) {
	t.Parallel()
	s := listed(t)
	s.lose(1)
	s.platform.names.drop(s.key(1).KeyID)
	s.observe()
	ring := s.store.ring()
	if !slices.ContainsFunc(ring.Troubles, func(f keyrotation.Trouble) bool { return f.Code == keyrotation.KeyIsMissing && f.Generation == 1 }) {
		s.failf("got findings %+v, want %s of generation 1", ring.Troubles, keyrotation.KeyIsMissing)
	}
	s.must(s.live(60 * time.Second))
	if got := s.key(2).State; got != keyrotation.Active {
		s.failf("got generation 2 %s, want it active: %s", got, s.states())
	}
}

// TestNoKeySignsWhileItIsDeployed: the platform takes longer than the propagation delay.
func TestNoKeySignsWhileItIsDeployed(t *testing.T) {
	t.Parallel()
	s := listed(t)
	s.platform.names.changed = s.now // as when another program's change is being deployed
	err := s.rotate()
	s.mustGuard(err, "still deploying")
	s.want("1 active, 2 registered")
	s.must(s.live(slowest + 10*time.Second))
	s.must(s.rotate())
	s.want("1 retiring, 2 active, 3 registered")
}
