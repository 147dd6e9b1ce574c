package keyrotation_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"playtoken/keyrotation"
	"playtoken/store"
)

// verb is an operator's order about one generation.
type verb func(*keyrotation.Rotator, context.Context, int, keyrotation.Order) (keyrotation.Result, error)

// order gives one to the acting replica.
func (s *stage) order(do verb, generation int) (res keyrotation.Result, err error) {
	return ask(s, func(r *keyrotation.Rotator, ctx context.Context) (keyrotation.Result, error) {
		return do(r, ctx, generation, keyrotation.Order{Actor: "cli", Reason: "test"})
	})
}

func (s *stage) rotateNow() (keyrotation.Result, error) {
	return ask(s, func(r *keyrotation.Rotator, ctx context.Context) (keyrotation.Result, error) {
		return r.Reconcile(ctx, keyrotation.Order{Now: true, Actor: "cli", Reason: "test"})
	})
}

func TestRotateNowIsRefusedUntilTheStandbyHasPropagated(t *testing.T) {
	s := bootstrapped(t)
	res, err := s.rotateNow()
	s.must(err)
	if !res.Changed {
		t.Errorf("Reconcile = %+v, want a change", res)
	}
	s.want("1 retiring, 2 active, 3 registered")
	_, err = s.rotateNow()
	ready := s.key(3).RegisteredAt.Add(propagation)
	if g := s.mustGuard(err, "still propagating"); !g.EarliestAt.Equal(ready) {
		t.Errorf("got possible from %s, want %s", g.EarliestAt, ready)
	}
	s.wait(ready.Sub(s.now) - time.Nanosecond)
	_, err = s.rotateNow()
	s.mustGuard(err, "still propagating")
	s.wait(time.Nanosecond)
	_, err = s.rotateNow()
	s.must(err)
	s.want("1 retiring, 2 retiring, 3 active, 4 registered")
	s.recovers()
}

func TestRotateNowOnAnEmptyProjectBootstraps(t *testing.T) {
	s := newStage(t)
	_, err := s.rotateNow()
	s.must(err)
	s.want("1 registered, 2 registered")
}

func TestRotateNowAtOnceMakesOneGenerationActive(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		w := newWorld(t, 2*seed, 20)
		w.reconcile(w.replicas[0])
		w.advance(propagation)
		w.reconcile(w.replicas[0])
		w.advance(propagation)
		for _, r := range w.replicas {
			r.start(func(ctx context.Context) error {
				_, err := r.rotator.Reconcile(ctx, keyrotation.Order{Now: true})
				return err
			})
			r.step() // now every replica is about to read the ring
			r.step() // and has read it
		}
		for running := true; running; {
			running = false
			for _, i := range w.rng.Perm(len(w.replicas)) {
				if r := w.replicas[i]; r.busy() {
					r.step()
					running = true
				}
			}
		}
		for _, r := range w.replicas {
			if r.result != nil {
				w.failf("replica %d: %v", r.id, r.result)
			}
		}
		s := &stage{world: w}
		s.want("1 retiring, 2 active, 3 registered")
		if w.platform.calls != 3 {
			w.failf("got %d calls that change something, want three registrations", w.platform.calls)
		}
	}
}

func TestActivateRefusesKeysThatAreNotReady(t *testing.T) {
	s := rotated(t)
	_, err := s.order((*keyrotation.Rotator).Activate, 1)
	s.mustGuard(err, "retiring, not registered")
	_, err = s.order((*keyrotation.Rotator).Activate, 9)
	s.mustFail(err, store.ErrNotFound)
	if res, err := s.order((*keyrotation.Rotator).Activate, 2); err != nil || res.Changed || res.Reason == "" {
		t.Errorf("Activate of the active key = %+v, %v, want no change and a reason", res, err)
	}
	lost := s.platform.keys[s.key(3).KeyID]
	delete(s.platform.keys, lost.ID)
	_, err = s.order((*keyrotation.Rotator).Activate, 3)
	s.mustGuard(err, "does not show it")
	s.platform.keys[lost.ID] = lost
	s.acts.rotator.StoreTime = func(context.Context) (time.Time, error) { return s.now.Add(-time.Minute), nil }
	_, err = s.order((*keyrotation.Rotator).Activate, 3)
	s.mustGuard(err, "set the clock")
	s.acts.rotator.StoreTime = nil
	_, err = s.order((*keyrotation.Rotator).Activate, 3)
	s.must(err)
	s.want("1 retiring, 2 retiring, 3 active, 4 registered")
}

func TestRollbackIsPossibleUntilTheKeyIsDeleted(t *testing.T) {
	s := rotated(t)
	_, err := s.order((*keyrotation.Rotator).Rollback, 1)
	s.must(err)
	s.want("1 active, 2 retiring, 3 registered")
	if !s.key(1).DeleteNotBefore.IsZero() || s.key(2).DeleteNotBefore.IsZero() {
		t.Error("generation 1 has a date of deletion or 2 has none, want the opposite")
	}
	if res, err := s.order((*keyrotation.Rotator).Rollback, 1); err != nil || res.Changed {
		t.Errorf("Rollback again = %+v, %v, want no change", res, err)
	}
	_, err = s.order((*keyrotation.Rotator).Rollback, 3)
	s.mustGuard(err, "registered, not retiring")

	s = rotated(t)
	s.as("delete", fate{err: errLost})
	s.wait(overlap)
	s.mustFail(s.pass(), errLost)
	s.want("1 deleting, 2 active, 3 registered")
	_, err = s.order((*keyrotation.Rotator).Rollback, 1)
	s.mustGuard(err, "deleting, not retiring")
	s.recovers()
}

func TestReleaseEndsAQuarantineWhereTheKeyLeftOff(t *testing.T) {
	for generation, want := range map[int]string{
		1: "1 retiring, 2 active, 3 registered",   // it has signed: from here a rollback is possible
		2: "1 active, 2 registered, 3 registered", // it has not: a standby again
	} {
		s := bootstrapped(t)
		kept := s.platform.keys[s.lose(generation).KeyID]
		delete(s.platform.keys, kept.ID)
		s.must(s.observe())
		s.wait(settle)
		s.must(s.pass())
		_, err := s.order((*keyrotation.Rotator).Release, generation)
		s.mustGuard(err, "does not show it")
		s.platform.keys[kept.ID] = kept
		_, err = s.order((*keyrotation.Rotator).Release, generation)
		s.must(err)
		s.want(want)
		if generation == 2 && !s.key(2).RegisteredAt.Equal(s.now) {
			t.Error("a released standby has to propagate anew")
		}
		_, err = s.order((*keyrotation.Rotator).Release, generation)
		s.mustGuard(err, "not quarantined")
	}
}

func TestOneOrderIsDecidedOnce(t *testing.T) {
	s := bootstrapped(t)
	s.as("write", fate{happens: 1, first: func() { s.must(s.by(s.fresh, rotateNow)) }})
	res, err := s.rotateNow()
	if err != nil || res.Changed {
		t.Errorf("Reconcile after another replica was faster = %+v, %v, want no change", res, err)
	}
	s.want("1 retiring, 2 active, 3 registered")
}

func rotateNow(ctx context.Context, r *keyrotation.Rotator) error {
	_, err := r.Reconcile(ctx, keyrotation.Order{Now: true})
	return err
}

func TestEveryStepIsRecordedBeforeItIsTaken(t *testing.T) {
	s := bootstrapped(t)
	var recorded []keyrotation.Transition
	full := errors.New("record full")
	s.acts.rotator.Record = func(_ context.Context, step keyrotation.Transition) error {
		recorded = append(recorded, step)
		return full
	}
	_, err := s.rotateNow()
	s.mustFail(err, full)
	s.want("1 active, 2 registered")
	k := s.lose(1)
	_, err = s.revoke(1)
	s.must(err) // a revocation does not wait for the record
	s.gone(k)
	s.want("1 revoking, 2 active")
	first := recorded[1]
	if first.Generation != 1 || first.To != keyrotation.Revoking || first.Actor != "cli" || first.Reason != "stolen" {
		t.Errorf("got the record %+v, want the revocation of generation 1 by cli", recorded)
	}
}

// What a verb did names the keys, also those that had no id when it began.
func TestWhatWasDoneNamesItsKeys(t *testing.T) {
	s := bootstrapped(t)
	s.wait(interval)
	res, err := s.rotateNow()
	s.must(err)
	ids := map[string]string{}
	for _, d := range res.Actions {
		ids[d.Action] = d.KeyID
	}
	if ids["activate"] != s.key(2).KeyID || ids["register"] != s.key(3).KeyID || s.key(3).KeyID == "" {
		t.Errorf("got actions %+v, want each with the id of its key", res.Actions)
	}
}
