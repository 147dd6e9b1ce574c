package keyrotation_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"playtoken/keyrotation"
	"playtoken/store"
)

// account is with what replicas of these tests ask the platform.
const account = "account a"

// replacing is a stage whose replicas know their account and, if auto, replace
// lost keys by themselves.
func replacing(t *testing.T, auto bool) *stage { return newStage(t).replaces(auto).bootstrap() }

func (s *stage) replaces(auto bool) *stage {
	for _, r := range s.replicas {
		r.rotator.Account, r.rotator.Policy.ReplaceLost = account, auto
	}
	return s
}

// replace is an operator's order.
func (s *stage) replace() error {
	return s.by(s.acts, func(ctx context.Context, rot *keyrotation.Rotator) error {
		_, err := rot.Reconcile(ctx, orderedLost)
		return err
	})
}

func TestAnOrderToReplaceKeysThatAreNotLostIsFulfilled(t *testing.T) {
	s := replacing(t, false)
	for _, when := range []string{"with a standby", "with keys of which one is lost"} {
		before := s.states()
		var result keyrotation.Result
		err := s.by(s.acts, func(ctx context.Context, rot *keyrotation.Rotator) (err error) {
			result, err = rot.Reconcile(ctx, orderedLost)
			return err
		})
		if err != nil || result.Changed || !strings.Contains(result.Reason, "nothing to replace") || s.states() != before {
			t.Errorf("%s: got %+v, %v and keys %s; want that there is nothing to replace, and keys %s", when, result, err, s.states(), before)
		}
		s.platform.remove(s.lose(2).KeyID)
	}
}

// Lists may lag: nothing says yet whether such keys are lost.
func TestAnOrderToReplaceKeysThatAreTooNewToBeMissedIsRefused(t *testing.T) {
	s := newStage(t).replaces(false)
	s.must(s.pass())
	s.losesAll()
	first := s.mustGuard(s.replace(), "too new to be missed")
	if want := s.key(1).RegisteredAt.Add(settle); !first.EarliestAt.Equal(want) {
		t.Errorf("got %s as the earliest time, want %s", first.EarliestAt, want)
	}
}

var orderedLost = keyrotation.Order{Lost: true, Actor: "cli", Reason: "the gate lost its data"}

// codes are those of the ring's troubles, without the keys of others.
func (s *stage) codes() string {
	var codes []string
	ring := s.store.ring()
	for _, t := range ring.Troubles {
		if t.Code != keyrotation.KeyIsUnmanaged {
			codes = append(codes, string(t.Code))
		}
	}
	return strings.Join(codes, ", ")
}

func TestLostKeysAreReplacedByOrder(t *testing.T) {
	s := replacing(t, false)
	s.must(s.observe())
	s.losesAll()
	first := s.mustGuard(s.replace(), "a second one has to agree")
	if want := s.now.Add(settle); !first.EarliestAt.Equal(want) {
		t.Errorf("got %s as the earliest time, want %s", first.EarliestAt, want)
	}
	s.wait(settle - time.Second)
	s.mustGuard(s.replace(), "a second one has to agree")
	s.want("1 active, 2 registered")
	if got := s.codes(); got != "all_keys_missing" {
		t.Errorf("got findings %q, want all_keys_missing", got)
	}
	s.wait(time.Second)
	s.must(s.replace())
	s.want("1 active, 2 deleted, 3 registered")
	if got := s.codes(); got != "key_missing" {
		t.Errorf("got findings %q while the new key propagates, want key_missing", got)
	}
	s.must(s.replace()) // it is being done already
	s.want("1 active, 2 deleted, 3 registered")
	s.wait(propagation)
	s.must(s.pass())
	s.want("1 retiring, 2 deleted, 3 active, 4 registered")
	if got := s.codes(); got != "" {
		t.Errorf("got findings %q once a new key signs, want none", got)
	}
	s.must(s.live(issuedOverlap + 10*time.Second)) // no token of it is waited for
	s.want("1 deleted, 2 deleted, 3 active, 4 registered")
	s.recovers()
}

func TestLostKeysOfAnIssuingPlatformAreReplacedToo(t *testing.T) {
	s := newIssuingStage(t).replaces(true).bootstrap()
	s.must(s.observe())
	s.losesAll()
	s.must(s.live(2*interval/4 + propagation))
	if active, ok := ptr(s.store.ring()).Active(); !ok || active.Generation < 3 {
		t.Errorf("got keys %s, want a new active one", s.states())
	}
	s.recovers()
}

func ptr[T any](v T) *T { return &v }

func TestLostKeysAreReplacedWithoutAnOrderOnlyBySetting(t *testing.T) {
	for _, auto := range []bool{false, true} {
		s := replacing(t, auto)
		s.must(s.observe())
		s.losesAll()
		s.must(s.live(2*time.Minute + propagation))
		if made := s.generations() > 2; made != auto {
			t.Errorf("by itself %t: got keys %s", auto, s.states())
		}
		if auto {
			s.recovers()
		}
	}
}

// Nothing is replaced by itself that only seems lost.
func TestWhatIsNoLossReplacesNothingByItself(t *testing.T) {
	for name, seems := range map[string]func(*stage){
		"the account is another one": func(s *stage) {
			s.losesAll()
			s.acts.rotator.Account = "account b"
		},
		"the store is older than the platform": func(s *stage) {
			s.losesAll()
			ring := s.store.ring()
			s.platform.add("playtoken default #9 "+ring.StoreID, pooledKey(0).public)
		},
		"another key is under the id of ours": func(s *stage) {
			k := s.key(1)
			s.losesAll()
			s.platform.keys[k.KeyID] = keyrotation.PlatformKey{ID: k.KeyID, PublicKey: pooledKey(0).public,
				Fingerprint: keyrotation.Fingerprint(pooledKey(0).public)}
		},
		"one key is still there": func(s *stage) {
			k := s.lose(2)
			s.platform.remove(k.KeyID)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := replacing(t, true)
			s.must(s.observe())
			seems(s)
			s.must(s.pass())
			for range 8 {
				s.wait(settle)
				s.must(s.pass())
			}
			ring := s.store.ring()
			if slices.ContainsFunc(ring.Keys, func(k keyrotation.Key) bool { return !k.LostAt.IsZero() || k.State == keyrotation.Abandoning }) {
				t.Errorf("got a key that is given up: %s", s.states())
			}
			if active, ok := ring.Active(); !ok || active.Generation != 1 {
				t.Errorf("got keys %s, want generation 1 active", s.states())
			}
		})
	}
}

// An operator knows that the account is the right one.
func TestAnOrderReplacesKeysThatMayBeOfAnotherAccount(t *testing.T) {
	s := replacing(t, false)
	s.must(s.observe())
	s.losesAll()
	for _, r := range s.replicas {
		r.rotator.Account = "account b"
	}
	s.mustGuard(s.replace(), "a second one has to agree")
	s.wait(settle)
	s.must(s.replace())
	s.want("1 active, 2 deleted, 3 registered")
	s.recovers()
}

func TestTwoLooksWithDifferentAccountsDoNotAgree(t *testing.T) {
	s := replacing(t, false)
	s.must(s.observe())
	s.losesAll()
	s.mustGuard(s.replace(), "a second one has to agree")
	s.wait(settle)
	s.acts.rotator.Account = "account b"
	s.mustGuard(s.replace(), "a second one has to agree")
	s.want("1 active, 2 registered")
}

// A platform that shows nothing for a moment is not handed a second set of keys,
// and one that shows the keys again ends their replacement.
func TestKeysThatAreShownAgainAreNotReplaced(t *testing.T) {
	s := replacing(t, true)
	s.must(s.observe())
	s.acts.rotator.Policy.RotateEvery = time.Hour
	keys := s.platform.keys
	hide := func() { s.platform.keys = map[string]keyrotation.PlatformKey{} }
	hide()
	s.oracle.forgive(s.key(1).KeyID)
	s.must(s.observe())
	s.platform.keys = keys
	s.wait(settle)
	s.must(s.pass())
	s.want("1 active, 2 registered")
	if got := s.codes(); got != "" {
		t.Errorf("got findings %q, want none once the keys are shown again", got)
	}

	hide()
	s.must(s.observe())
	s.wait(settle)
	s.must(s.pass())
	s.want("1 active, 2 deleted, 3 registered")
	s.platform.keys[s.key(1).KeyID] = keys[s.key(1).KeyID]
	s.must(s.observe())
	if k := s.key(1); k.State != keyrotation.Active || !k.LostAt.IsZero() {
		t.Errorf("got generation 1 %s, lost at %s; want it active and not lost", k.State, k.LostAt)
	}
	s.want("1 active, 2 deleted, 3 registered")
}

// A platform that takes keys and never shows them is not handed more and more.
func TestKeysThatNoListEverShowedAreNotReplacedByThemselves(t *testing.T) {
	s := replacing(t, true)
	s.must(s.observe())
	s.losesAll()
	s.always("list", fate{happens: 1, first: func() { s.losesAll(); s.platform.gone = nil }})
	for range 40 {
		s.wait(settle)
		s.must(s.pass())
	}
	if n := s.generations(); n > 6 {
		t.Errorf("got %d generations of a platform that shows none, want a few", n)
	}
}

// lossy is a stage whose platform has just lost its keys for one look.
func lossy(auto bool) func(*testing.T) *stage {
	return func(t *testing.T) *stage {
		s := replacing(t, auto)
		s.must(s.observe())
		s.losesAll()
		s.must(s.observe())
		s.wait(settle)
		return s
	}
}

// lossScenarios are those of a platform that lost its keys.
var lossScenarios = []scenario{
	{"replacement", lossy(true), func(s *stage) { s.live(propagation + issuedOverlap + 20*time.Second) }},
	{"replacement by order", lossy(false), func(s *stage) {
		for s.replace() != nil && !s.acts.dead { // an operator tries again
			s.wait(settle)
		}
		if s.acts.dead {
			s.by(s.fresh, func(ctx context.Context, rot *keyrotation.Rotator) error {
				_, err := rot.Reconcile(ctx, orderedLost)
				return err
			})
		}
		s.live(propagation + 20*time.Second)
	}},
}

// The planner alone.
func TestLostKeysAreGivenUpWhenASecondLookAgrees(t *testing.T) {
	at := func(now time.Time) scene {
		s := sceneOf(genKey(1, keyrotation.Active), genKey(2, keyrotation.Registered))
		s.now, s.policy.ReplaceLost = now, true
		s.ring.Account, s.ring.Lost, s.ring.LostAt = account, account, noon
		return s.sees(func(o *keyrotation.Observation) {
			o.Account = account
			clear(o.Platform)
		})
	}
	for _, one := range []struct {
		now    time.Time
		change func(*scene)
		due    string
	}{
		{noon.Add(settle), func(*scene) {}, "give_up"},
		{noon.Add(settle - 1), func(*scene) {}, ""},
		{noon.Add(settle), func(s *scene) { s.policy.ReplaceLost = false }, ""},
		{noon.Add(settle), func(s *scene) { s.observation = nil; s.ring.ObservedAt = noon }, "look"},
		{noon.Add(settle), func(s *scene) { s.ring.Account = "another" }, ""},
		{noon.Add(settle), func(s *scene) { s.observation.Account = "another" }, ""},
		{noon.Add(settle), func(s *scene) { s.ring.Keys[0].Unseen, s.ring.Keys[1].Unseen = true, true }, ""},
		{noon.Add(settle), func(s *scene) { shows("id9", "playtoken default #9 abcdef", longAgo)(s.observation) }, ""},
		{noon.Add(settle), func(s *scene) { shows("id1", "other", longAgo)(s.observation) }, ""},
	} {
		s := at(one.now)
		one.change(&s)
		if got := s.due(); got != one.due {
			t.Errorf("at %s: got %q due, want %q", s.now.Format(time.TimeOnly), got, one.due)
		}
	}
}

// A marked key signs on until another one can, and is not doubted meanwhile.
func TestALostKeySignsUntilAnotherCan(t *testing.T) {
	lost := but(genKey(1, keyrotation.Active), func(k *keyrotation.Key) { k.LostAt = noon })
	s := sceneOf(lost, genKey(3, keyrotation.Registered)).sees(lacks("id1"))
	if got := s.due(); got != "activate 3" {
		t.Errorf("got %q due, want the activation of generation 3", got)
	}
	s = sceneOf(lost).sees(lacks("id1"))
	if got := s.due(); got != "plan" {
		t.Errorf("got %q due, want a new key", got)
	}
	s = sceneOf(lost, genKey(3, keyrotation.Registered)).sees(nil)
	if got := s.due(); !strings.HasPrefix(got, "trust 1") {
		t.Errorf("got %q due, want trust in generation 1, which is shown again", got)
	}
	s = sceneOf(lost).sees(func(o *keyrotation.Observation) {
		delete(o.Platform, "id1")
		o.Store[lost.StoreName] = store.KeyInfo{PublicKey: lost.PublicKey, Versions: 2, Spec: store.KeySpec{Kind: store.RSA2048}}
	})
	if got := s.due(); !strings.HasPrefix(got, "doubt 1") {
		t.Errorf("got %q due, want doubt about a private key that was rotated", got)
	}
}

// A retired key that is marked is deleted soon, but not if it is shown again.
func TestTokensOfAKeyThatIsShownAgainAreWaitedFor(t *testing.T) {
	s := replacing(t, false).rotateOnce()
	s.must(s.observe())
	k := s.key(1)
	keys := s.platform.keys
	s.platform.keys = map[string]keyrotation.PlatformKey{}
	s.oracle.forgive(k.KeyID)
	s.oracle.forgive(s.key(2).KeyID)
	s.mustGuard(s.replace(), "a second one has to agree")
	s.wait(settle)
	s.must(s.replace())
	if got, want := s.key(1).DeleteNotBefore, s.now.Add(issuedOverlap); got.IsZero() || got.After(want) {
		t.Errorf("got %s as the day of deletion of a lost key, want %s at the latest", got, want)
	}
	s.platform.keys[k.KeyID] = keys[k.KeyID]
	s.must(s.observe())
	if got := s.key(1); !got.LostAt.IsZero() || got.State != keyrotation.Retiring || got.DeleteNotBefore.Before(s.now.Add(overlap-time.Second)) {
		t.Errorf("got generation 1 %s, lost at %s, to be deleted from %s; want its tokens waited for", got.State, got.LostAt, got.DeleteNotBefore)
	}
}
