package keyrotation_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"playtoken/keyrotation"
)

// What is different in a world whose verifiers fetch our keys: nothing is handed
// over. Each verifier asks a replica for the published keys, and keeps what it got
// for as long as its cache lasts, even if it sees a token of another key meanwhile.

// simVerifier is one verifier with a cache of its own.
type simVerifier struct {
	keys map[string]keyrotation.PlatformKey // by key id
	at   time.Time                          // when it fetched them
}

// cacheOf is how long a verifier keeps what it has fetched: the propagation delay,
// less what two clocks may disagree about the time of the registration.
const cacheOf = slowest

// simPublisher is what one replica serves: the ring as it last read it.
type simPublisher struct {
	view   keyrotation.Ring
	readAt time.Time
	outage time.Duration // the view's age at which the store is back for this replica
}

// newFetchingWorld is a world with that many verifiers and no platform.
func newFetchingWorld(t *testing.T, seed uint64, replicas int) *world {
	w := worldOf(t, seed, 0, false)
	w.platform.keys = map[string]keyrotation.PlatformKey{}
	for range 3 {
		w.verifiers = append(w.verifiers, &simVerifier{})
	}
	w.populate(replicas)
	return w
}

// publishing lets a replica work without a platform.
func (r *replica) publishing() {
	r.rotator.Platform, r.rotator.Policy.Fetched = nil, true
}

// published are the keys that the replica serves now; false: it answers with an
// error. Without the store it serves what it has, as long as the ring says, but
// never an empty set.
func (r *replica) published() ([]keyrotation.Key, bool) {
	w, s := r.w, &r.serves
	keys, age := s.view.Published(), w.now.Sub(s.readAt)
	if s.view.Version > 0 && age <= s.view.Durations.ViewAge {
		return keys, true
	}
	if len(keys) > 0 && age <= s.outage {
		return keys, true
	}
	if w.now.Before(w.store.sealed) {
		return keys, len(keys) > 0 && age <= s.view.Durations.Staleness
	}
	s.view, s.readAt = w.store.ring(), w.now
	s.outage = s.view.Durations.Staleness * time.Duration(w.rng.IntN(5)) / 4
	return s.view.Published(), true
}

// fetch renews what a verifier holds, if the replica answers.
func (v *simVerifier) fetch(from *replica) {
	w := from.w
	keys, ok := from.published()
	if !ok {
		return
	}
	v.keys, v.at = map[string]keyrotation.PlatformKey{}, w.now
	for _, k := range keys {
		key, err := keyrotation.ReadWebKey(k.PublicKey)
		if err != nil {
			w.failf("generation %d is published: %v", k.Generation, err)
		}
		v.keys[key.Kid] = keyrotation.PlatformKey{ID: key.Kid, PublicKey: k.PublicKey, Fingerprint: k.Fingerprint}
	}
}

// fetched reports whether every verifier knows a key just now.
func (w *world) fetched(id, proof string) bool {
	for _, v := range w.verifiers {
		if w.now.Sub(v.at) > cacheOf || w.odds != calm && w.rng.IntN(50) == 0 {
			v.fetch(w.pick())
		}
		if v.keys[id].Fingerprint != proof {
			return false
		}
	}
	return true
}

// fetchedIncidents are those that a world without a platform knows.
var fetchedIncidents = map[string]bool{"store sealed": true, "private key damaged": true, "clock jumped": true, "environment changed": true}

func fetchedLifeOf(t *testing.T, seed uint64) *world {
	is := rand.New(rand.NewPCG(seed, 6))
	w := newFetchingWorld(t, seed, 0)
	w.mixed = is.IntN(3) > 0 // with views that are served without the store
	differ, timed := is.IntN(2) == 0, is.IntN(2) == 0
	w.populate(1 + is.IntN(4))
	for i, r := range w.replicas {
		if differ {
			r.settingsOf(i)
		} else if w.mixed {
			r.setMode(true)
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
	if is.IntN(4) > 0 {
		w.begin()
	}
	w.run(900, temperaments[is.IntN(len(temperaments))])
	return w
}

func TestNoViewerIsRefusedByAVerifierThatFetches(t *testing.T) {
	playLives(t, fetchedLifeOf, (*world).settled)
}

// propagationFetched is when a key that is fetched is ready: every replica serves it,
// and every cache has ended.
const propagationFetched = propagation + 20*time.Second

func newFetchingStage(t *testing.T) *stage { return stageIn(newFetchingWorld(t, 0, 0)) }

func fetched(t *testing.T) *stage {
	s := newFetchingStage(t)
	s.must(s.pass())
	s.wait(propagationFetched)
	s.must(s.pass())
	s.want("1 active, 2 registered")
	s.wait(propagationFetched)
	return s
}

func fetchedRotated(t *testing.T) *stage {
	s := fetched(t)
	s.must(s.rotate())
	s.want("1 retiring, 2 active, 3 registered")
	s.wait(propagationFetched)
	return s
}

// fetchedScenarios are those of keys that verifiers fetch.
var fetchedScenarios = []scenario{
	{"bootstrap, fetched", newFetchingStage, func(s *stage) {
		s.pass()
		s.live(propagationFetched)
	}},
	{"rotation, fetched", fetched, scenarios[1].plays},
	{"deletion, fetched", fetchedRotated, scenarios[2].plays},
	{"revocation, fetched", fetched, scenarios[3].plays},
	{"rollback, fetched", fetchedRotated, scenarios[4].plays},
}

// publishedGenerations are the generations in the set that the ring publishes.
func (s *stage) publishedGenerations() (generations []int) {
	ring := s.store.ring()
	for _, k := range ring.Published() {
		generations = append(generations, k.Generation)
	}
	return generations
}

func (s *stage) wantPublished(when string, want ...int) {
	s.t.Helper()
	if got := s.publishedGenerations(); !slices.Equal(got, want) {
		s.failf("%s: got published generations %v, want %v (%s)", when, got, want, s.states())
	}
}

func TestAKeyIsPublishedFromItsAnnouncementUntilItsTokensHaveExpired(t *testing.T) {
	t.Parallel()
	s := newFetchingStage(t)
	s.must(s.pass())
	s.wantPublished("after the first pass", 1, 2)
	s.wait(propagationFetched)
	s.must(s.pass())
	s.want("1 active, 2 registered")
	s.wait(propagationFetched)
	s.must(s.rotate())
	s.wantPublished("while the first key retires", 1, 2, 3)
	s.must(s.live(overlap + 20*time.Second))
	s.wantPublished("after the first key's last token", 2, 3)
	if k := s.key(1); k.State != keyrotation.Deleted {
		s.failf("generation 1 is %s, want deleted", k.State)
	}
	s.lose(2)
	s.must(s.by(s.acts, func(ctx context.Context, r *keyrotation.Rotator) error {
		_, err := r.Revoke(ctx, 2, byOperator)
		return err
	}))
	for _, generation := range s.publishedGenerations() {
		if generation == 2 {
			s.failf("a revoked key is published")
		}
	}
	if s.platform.calls != 0 {
		s.failf("got %d calls to a platform, want none", s.platform.calls)
	}
}

// TestNoKeyThatIsFetchedSignsTooEarly: a replica without the store serves the ring as
// it was before a key was announced, for as long as it may, and only then do all
// verifiers fetch. An operator orders a rotation each second.
func TestNoKeyThatIsFetchedSignsTooEarly(t *testing.T) {
	t.Parallel()
	s := newFetchingStage(t)
	for _, r := range s.replicas {
		r.setMode(true)
	}
	s.must(s.pass())
	s.wait(propagationFetched)
	s.must(s.pass())
	s.wait(propagationFetched + staleness)
	cutOff := s.newReplica(7)
	cutOff.serves = simPublisher{view: s.store.ring(), readAt: s.now, outage: staleness}
	s.must(s.rotate())
	s.want("1 retiring, 2 active, 3 registered")
	s.wait(staleness)
	for _, v := range s.verifiers {
		v.fetch(cutOff)
	}
	ordered := s.now
	for s.key(3).State != keyrotation.Active {
		s.wait(time.Second)
		if s.rotate(); s.now.Sub(ordered) > time.Minute {
			s.failf("a minute after every cache has ended the standby is not active: %s", s.states())
		}
	}
	s.acts.signer = simSigner{replica: s.acts}
	s.acts.signer.mint()
	s.oracle.check()
}

// TestAKeyThatIsFetchedWaitsForTheOldestViewThatIsServed: each replica serves its own
// view, for the staleness if the store is away, and only then the caches begin to end.
func TestAKeyThatIsFetchedWaitsForTheOldestViewThatIsServed(t *testing.T) {
	t.Parallel()
	const aged, delay = 100 * time.Second, 30 * time.Second
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	key := func(generation int, published bool) keyrotation.Key {
		return keyrotation.Key{Generation: generation, State: keyrotation.Registered, KeyID: fmt.Sprint("id", generation), PublicKey: "p",
			Fingerprint: fmt.Sprint("f", generation), Published: published, AttemptAt: at, RegisteredAt: at}
	}
	before := keyrotation.Key{Generation: 1, State: keyrotation.Deleted, AttemptAt: at}
	for name, c := range map[string]struct {
		keys []keyrotation.Key
		want time.Duration
	}{
		"handed over":                   {[]keyrotation.Key{key(1, false)}, delay},
		"the first that is fetched":     {[]keyrotation.Key{key(1, true)}, delay + 20*time.Second},
		"one after another":             {[]keyrotation.Key{before, key(2, true)}, delay + aged},
		"one after one never announced": {[]keyrotation.Key{{Generation: 1, State: keyrotation.Deleted}, key(2, true)}, delay + 20*time.Second},
	} {
		ring := keyrotation.Ring{Keys: c.keys, Durations: keyrotation.Durations{Propagation: delay, ViewAge: 20 * time.Second, Staleness: aged}}
		if got := ring.EarliestActive().Sub(at); got != c.want {
			t.Errorf("%s: got ready after %s, want %s", name, got, c.want)
		}
	}
}

// TestARotationIntervalLeavesTimeForTheViewsThatAreServed is Policy.Validate.
func TestARotationIntervalLeavesTimeForTheViewsThatAreServed(t *testing.T) {
	t.Parallel()
	policy := simPolicy()
	policy.KeyBudget = 1000
	policy.RotateEvery, policy.Durations.Staleness = 100*time.Second, 100*time.Second
	if err := policy.Validate(); err != nil {
		t.Errorf("handed over: got %v, want no error", err)
	}
	if policy.Fetched = true; policy.Validate() == nil {
		t.Error("fetched: got no error, want a refusal of the rotation interval")
	}
}
