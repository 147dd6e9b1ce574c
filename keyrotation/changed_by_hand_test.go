package keyrotation_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"playtoken/keyrotation"
	"playtoken/store"
)

// What happens when a person changed something at the platform or in the store.

func TestAKeyChangedByHandIsQuarantined(t *testing.T) {
	t.Parallel()
	touch := func(change func(*simKey)) func(*stage, int) {
		return func(s *stage, generation int) {
			name := s.key(generation).StoreName
			k := s.store.keys[name]
			change(&k)
			s.store.keys[name] = k
		}
	}
	for name, hand := range map[string]func(s *stage, generation int){
		"deletes it at the platform": func(s *stage, generation int) {
			delete(s.platform.keys, s.key(generation).KeyID)
		},
		"puts another public key under its id": func(s *stage, generation int) {
			id := s.key(generation).KeyID
			other := s.platform.keys[foreign[0]]
			other.ID = id
			s.platform.keys[id] = other
		},
		"destroys its private key": func(s *stage, generation int) {
			delete(s.store.keys, s.key(generation).StoreName)
		},
		"replaces its private key":         touch(func(k *simKey) { *k = pooledKey(0) }),
		"rotates its private key":          touch(func(k *simKey) { k.versions++ }),
		"makes its private key exportable": touch(func(k *simKey) { k.leaky = true }),
	} {
		t.Run(name, func(t *testing.T) {
			changedKeyIsQuarantined(t, bootstrapped, hand, func(s *stage, _ int, states string) {
				s.wait(propagation)
				s.must(s.pass())
				s.want(states)
			})
		})
	}
}

// changedKeyIsQuarantined changes a key by hand, once the active one and once the
// standby: two observations later it is out of use, and no key is deleted.
func changedKeyIsQuarantined(t *testing.T, set func(*testing.T) *stage, hand func(*stage, int), then func(s *stage, generation int, states string)) {
	t.Helper()
	for generation, want := range map[int]string{
		1: "1 quarantined, 2 active, 3 registered",
		2: "1 active, 2 quarantined, 3 registered",
	} {
		s := set(t)
		s.lose(generation)
		hand(s, generation)
		s.must(s.observe())
		s.want("1 active, 2 registered") // one observation may be out of date
		s.wait(settle)
		s.must(s.pass())
		s.want(want)
		if s.count("delete")+s.count("destroy")+s.count("forget") != 0 {
			t.Errorf("got the calls %v, want no deletion", s.calls)
		}
		then(s, generation, want)
	}
}

// The response to its creation was lost, and an operator rotated the key before
// the next attempt: it would be refused for ever, so another one is planned.
func TestAPlannedKeyChangedByHandIsGivenUp(t *testing.T) {
	for name, hand := range map[string]func(*simKey){
		"rotates its private key":          func(k *simKey) { k.versions++ },
		"makes its private key exportable": func(k *simKey) { k.leaky = true },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.as("create", fate{happens: 1, err: errLost})
			s.mustFail(s.pass(), errLost)
			s.want("1 planned, 2 registered")
			planned := s.key(1).StoreName
			k := s.store.keys[planned]
			hand(&k)
			s.store.keys[planned] = k
			if err := s.pass(); err == nil || !strings.Contains(err.Error(), "another key than was asked for") {
				t.Errorf("got error %v, want one about another key than was asked for", err)
			}
			s.want("1 deleted, 2 registered")
			s.must(s.live(settle + propagation))
			s.want("1 deleted, 2 active, 3 registered")
			if _, there := s.store.keys[planned]; there || s.key(1).KeyID != "" {
				t.Errorf("private key left: %t, key id %q; want the changed key destroyed and never registered", there, s.key(1).KeyID)
			}
		})
	}
}

// A store that always makes other keys is not filled with them.
func TestAStoreThatMakesOtherKeysIsAskedLessOften(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	script, made := s.script, 0
	s.script = func(r *replica, called string) fate {
		if called == "create" {
			made++
			other := pooledKey(0)
			other.versions++
			s.store.keys[s.key(made).StoreName] = other
		}
		return script(r, called)
	}
	s.live(2 * time.Hour)
	if made < 4 || made > 16 || len(s.store.keys) > 1 || s.count("register") != 0 {
		t.Errorf("got %d keys made in two hours, %d left, %d registered; want 4 to 16, at most 1 and 0", made, len(s.store.keys), s.count("register"))
	}
	s.as("")
	s.must(s.live(time.Hour + propagation))
	ring := s.store.ring()
	if active, ok := ring.Active(); !ok || active.Generation <= made {
		t.Errorf("after the store makes the right keys again: got keys %s, want a new active one", s.states())
	}
}

func TestADoubtThatPassesChangesNothing(t *testing.T) {
	s := bootstrapped(t)
	k := s.key(1)
	s.oracle.forgive(k.KeyID)
	shown := s.platform.keys[k.KeyID]
	delete(s.platform.keys, k.KeyID)
	s.must(s.observe())
	if s.key(1).DoubtedAt.IsZero() {
		t.Fatal("generation 1 is not in doubt, want it to be")
	}
	s.platform.keys[k.KeyID] = shown
	s.wait(settle)
	s.must(s.pass())
	if !s.key(1).DoubtedAt.IsZero() {
		t.Error("generation 1 is in doubt, want it trusted again")
	}
	s.want("1 active, 2 registered")
}

func TestABadStandbyDoesNotTakeOver(t *testing.T) {
	s := bootstrapped(t)
	for _, generation := range []int{1, 2} {
		delete(s.store.keys, s.lose(generation).StoreName)
	}
	s.must(s.observe())
	s.wait(settle)
	s.must(s.pass())
	s.want("1 quarantined, 2 quarantined, 3 registered, 4 registered")
	if !s.key(2).ActivatedAt.IsZero() {
		t.Error("a standby without a private key was active for a moment")
	}
}

func TestAnObservationIsDroppedWhenAnotherReplicaMoves(t *testing.T) {
	s := bootstrapped(t)
	s.wait(simPolicy().ObserveEvery)
	s.as("write", asAsked, fate{happens: 1, first: func() { // after the look is noted, before the activation is
		s.must(s.passBy(s.fresh))
		s.oracle.forgive(s.key(2).KeyID)
		delete(s.platform.keys, s.key(2).KeyID)
		ring := s.store.docs[keyrotation.RingName("default")]
		ring.Version++ // as every write does
		s.store.docs[keyrotation.RingName("default")] = ring
	}})
	_, err := s.order((*keyrotation.Rotator).Activate, 2)
	s.mustGuard(err, "does not show it")
}

func TestWithoutAStandbyANewOneTakesOverWhenItHasPropagated(t *testing.T) {
	s := bootstrapped(t)
	s.lose(1)
	s.always("register", fate{err: errLost}) // so that quarantined keys are not replaced
	for _, generation := range []int{2, 1} {
		delete(s.store.keys, s.key(generation).StoreName)
		s.observe()
		s.wait(settle)
		s.pass()
	}
	s.want("1 quarantined, 2 quarantined, 3 registering, 4 registering")
	s.as("")
	s.must(s.live(2*settle + propagation))
	s.want("1 quarantined, 2 quarantined, 3 active, 4 registered")
}

func TestARegistrationThatNeverSucceedsHoldsUpNoActivation(t *testing.T) {
	s := newStage(t)
	s.as("register", asAsked)
	script, registered := s.script, 0
	s.script = func(r *replica, op string) fate { // the first one works, and no other
		if script(r, op); op == "register" {
			if registered++; registered > 1 {
				return fate{err: errLost}
			}
		}
		return asAsked
	}
	s.mustFail(s.pass(), errLost)
	s.wait(time.Minute) // as cron would
	s.mustFail(s.pass(), errLost)
	s.want("1 active, 2 registering")
	s.recovers()
}

// An old ring was restored from a backup while the platform went on.
func TestARestoredRingDeletesNothing(t *testing.T) {
	t.Parallel()
	for rotations, want := range map[int]string{
		1: "1 deleted, 2 active, 3 registered", // the backup's standby is what signed since
		3: "1 active, 2 registered",            // it knows no key of the account: nothing is touched
	} {
		s := bootstrapped(t)
		backup := s.store.docs[keyrotation.RingName("default")]
		s.must(s.live(time.Duration(rotations) * (interval + 3*time.Minute)))
		s.restore(backup)
		s.as("")
		before := slices.Collect(maps.Keys(s.platform.keys))
		s.live(3 * time.Minute)
		s.want(want)
		drift, err := ask(s, (*keyrotation.Rotator).Drift)
		s.must(err)
		for _, id := range before {
			if _, there := s.platform.keys[id]; !there {
				t.Errorf("key %s was deleted, want it left alone", id)
			}
			unmanaged := slices.ContainsFunc(drift.Unmanaged, func(f keyrotation.Finding) bool { return f.KeyID == id })
			if ours := rotations == 1 && id == s.key(2).KeyID; unmanaged == ours {
				t.Errorf("after %d rotations: got key %s unmanaged: %t, want the opposite", rotations, id, unmanaged)
			}
		}
	}
}

// restore puts an old ring in place of the newest. The tokens of keys that the
// backup takes for alive may be lost.
func (s *stage) restore(backup store.Document) {
	name := keyrotation.RingName("default")
	s.store.docs[name] = store.Document{Data: backup.Data, Version: s.store.docs[name].Version + 1}
	s.oracle.last = s.store.ring()
	for _, k := range s.oracle.last.Keys {
		s.lose(k.Generation)
	}
	for _, r := range s.replicas {
		r.signer = simSigner{replica: r}
	}
}

// The backup is from the very beginning: the key that it has planned has been in
// use since.
func TestARestoredPlanFindsWhatBecameOfIt(t *testing.T) {
	s := newStage(t)
	s.as("create", fate{dies: true})
	s.pass()
	s.want("1 planned")
	s.acts.crash()
	backup := s.store.docs[ringName]
	s.as("")
	s.bootstrap()
	id := s.key(1).KeyID
	s.store.docs[ringName] = store.Document{Data: backup.Data, Version: s.store.docs[ringName].Version + 1}
	s.oracle.last = s.store.ring() // its tokens must still be accepted
	s.must(s.live(2 * time.Minute))
	if got := s.key(1).KeyID; got != id {
		t.Errorf("got key id %s for generation 1, want %s", got, id)
	}
}
