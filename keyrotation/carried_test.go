package keyrotation_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"playtoken/keyrotation"
)

// carriedScene is a scene of keys that an operator takes to the verifiers.
func carriedScene(keys ...keyrotation.Key) scene {
	s := sceneOf(keys...)
	s.policy.Carried = true
	for i := range s.ring.Keys {
		k := &s.ring.Keys[i]
		if k.Carried = !k.AttemptAt.IsZero(); k.Carried {
			k.KeyID = "id" + string(rune('0'+k.Generation))
		}
	}
	return s
}

// TestAKeyThatIsToBeCarriedAlarmsOnceItIsNeeded: before that, it waits and is told.
func TestAKeyThatIsToBeCarriedAlarmsOnceItIsNeeded(t *testing.T) {
	t.Parallel()
	waiting := func(n int) keyrotation.Key { return genKey(n, keyrotation.Registering) }
	active, standby := genKey(1, keyrotation.Active), genKey(2, keyrotation.Registered)
	old := but(active, func(k *keyrotation.Key) { k.ActivatedAt = noon.Add(-interval) })
	justBefore := but(active, func(k *keyrotation.Key) { k.ActivatedAt = noon.Add(1 - interval) })
	otherKind := but(active, exportable)
	for name, c := range map[string]struct {
		scene scene
		want  keyrotation.TroubleCode
	}{
		"the next, in time":             {carriedScene(active, waiting(2)), keyrotation.KeyToCarry},
		"a nanosecond before":           {carriedScene(justBefore, waiting(2)), keyrotation.KeyToCarry},
		"the rotation is due":           {carriedScene(old, waiting(2)), keyrotation.KeyCarryDue},
		"no key signs":                  {carriedScene(waiting(1)), keyrotation.KeyCarryDue},
		"no key signs, and one will":    {carriedScene(genKey(1, keyrotation.Revoking), standby, waiting(3)), keyrotation.KeyToCarry},
		"keys of another kind are made": {carriedScene(otherKind, waiting(2)), keyrotation.KeyCarryDue},
	} {
		found := false
		for _, m := range c.scene.plan() {
			if m.Action != keyrotation.Register {
				continue
			}
			found = true
			if !m.Blocked || m.Trouble != c.want || !strings.Contains(m.Why, "an operator has to take its public key") {
				t.Errorf("%s: got %+v, want it to wait for an operator, code %s", name, m, c.want)
			}
		}
		if !found {
			t.Errorf("%s: got moves %+v, want a registration among them", name, c.scene.plan())
		}
	}
}

// TestThePrivateKeyOfARemovedKeyDoesNotWaitForAnOperator: what verifiers still accept
// must not be made any more.
func TestThePrivateKeyOfARemovedKeyDoesNotWaitForAnOperator(t *testing.T) {
	t.Parallel()
	active, standby := genKey(2, keyrotation.Active), genKey(3, keyrotation.Registered)
	for state, code := range map[keyrotation.State]keyrotation.TroubleCode{
		keyrotation.Deleting: keyrotation.KeyToRemove, keyrotation.Abandoning: keyrotation.KeyToRemove, keyrotation.Revoking: keyrotation.RevokedKeyToRemove,
	} {
		s := carriedScene(genKey(1, state), active, standby).observedAt(noon)
		if got := s.due(); got != "destroy 1" {
			t.Errorf("%s: got due %q, want its destruction alone", state, got)
		}
		s = carriedScene(but(genKey(1, state), destroyed), active, standby).observedAt(noon)
		moves := s.plan()
		i := slices.IndexFunc(moves, func(m keyrotation.Move) bool { return m.Action == keyrotation.Withdraw })
		if i < 0 || !moves[i].Blocked || moves[i].Trouble != code || s.due() != "" {
			t.Errorf("%s and destroyed: got moves %+v, want one that waits for an operator, code %s", state, moves, code)
		}
	}
}

func TestPlanIsLawfulForEverySmallRingOfCarriedKeys(t *testing.T) {
	t.Parallel()
	everySmallRing(t, carriedScene)
}

// confirmCarried is what an operator says about a generation.
func (s *stage) confirmCarried(generation int) (keyrotation.Result, error) {
	return ask(s, func(r *keyrotation.Rotator, ctx context.Context) (keyrotation.Result, error) {
		return r.Confirm(ctx, generation, "", byOperator)
	})
}

func (s *stage) confirmRemoved(generation int) (keyrotation.Result, error) {
	return ask(s, func(r *keyrotation.Rotator, ctx context.Context) (keyrotation.Result, error) {
		return r.ConfirmRemoved(ctx, generation, byOperator)
	})
}

// carry takes one key to the verifiers, and confirms it.
func (s *stage) carry(generation int) {
	s.t.Helper()
	s.person.goes(s.key(generation))
	_, err := s.confirmCarried(generation)
	s.must(err)
}

// troubles are the codes of a generation that the ring tells.
func (s *stage) troubles(generation int) (codes []keyrotation.TroubleCode) {
	for _, t := range s.acts.rotator.Troubles(s.store.ring()) {
		if t.Generation == generation {
			codes = append(codes, t.Code)
		}
	}
	return codes
}

func (s *stage) wantTroubles(generation int, want ...keyrotation.TroubleCode) {
	s.t.Helper()
	if got := s.troubles(generation); !slices.Equal(got, want) {
		s.failf("generation %d: got findings %v, want %v (%s)", generation, got, want, s.states())
	}
}

// TestTheOldKeySignsOnWhileTheNextIsNotCarried: for ten intervals; the oracle verifies
// every token meanwhile. Rotation goes on as soon as the key is confirmed.
func TestTheOldKeySignsOnWhileTheNextIsNotCarried(t *testing.T) {
	t.Parallel()
	s := newCarryingStage(t)
	s.must(s.pass())
	s.carry(1)
	s.must(s.live(propagation))
	s.want("1 active, 2 registering")
	s.wantTroubles(2, keyrotation.KeyToCarry)
	if run := s.store.ring().LastRun; run.Outcome != keyrotation.RunOK {
		s.failf("in time: got the run %+v, want it ok", run)
	}
	s.must(s.live(10 * interval))
	s.want("1 active, 2 registering")
	s.wantTroubles(2, keyrotation.KeyCarryDue)
	if run := s.store.ring().LastRun; run.Outcome != keyrotation.RunBlocked || !s.acts.rotator.Overdue(s.store.ring()) {
		s.failf("ten intervals late: got the run %+v, want it blocked and overdue", run)
	}
	minted := s.oracle.total
	s.wait(10 * time.Second)
	if s.oracle.total == minted {
		s.failf("got no token meanwhile, want the old key to sign on")
	}
	s.carry(2)
	s.must(s.live(propagation + 10*time.Second))
	s.want("1 retiring, 2 active, 3 registering")
}

// TestAConfirmationMayBeRepeated: its response may be lost.
func TestAConfirmationMayBeRepeated(t *testing.T) {
	t.Parallel()
	s := newCarryingStage(t)
	s.must(s.pass())
	s.carry(1)
	s.wait(5 * time.Second)
	at := s.key(1).RegisteredAt
	if result, err := s.confirmCarried(1); err != nil || result.Changed || s.key(1).RegisteredAt != at {
		s.failf("again: got %+v, %v, registered at %s, want nothing changed since %s", result, err, s.key(1).RegisteredAt, at)
	}
	_, err := s.confirmRemoved(1)
	s.mustGuard(err, "verifiers still need it")
	s.tend()
	s.must(s.live(propagation))
	s.must(s.rotate())
	s.tend()
	s.must(s.live(overlap + 20*time.Second))
	s.want("1 deleting, 2 active, 3 registered")
	s.wantTroubles(1, keyrotation.KeyToRemove)
	_, err = s.confirmCarried(1)
	s.mustGuard(err, "has to be taken out of the verifiers")
	s.person.goes(s.key(1))
	for range 2 {
		_, err := s.confirmRemoved(1)
		s.must(err)
	}
	s.must(s.pass())
	s.want("1 deleted, 2 active, 3 registered")
	_, err = s.confirmRemoved(1)
	s.must(err)
	s.wantTroubles(1)
}

// TestARevocationWithoutAConfirmedKey: no key signs, and the operator is told to carry
// one, and to take the revoked one out; then tokens are made again.
func TestARevocationWithoutAConfirmedKey(t *testing.T) {
	t.Parallel()
	s := newCarryingStage(t)
	s.must(s.pass())
	s.carry(1)
	s.must(s.live(propagation))
	s.lose(1)
	foreseen, err := ask(s, func(r *keyrotation.Rotator, ctx context.Context) (keyrotation.Revocation, error) {
		return r.PreviewRevoke(ctx, 1)
	})
	if s.must(err); foreseen.ActiveGeneration != 0 || !foreseen.EarliestAt.IsZero() {
		s.failf("foreseen: got %+v, want no key to take over, at a time that is not known", foreseen)
	}
	done, err := ask(s, func(r *keyrotation.Rotator, ctx context.Context) (keyrotation.Revocation, error) {
		return r.Revoke(ctx, 1, byOperator)
	})
	s.mustGuard(err, "taken its public key out of the verifiers")
	if done.Revoked != 1 || done.ActiveGeneration != 0 || s.key(1).DestroyedAt.IsZero() {
		s.failf("got %+v, want generation 1 revoked, its private key destroyed, and none active", done)
	}
	s.want("1 revoking, 2 registering, 3 registering")
	s.wantTroubles(1, keyrotation.RevokedKeyToRemove)
	s.wantTroubles(2, keyrotation.KeyCarryDue)
	s.carry(2)
	s.must(s.live(propagation + 10*time.Second))
	s.want("1 revoking, 2 active, 3 registering")
	s.tend()
	s.must(s.pass())
	s.want("1 deleted, 2 active, 3 registered")
}

// TestTheEndOfARingWaitsForTheRemovalOfItsKeys: the project is deleted after that.
func TestTheEndOfARingWaitsForTheRemovalOfItsKeys(t *testing.T) {
	t.Parallel()
	s := carriedThere(t)
	s.lose(1)
	s.lose(2)
	end := func() error {
		return s.by(s.acts, func(ctx context.Context, r *keyrotation.Rotator) error { return r.End(ctx, byOperator) })
	}
	s.oracle.revoked = map[int]bool{1: true, 2: true, 3: true}
	s.mustGuard(end(), "taken its public key out of the verifiers")
	s.tend()
	s.must(end())
}

// TestVerifiersThatBeginToFetchFindTheKeysThatWereCarried: and those that were to be.
func TestVerifiersThatBeginToFetchFindTheKeysThatWereCarried(t *testing.T) {
	t.Parallel()
	s := newCarryingStage(t)
	s.must(s.pass())
	s.carry(1)
	s.must(s.live(propagation))
	s.want("1 active, 2 registering")
	s.wantPublished("carried", 1, 2)
	for _, r := range s.replicas {
		r.rotator.Policy.Carried, r.rotator.Policy.Fetched = false, true
	}
	s.must(s.pass())
	s.want("1 active, 2 registered")
	if k := s.key(2); !k.Published {
		s.failf("got generation 2 %+v, want it published, with the wait of one", k)
	}
}

// TestTheDriftReportShowsWhatIsConfirmed: the ring itself is the account, and has what
// an operator said.
func TestTheDriftReportShowsWhatIsConfirmed(t *testing.T) {
	t.Parallel()
	s := newCarryingStage(t)
	s.must(s.pass())
	s.carry(1)
	drift, err := ask(s, func(r *keyrotation.Rotator, ctx context.Context) (keyrotation.Drift, error) { return r.Drift(ctx) })
	s.must(err)
	got := map[int]keyrotation.Presence{}
	for _, k := range drift.Keys {
		got[k.Generation] = k.Platform
	}
	if got[1] != keyrotation.HasKey || got[2] != keyrotation.LacksKey || len(drift.Missing)+len(drift.Unmanaged)+len(drift.Orphans)+len(drift.Mismatched) > 0 {
		s.failf("got %+v, want that the verifiers have generation 1 and lack generation 2, and no drift", drift)
	}
}
