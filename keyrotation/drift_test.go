package keyrotation_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"playtoken/keyrotation"
	"playtoken/store"
)

// ids of findings.
func ids(findings []keyrotation.Finding) (all []string) {
	for _, f := range findings {
		all = append(all, f.KeyID)
	}
	return all
}

// wantFindings checks what a drift report shows: all of it, with an explanation
// of each.
func wantFindings(t *testing.T, drift keyrotation.Drift, missing, mismatched, orphans, unmanaged []string) {
	t.Helper()
	for _, tt := range []struct {
		name string
		got  []keyrotation.Finding
		want []string
	}{
		{"missing", drift.Missing, missing},
		{"mismatched", drift.Mismatched, mismatched},
		{"orphans", drift.Orphans, orphans},
		{"unmanaged", drift.Unmanaged, unmanaged},
	} {
		if got := ids(tt.got); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got findings about %v, want %v", tt.name, got, tt.want)
		}
		for _, f := range tt.got {
			if f.Meaning == "" || f.Code == "" {
				t.Errorf("%s finding = %+v, want a code and a meaning", tt.name, f)
			}
		}
	}
}

func TestDriftFilesEveryDifferenceUnderWhatItIs(t *testing.T) {
	s := rotated(t)
	missing, other, twice := s.lose(1), s.lose(2), s.key(3)
	delete(s.platform.keys, missing.KeyID)
	foreignKey := s.platform.keys[foreign[0]]
	foreignKey.ID = other.KeyID
	s.platform.keys[other.KeyID] = foreignKey
	orphan := s.platform.add("a second time", twice.PublicKey)
	before := s.store.docs[keyrotation.RingName("default")].Version
	s.as("")
	drift, err := ask(s, (*keyrotation.Rotator).Drift)
	s.must(err)
	wantFindings(t, drift, []string{missing.KeyID}, []string{other.KeyID}, []string{orphan}, foreign)
	if after := s.store.docs[keyrotation.RingName("default")].Version; after != before || s.count("mutating")+s.count("write") != 0 {
		t.Errorf("Drift made the calls %v and changed version %d to %d, want no change", s.calls, before, after)
	}
}

// TestDriftSaysWhoKnowsEachKey: ring, store and platform, each by itself.
func TestDriftSaysWhoKnowsEachKey(t *testing.T) {
	s := rotated(t)
	gone, other, lost := s.lose(1), s.lose(2), s.lose(3)
	delete(s.platform.keys, gone.KeyID)
	foreignKey := s.platform.keys[foreign[0]]
	foreignKey.ID = other.KeyID
	s.platform.keys[other.KeyID] = foreignKey
	delete(s.store.keys, lost.StoreName)
	orphan := s.platform.add("a second time", other.PublicKey)
	drift, err := ask(s, (*keyrotation.Rotator).Drift)
	s.must(err)
	got := map[string]keyrotation.Known{}
	for _, k := range drift.Keys {
		got[k.KeyID] = keyrotation.Known{Generation: k.Generation, Store: k.Store, Platform: k.Platform}
	}
	want := map[string]keyrotation.Known{
		gone.KeyID:  {Generation: 1, Store: keyrotation.HasKey, Platform: keyrotation.LacksKey},
		other.KeyID: {Generation: 2, Store: keyrotation.HasKey, Platform: keyrotation.DiffersKey},
		lost.KeyID:  {Generation: 3, Store: keyrotation.LacksKey, Platform: keyrotation.HasKey},
		orphan:      {Platform: keyrotation.HasKey},
	}
	for _, id := range foreign {
		want[id] = keyrotation.Known{Platform: keyrotation.HasKey}
	}
	if !maps.Equal(got, want) {
		t.Errorf("got the keys %+v, want %+v", got, want)
	}
}

func TestDriftOfAPrivateKeyIsAMismatch(t *testing.T) {
	s := bootstrapped(t)
	if drift, err := ask(s, (*keyrotation.Rotator).Drift); err != nil || len(drift.Mismatched)+len(drift.Missing)+len(drift.Orphans) != 0 {
		t.Errorf("Drift = %+v, %v, want no difference", drift, err)
	}
	k := s.lose(1)
	delete(s.store.keys, k.StoreName)
	drift, err := ask(s, (*keyrotation.Rotator).Drift)
	s.must(err)
	if got := ids(drift.Mismatched); !slices.Equal(got, []string{k.KeyID}) {
		t.Errorf("got mismatched %v, want the key without its private key", got)
	}
	s.as("list", fate{err: errLost})
	_, err = ask(s, (*keyrotation.Rotator).Drift)
	s.mustFail(err, errLost)
}

func (s *stage) removeUnmanaged(id string) error {
	s.oracle.ordered[id] = true
	return s.by(s.acts, func(ctx context.Context, r *keyrotation.Rotator) error {
		return r.RemoveUnmanaged(ctx, id, keyrotation.Order{Actor: "cli", Reason: "test"})
	})
}

func TestRemoveUnmanagedRemovesNothingElse(t *testing.T) {
	s := rotated(t)
	orphan := s.platform.add("a second time", s.key(2).PublicKey)
	for _, generation := range []int{1, 2, 3} {
		s.mustGuard(s.removeUnmanaged(s.key(generation).KeyID), "of ours")
	}
	s.mustGuard(s.removeUnmanaged(orphan), "of ours")
	s.mustFail(s.removeUnmanaged("id9999"), store.ErrNotFound)
	s.as("list", fate{err: errLost})
	s.mustFail(s.removeUnmanaged(foreign[0]), errLost)
	if len(s.platform.deleted) != 0 {
		t.Fatalf("got the deleted keys %v, want others", s.platform.deleted)
	}
	byHand := s.platform.add("by hand", pooledKey(0).public)
	var told keyrotation.Transition
	said := errLost
	s.acts.rotator.Record = func(_ context.Context, t keyrotation.Transition) error {
		told = t
		return said
	}
	s.mustFail(s.removeUnmanaged(byHand), errLost)
	if len(s.platform.deleted) != 0 || told.KeyID != byHand || told.Reason == "" {
		t.Errorf("got deletions %v after recording %+v failed, want none", s.platform.deleted, told)
	}
	said = nil
	s.must(s.removeUnmanaged(byHand))
	if _, there := s.platform.keys[byHand]; there || len(s.platform.deleted) != 1 {
		t.Errorf("got the deleted keys %v, want others", s.platform.deleted)
	}
}

func TestRemoveUnmanagedWaitsForAKeyThatTakesItsPlace(t *testing.T) {
	s := newStage(t)
	s.mustGuard(s.removeUnmanaged(foreign[0]), "nothing could take this key's place")
	s.must(s.pass())
	g := s.mustGuard(s.removeUnmanaged(foreign[0]), "nothing could take this key's place")
	if want := s.key(1).RegisteredAt.Add(propagation); !g.EarliestAt.Equal(want) {
		t.Errorf("got possible from %s, want %s", g.EarliestAt, want)
	}
	s = bootstrapped(t)
	k := s.lose(1)
	delete(s.platform.keys, k.KeyID)
	s.mustGuard(s.removeUnmanaged(foreign[0]), "nothing could take this key's place")
}

// sharedWith sets the owners of keys of other projects, or the error of asking.
func (s *stage) sharedWith(owners map[string]string, err error) {
	s.acts.rotator.OtherOwners = func(_ context.Context, shown []keyrotation.PlatformKey) (map[string]string, error) {
		of := map[string]string{}
		for _, k := range shown {
			if project, ok := owners[k.ID]; ok && k.Fingerprint != "" {
				of[k.ID] = project
			}
		}
		return of, err
	}
}

func TestKeysOfOtherProjectsAreNotForRemoval(t *testing.T) {
	s := rotated(t)
	theirs, unowned := s.platform.add("theirs", pooledKey(0).public), s.platform.add("of no project", pooledKey(1).public)
	s.sharedWith(map[string]string{theirs: "project_b"}, nil)
	drift, err := ask(s, (*keyrotation.Rotator).Drift)
	s.must(err)
	for _, f := range drift.Unmanaged {
		want := keyrotation.KeyForeign
		if f.KeyID == theirs {
			want = keyrotation.KeyOfProject
		}
		if f.Code != want || (f.Project == "project_b") != (f.KeyID == theirs) {
			t.Errorf("finding about key %s has code %q and project %q, want code %q", f.KeyID, f.Code, f.Project, want)
		}
		if strings.Contains(f.Meaning, "project_b") {
			t.Errorf("meaning for another project = %q, want no name of the owner", f.Meaning)
		}
	}
	s.mustGuard(s.removeUnmanaged(theirs), "another project")
	s.sharedWith(nil, errLost)
	s.mustGuard(s.removeUnmanaged(unowned), "unknown whether another project")
	drift, err = ask(s, (*keyrotation.Rotator).Drift)
	s.must(err)
	for _, f := range drift.Unmanaged {
		if f.Code != keyrotation.KeyUnattributed || !strings.Contains(f.Meaning, errLost.Error()) {
			t.Errorf("finding without an answer about owners = %+v, want the code %q and the reason", f, keyrotation.KeyUnattributed)
		}
	}
	if len(s.platform.deleted) != 0 {
		t.Fatalf("got the deleted keys %v, want others", s.platform.deleted)
	}
	s.sharedWith(map[string]string{theirs: "project_b"}, nil)
	s.must(s.removeUnmanaged(unowned))
}

func TestDriftSaysThatTheStoreIsOlderThanThePlatform(t *testing.T) {
	s := rotated(t)
	ring := s.store.ring()
	forgotten := s.platform.add("playtoken default #9 "+ring.StoreID, pooledKey(0).public)
	drift, err := ask(s, (*keyrotation.Rotator).Drift)
	s.must(err)
	for _, f := range drift.Unmanaged {
		want, tokensFor := keyrotation.KeyForeign, time.Duration(0)
		if f.KeyID == forgotten {
			want, tokensFor = keyrotation.KeyForgotten, simPolicy().MaxTTL
		}
		if f.Code != want || f.TokensFor != tokensFor {
			t.Errorf("finding about key %s has code %q and tokens for %s, want %q and %s", f.KeyID, f.Code, f.TokensFor, want, tokensFor)
		}
	}
	if got := ids(drift.Unmanaged); !slices.Contains(got, forgotten) || len(got) != len(foreign)+1 {
		t.Errorf("got unmanaged %v, want the forgotten key and the foreign ones", got)
	}
}

// behind is a store whose first answer is an old one.
type behind struct {
	store.Documents
	old *store.Document
}

func (b *behind) Read(ctx context.Context, name string) (store.Document, error) {
	if old := b.old; old != nil {
		b.old = nil
		return *old, nil
	}
	return b.Documents.Read(ctx, name)
}

func TestAKeyThatIsRegisteredMeanwhileIsNotUnmanaged(t *testing.T) {
	s := bootstrapped(t)
	before := s.store.docs[keyrotation.RingName("default")]
	s.must(s.rotate())
	fresh, documents := s.key(3), s.acts.rotator.Documents
	s.acts.rotator.Documents = &behind{documents, &before}
	drift, err := ask(s, (*keyrotation.Rotator).Drift)
	s.must(err)
	if got := ids(drift.Unmanaged); !slices.Equal(got, foreign) {
		t.Errorf("got unmanaged %v, want the forgotten key and the foreign ones", got)
	}
	s.acts.rotator.Documents = &behind{documents, &before}
	s.mustGuard(s.removeUnmanaged(fresh.KeyID), "of ours")
}

func TestALookRecordsHowManyKeysDiffer(t *testing.T) {
	s := rotated(t)
	missing, twice := s.lose(1), s.key(3)
	delete(s.platform.keys, missing.KeyID)
	s.platform.add("a second time", twice.PublicKey)
	s.must(s.observe())
	ring := s.store.ring()
	want := keyrotation.DriftCounts{keyrotation.KeyMissing: 1, keyrotation.KeyOrphan: 1, keyrotation.KeyForeign: len(foreign)}
	if !maps.Equal(ring.Drifted, want) {
		t.Errorf("after a look that differs, the ring has the counts %v, want %v", ring.Drifted, want)
	}
	for _, id := range foreign {
		delete(s.platform.keys, id)
	}
	s.wait(simPolicy().ObserveEvery)
	s.must(s.pass())
	s.wait(simPolicy().ObserveEvery)
	s.must(s.pass())
	if got := s.store.ring().Drifted; got[keyrotation.KeyForeign] != 0 || got[keyrotation.KeyOrphan] != 0 {
		t.Errorf("after what differed is gone, the ring has the counts %v, want none of keys that are not ours", got)
	}
}
