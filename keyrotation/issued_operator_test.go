package keyrotation_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"playtoken/keyrotation"
	"playtoken/store"
)

// The operator's verbs and the drift report, where a platform makes the keys.

func TestAnIssuedKeyChangedByHandIsQuarantined(t *testing.T) {
	t.Parallel()
	for name, hand := range map[string]func(s *stage, k keyrotation.Key){
		"deletes it at the platform": func(s *stage, k keyrotation.Key) { delete(s.platform.keys, k.KeyID) },
		"renames it": func(s *stage, k keyrotation.Key) {
			shown := s.platform.keys[k.KeyID]
			shown.Name = "do not use"
			s.platform.keys[k.KeyID] = shown
		},
		"deletes its value": func(s *stage, k keyrotation.Key) { delete(s.store.docs, keyrotation.IssuedName(k.StoreName)) },
		"replaces its value by another key's": func(s *stage, k keyrotation.Key) {
			s.store.docs[keyrotation.IssuedName(k.StoreName)] = store.Document{
				Data: []byte(`{"key_id":"` + foreign[0] + `","value":"c2VjcmV0"}`), Version: 9}
		},
		"spoils its document": func(s *stage, k keyrotation.Key) {
			s.store.docs[keyrotation.IssuedName(k.StoreName)] = store.Document{Data: []byte("?"), Version: 9}
		},
	} {
		t.Run(name, func(t *testing.T) {
			changedKeyIsQuarantined(t, issued, func(s *stage, generation int) { hand(s, s.key(generation)) }, func(s *stage, generation int, _ string) {
				_, err := s.order((*keyrotation.Rotator).Release, generation)
				s.mustGuard(err, "")
			})
		})
	}
}

func TestReleaseOfAnIssuedKey(t *testing.T) {
	s := issued(t)
	kept := s.platform.keys[s.lose(1).KeyID]
	delete(s.platform.keys, kept.ID)
	s.must(s.observe())
	s.wait(settle)
	s.must(s.pass())
	s.platform.keys[kept.ID] = kept
	_, err := s.order((*keyrotation.Rotator).Release, 1)
	s.must(err)
	s.want("1 retiring, 2 active, 3 registered")
	s.recovers()
}

func TestActivateAndRollbackOfIssuedKeys(t *testing.T) {
	s := issued(t)
	_, err := s.order((*keyrotation.Rotator).Activate, 2)
	s.must(err)
	s.want("1 retiring, 2 active, 3 registered")
	_, err = s.order((*keyrotation.Rotator).Activate, 3)
	s.mustGuard(err, "still propagating")
	s.wait(issuedOverlap - time.Second)
	_, err = s.order((*keyrotation.Rotator).Rollback, 1)
	s.must(err)
	s.want("1 active, 2 retiring, 3 registered")
	doc := keyrotation.IssuedName(s.key(2).StoreName)
	value := s.store.docs[doc]
	delete(s.store.docs, doc)
	_, err = s.order((*keyrotation.Rotator).Rollback, 2)
	s.mustGuard(err, "its value is not in the store")
	s.store.docs[doc] = value
	s.wait(propagation)
	_, err = s.rotateNow()
	s.must(err)
	s.want("1 retiring, 2 deleted, 3 active, 4 registered")
	s.recovers()
}

func TestDriftOfIssuedKeys(t *testing.T) {
	s := issuedRotated(t)
	missing, other, twice := s.lose(1), s.lose(2), s.key(3)
	delete(s.platform.keys, missing.KeyID)
	delete(s.store.docs, keyrotation.IssuedName(other.StoreName))
	orphan := s.platform.issue(twice.Name).ID
	similar := []string{s.platform.issue(twice.Name + " ").ID, s.platform.issue(strings.ToUpper(twice.Name)).ID, s.platform.issue("").ID}
	s.as("")
	drift, err := ask(s, (*keyrotation.Rotator).Drift)
	s.must(err)
	wantFindings(t, drift, []string{missing.KeyID}, []string{other.KeyID}, []string{orphan}, slices.Concat(foreign, similar))
	if s.count("mutating")+s.count("write") != 0 {
		t.Errorf("Drift made the calls %v, want none that change something", s.calls)
	}
	s.live(3 * time.Minute)
	for _, id := range similar {
		if _, there := s.platform.keys[id]; !there {
			t.Errorf("key %s was deleted, want it left alone: its name is not one of ours", id)
		}
	}
}

func TestRemoveUnmanagedLeavesIssuedKeysOfOurs(t *testing.T) {
	s := issuedRotated(t)
	orphan := s.platform.issue(s.key(2).Name).ID
	for _, generation := range []int{1, 2, 3} {
		s.mustGuard(s.removeUnmanaged(s.key(generation).KeyID), "of ours")
	}
	s.mustGuard(s.removeUnmanaged(orphan), "of ours")
	s.mustFail(s.removeUnmanaged("id9999"), store.ErrNotFound)
	byHand := s.platform.issue("by hand").ID
	s.must(s.removeUnmanaged(byHand))
	if _, there := s.platform.keys[byHand]; there || len(s.platform.deleted) != 1 {
		t.Errorf("got the deleted keys %v, want the hand-made one alone", s.platform.deleted)
	}
}

func TestEveryStepOfAnIssuedKeyIsRecorded(t *testing.T) {
	s := newIssuingStage(t)
	var steps []string
	s.acts.rotator.Record = func(_ context.Context, step keyrotation.Transition) error {
		if step.Generation == 1 {
			steps = append(steps, string(step.To))
		}
		return nil
	}
	s.bootstrap()
	s.lose(1)
	_, err := s.revoke(1)
	s.must(err)
	want := []string{"planned", "generated", "registering", "registered", "active", "revoking", "deleted"}
	if !slices.Equal(steps, want) {
		t.Errorf("got the record %v, want every step", steps)
	}
	full := errors.New("record full")
	s.acts.rotator.Record = func(context.Context, keyrotation.Transition) error { return full }
	s.wait(propagation)
	_, err = s.rotateNow()
	s.mustFail(err, full)
	s.want("1 deleted, 2 active, 3 registered")
}

func TestAnIssuersClockMayBeWrong(t *testing.T) {
	for name, clock := range map[string]time.Duration{"a day ahead": 24 * time.Hour, "behind": -24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			s := newIssuingStage(t)
			s.platform.clock = clock
			s.bootstrap()
			s.must(s.live(2*interval + time.Minute))
			s.recovers()
		})
	}
}
