package keyrotation_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"playtoken/keyrotation"
	"playtoken/store"
)

func (s *stage) end() error {
	return s.by(s.acts, func(ctx context.Context, r *keyrotation.Rotator) error {
		return r.End(ctx, keyrotation.Order{Actor: "admin", Reason: "the project is deleted"})
	})
}

// ends ends the ring, and waits for registrations without a response if needed.
func (s *stage) ends() {
	s.t.Helper()
	err := s.end()
	if guard, ok := errors.AsType[*keyrotation.Guard](err); ok {
		s.wait(guard.EarliestAt.Sub(s.now))
		err = s.end()
	}
	s.must(err)
}

// loseAll tells the oracle that all tokens may be lost.
func (s *stage) loseAll() (all []keyrotation.Key) {
	for _, k := range s.store.ring().Keys {
		all = append(all, s.lose(k.Generation))
	}
	return all
}

func TestAnEndedRingHasNoKeysAndGetsNone(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*testing.T) *stage{
		"never begun": newStage, "bootstrapped": bootstrapped, "rotated": rotated, "issued": issued, "issued, rotated": issuedRotated,
		"quarantined": quarantined, "planned": stoppedBy("create", fate{happens: 1, dies: true}),
		"generated":  stoppedBy("register", fate{err: keyrotation.ErrThrottled}),
		"abandoning": stoppedBy("register", fate{err: keyrotation.ErrRefused}),
	} {
		t.Run(name, func(t *testing.T) {
			s := set(t)
			keys := s.loseAll()
			s.ends()
			for _, k := range keys {
				s.gone(k)
			}
			s.must(s.end())
			made := len(s.store.ring().Keys)
			s.must(s.live(2 * time.Hour))
			s.must(s.passBy(s.fresh))
			if now := s.store.ring().Keys; len(now) != made {
				t.Errorf("got %d keys, and %d two hours later; want no new ones", made, len(now))
			}
		})
	}
}

func TestAnEndWaitsForARegistrationWithoutAResponse(t *testing.T) {
	s := stoppedBy("register", fate{dies: true})(t)
	keys := s.loseAll()
	guard, ok := errors.AsType[*keyrotation.Guard](s.end())
	if !ok || !guard.EarliestAt.After(s.now) || s.store.ring().EndedAt.IsZero() {
		t.Fatalf("got the refusal %+v, want one with a time to come, and an ended ring", guard)
	}
	if active := s.store.ring(); active.Keys[0].State == keyrotation.Active {
		t.Error("generation 1 is active, want it revoked")
	}
	s.wait(guard.EarliestAt.Sub(s.now))
	s.must(s.end())
	for _, k := range keys {
		s.gone(k)
	}
}

func TestAnEndGoesOnAfterTrouble(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]fate{"did not happen": {err: store.ErrUnavailable}, "response lost": {happens: 1, err: store.ErrUnavailable}} {
		for _, op := range []string{"delete", "destroy", "write"} {
			t.Run(op+", "+name, func(t *testing.T) {
				s := rotated(t)
				keys := s.loseAll()
				s.as(op, f)
				s.mustFail(s.end(), store.ErrUnavailable)
				s.as("")
				s.must(s.end())
				for _, k := range keys {
					s.gone(k)
				}
			})
		}
	}
}
