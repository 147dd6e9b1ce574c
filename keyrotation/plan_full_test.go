package keyrotation_test

import (
	"strings"
	"testing"

	"playtoken/keyrotation"
)

// TestARegistrationWaitsWhereTheAccountIsFull: of three places, an active key, a
// standby and one that retires take all, and a key that was made by hand takes one.
func TestARegistrationWaitsWhereTheAccountIsFull(t *testing.T) {
	t.Parallel()
	retiring := but(genKey(1, keyrotation.Retiring), func(k *keyrotation.Key) { k.DeleteNotBefore = noon.Add(overlap) })
	active, made := genKey(2, keyrotation.Active), genKey(3, keyrotation.Generated)
	byHand, another := shows("idH", "made by hand", longAgo), shows("idA", "another", longAgo)
	both := func(o *keyrotation.Observation) { byHand(o); another(o) }
	for name, c := range map[string]struct {
		scene  scene
		due    bool
		waits  bool // for generation 1
		blocks bool
	}{
		"three just fit":             {sceneOf(retiring, active, made).sees(nil), true, false, false},
		"a key by hand in the third": {sceneOf(retiring, active, made).sees(byHand), false, true, false},
		"and no key of ours goes":    {sceneOf(active, made).sees(both), false, false, true},
		"one that is being deleted":  {sceneOf(genKey(1, keyrotation.Deleting), active, made).sees(byHand), false, true, false},
	} {
		c.scene.policy.MaxKeys, c.scene.policy.KeyBudget = 3, 3
		found := false
		for _, m := range c.scene.plan() {
			if m.Action != keyrotation.Register {
				continue
			}
			found = true
			due := !m.Blocked && !m.NotBefore.After(noon)
			named := strings.Contains(m.Why, `idH ("made by hand")`) == !c.due
			waits := strings.Contains(m.Why, "generation 1 goes first")
			if due != c.due || waits != c.waits || m.Blocked != c.blocks || c.blocks && m.Trouble != keyrotation.AccountFull || !named {
				t.Errorf("%s: got %+v, want due %t, waiting %t, blocked %t", name, m, c.due, c.waits, c.blocks)
			}
		}
		if !found {
			t.Errorf("%s: got moves %+v, want a registration among them", name, c.scene.plan())
		}
	}
}

// TestAFullAccountIsNotLookedAtEachTurn: the ring says what the newest look found.
func TestAFullAccountIsNotLookedAtEachTurn(t *testing.T) {
	t.Parallel()
	s := sceneOf(genKey(1, keyrotation.Retiring), genKey(2, keyrotation.Active), genKey(3, keyrotation.Generated)).observedAt(noon)
	s.ring.Keys[0].DeleteNotBefore = noon.Add(overlap)
	s.policy.MaxKeys = 3
	for name, c := range map[string]struct {
		troubles []keyrotation.Trouble
		looks    bool
	}{
		"a key by hand": {[]keyrotation.Trouble{{Code: keyrotation.KeyIsUnmanaged, KeyID: "idH"}}, false},
		"room for one":  {nil, true},
	} {
		s.ring.Troubles = c.troubles
		moves := s.plan()
		if looks := moves[0].Action == keyrotation.Observe && !moves[0].NotBefore.After(noon); looks != c.looks {
			t.Errorf("%s: got first move %+v, want a look now: %t", name, moves[0], c.looks)
		}
	}
}

// TestAHandMadeKeyInTheThirdPlaceDelaysTheNextKeyAndNoViewer lives through a rotation.
func TestAHandMadeKeyInTheThirdPlaceDelaysTheNextKeyAndNoViewer(t *testing.T) {
	t.Parallel()
	s := bootstrapped(t)
	s.platform.remove(foreign[1])
	for _, r := range s.replicas {
		r.rotator.Policy.MaxKeys, r.rotator.Policy.KeyBudget = 3, 3
	}
	s.must(s.rotate())
	s.want("1 retiring, 2 active, 3 generated")
	s.must(s.live(overlap + 60e9))
	s.want("1 deleted, 2 active, 3 registered")
	if held := len(s.platform.keys); held != 3 {
		s.failf("got %d keys on the account, want 3", held)
	}
}
