package keyrotation_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"playtoken/keyrotation"
	"playtoken/store"
)

// revoke revokes a generation, after a dry run that has to foresee what comes of it.
func (s *stage) revoke(generation int) (keyrotation.Revocation, error) {
	foreseen, unseen := ask(s, func(r *keyrotation.Rotator, ctx context.Context) (keyrotation.Revocation, error) {
		return r.PreviewRevoke(ctx, generation)
	})
	got, err := ask(s, func(r *keyrotation.Rotator, ctx context.Context) (keyrotation.Revocation, error) {
		return r.Revoke(ctx, generation, keyrotation.Order{Actor: "cli", Reason: "stolen"})
	})
	if err == nil && (unseen != nil || foreseen != got) {
		s.t.Errorf("PreviewRevoke of generation %d = %+v, %v, want what came of it: %+v", generation, foreseen, unseen, got)
	}
	return got, err
}

func TestADryRunOfARevocationChangesNothing(t *testing.T) {
	s := bootstrapped(t)
	before := fmt.Sprint(s.store.ring())
	for _, generation := range []int{1, 2} {
		if _, err := ask(s, func(r *keyrotation.Rotator, ctx context.Context) (keyrotation.Revocation, error) {
			return r.PreviewRevoke(ctx, generation)
		}); err != nil {
			t.Error(err)
		}
	}
	if got := fmt.Sprint(s.store.ring()); got != before {
		t.Errorf("got the ring %s, want %s", got, before)
	}
	_, err := ask(s, func(r *keyrotation.Rotator, ctx context.Context) (keyrotation.Revocation, error) {
		return r.PreviewRevoke(ctx, 9)
	})
	s.mustFail(err, store.ErrNotFound)
}

// gone: neither store nor platform have the key.
func (s *stage) gone(k keyrotation.Key) {
	s.t.Helper()
	_, private := s.store.keys[k.StoreName]
	_, value := s.store.value(k)
	_, public := s.platform.keys[k.KeyID]
	if private || value || public {
		s.failf("generation %d: private key left: %t, value left: %t, key at the platform left: %t", k.Generation, private, value, public)
	}
}

func TestRevokeOfTheActiveKeyLetsTheStandbySign(t *testing.T) {
	s := bootstrapped(t)
	k := s.lose(1)
	got, err := s.revoke(1)
	s.must(err)
	want := keyrotation.Revocation{Revoked: 1, ActiveGeneration: 2, TokensLostFor: k.MaxTTL}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	s.gone(k)
	s.want("1 deleted, 2 active, 3 registered")
	again, err := s.revoke(1)
	if s.must(err); again != (keyrotation.Revocation{Revoked: 1, ActiveGeneration: 2}) {
		t.Errorf("Revoke again = %+v, want the same generations", again)
	}
	_, err = s.revoke(9)
	s.mustFail(err, store.ErrNotFound)
	s.recovers()
}

func TestRevokeWithoutAReadyStandbySaysWhenThereWillBeOne(t *testing.T) {
	s := bootstrapped(t)
	s.must(s.rotate())
	k := s.lose(2)
	got, err := s.revoke(2)
	s.must(err)
	ready := s.key(3).RegisteredAt.Add(propagation)
	if got.ActiveGeneration != 0 || !got.EarliestAt.Equal(ready) {
		t.Errorf("got %+v, want no active key before %s", got, ready)
	}
	s.gone(k)
	s.want("1 retiring, 2 deleted, 3 registered, 4 registered")
	s.wait(ready.Sub(s.now))
	s.must(s.pass())
	s.want("1 retiring, 2 deleted, 3 active, 4 registered")
	s.recovers()
}

func TestRevokeDoesNotLetADoubtedStandbySign(t *testing.T) {
	s := bootstrapped(t)
	delete(s.platform.keys, s.lose(2).KeyID)
	s.must(s.observe())
	s.lose(1)
	if got, err := s.revoke(1); err == nil && got.ActiveGeneration != 0 {
		t.Errorf("got %+v, want no active key", got)
	}
	if !s.key(2).ActivatedAt.IsZero() {
		t.Error("generation 2 was activated, want it left alone: it is in doubt")
	}
}

func TestRevokeInEveryOtherState(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		set  func(*testing.T) *stage
		key  int
		lost func(*stage) time.Duration
		want string
	}{
		{"standby", bootstrapped, 2, nil, "1 active, 2 deleted, 3 registered"},
		{"retiring", rotated, 1, func(s *stage) time.Duration { return s.key(1).RetiredAt.Add(overlap).Sub(s.now) }, "1 deleted, 2 active, 3 registered"},
		{"planned", stoppedBy("create", fate{dies: true}), 3, nil, "1 retiring, 2 active, 3 deleted, 4 registered"},
		{"planned, with a private key", stoppedBy("create", fate{happens: 1, dies: true}), 3, nil, "1 retiring, 2 active, 3 deleted, 4 registered"},
		{"generated", stoppedBy("register", fate{err: keyrotation.ErrThrottled}), 3, nil, "1 retiring, 2 active, 3 revoking"},
		{"registering, never arrived", stoppedBy("register", fate{dies: true}), 3, nil, "1 retiring, 2 active, 3 revoking, 4 registered"},
		{"registering, the response lost", stoppedBy("register", fate{happens: 1, dies: true}), 3, nil, "1 retiring, 2 active, 3 deleted, 4 registered"},
		{"quarantined", quarantined, 2, nil, "1 active, 2 deleted, 3 registered"},
		{"abandoning", stoppedBy("register", fate{err: keyrotation.ErrRefused}), 3, nil, "1 retiring, 2 active, 3 deleted"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tt.set(t)
			k, lost := s.lose(tt.key), time.Duration(0)
			if tt.lost != nil {
				lost = tt.lost(s)
			}
			got, err := s.revoke(tt.key)
			s.must(err)
			if got.Revoked != tt.key || got.ActiveGeneration == 0 || got.TokensLostFor != lost {
				t.Errorf("got %+v, want tokens lost for %s", got, lost)
			}
			s.want(tt.want)
			s.gone(k)
			s.recovers()
			s.gone(s.key(tt.key))
		})
	}
}

// stoppedBy is a stage in which a rotation stopped at a call.
func stoppedBy(op string, f fate) func(*testing.T) *stage {
	return func(t *testing.T) *stage {
		s := bootstrapped(t)
		s.wait(interval - propagation)
		s.as(op, f)
		s.pass()
		s.as("")
		return s
	}
}

func quarantined(t *testing.T) *stage {
	s := bootstrapped(t)
	s.lose(2)
	delete(s.platform.keys, s.key(2).KeyID)
	s.must(s.observe())
	s.wait(settle)
	s.must(s.pass())
	return s
}

func TestRevokeWhileThePlatformIsDownStopsSigningAtOnce(t *testing.T) {
	s := bootstrapped(t)
	k := s.lose(1)
	s.script = func(_ *replica, op string) fate {
		if op == "list" || op == "get" || op == "register" || op == "delete" {
			return fate{err: errLost}
		}
		return asAsked
	}
	got, err := s.revoke(1)
	s.mustFail(err, errLost)
	if got.Revoked != 1 || got.ActiveGeneration != 2 {
		t.Errorf("got %+v, want generation 1 revoked and 2 active in spite of the error", got)
	}
	if _, left := s.store.keys[k.StoreName]; left || s.key(1).State != keyrotation.Revoking {
		t.Errorf("private key left: %t, generation 1 is %s; want it destroyed and revoking", left, s.key(1).State)
	}
	s.as("")
	s.must(s.passBy(s.fresh))
	s.gone(k)
	s.recovers()
}

func TestOtherFailuresDoNotDelayARevocation(t *testing.T) {
	for op, f := range map[string]fate{
		"create":   {err: store.ErrUnavailable},
		"register": {err: errLost},
		"list":     {err: errLost},
	} {
		s := bootstrapped(t)
		k := s.lose(1)
		s.always(op, f)
		_, err := s.revoke(1)
		s.must(err)
		s.gone(k)
		s.recovers()
	}
}

func TestRevokeWhileTheStoreIsAwayIsAnError(t *testing.T) {
	for _, op := range []string{"read", "write"} {
		s := bootstrapped(t)
		s.always(op, fate{err: store.ErrUnavailable})
		_, err := s.revoke(1)
		s.mustFail(err, store.ErrUnavailable)
		s.want("1 active, 2 registered")
	}
}

// With a wrong clock or account no move is made, but a revocation does what it
// can and says what is left.
func TestRevokeThatCannotBeFinishedSaysSo(t *testing.T) {
	for name, trouble := range map[string]func(*stage){
		"our clock is behind":  func(s *stage) { s.acts.rotator.Clock = func() time.Time { return s.now.Add(-time.Hour) } },
		"the wrong account":    func(s *stage) { delete(s.platform.keys, s.key(1).KeyID); delete(s.platform.keys, s.key(2).KeyID) },
		"the store was slower": func(s *stage) { s.as("destroy", fate{err: store.ErrUnavailable}) },
	} {
		t.Run(name, func(t *testing.T) {
			s := bootstrapped(t)
			k := s.lose(1)
			s.lose(2)
			trouble(s)
			if _, err := s.revoke(1); err == nil {
				t.Error("got no error, want one: the key is not gone")
			}
			_, left := s.store.keys[k.StoreName]
			if s.key(1).State != keyrotation.Revoking || left != (name == "the store was slower") {
				t.Errorf("got keys %s, private key left: %t; want generation 1 revoking", s.states(), left)
			}
		})
	}
}

func TestARevocationIsNotDelayedByAnEarlierOne(t *testing.T) {
	s := rotated(t)
	s.always("delete", fate{err: keyrotation.ErrThrottled})
	first, second := s.lose(1), s.lose(2)
	_, err := s.revoke(1)
	s.mustFail(err, keyrotation.ErrThrottled)
	_, err = s.revoke(2)
	s.mustFail(err, keyrotation.ErrThrottled)
	if _, held := s.store.keys[second.StoreName]; held {
		t.Error("got the private key of generation 2, want it destroyed")
	}
	s.recovers()
	s.gone(first)
	s.gone(second)
}
