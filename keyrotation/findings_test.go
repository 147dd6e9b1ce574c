package keyrotation_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"playtoken/keyrotation"
)

// found are the codes of the ring's troubles and their generations, without the
// keys that every account has from the start.
func (s *stage) found() string {
	var all []string
	ring := s.store.ring()
	for _, t := range ring.Troubles {
		if !slices.Contains(foreign, t.KeyID) {
			all = append(all, strings.TrimSuffix(fmt.Sprintf("%s %d", t.Code, t.Generation), " 0"))
		}
	}
	return strings.Join(all, ", ")
}

func TestALookFindsWhatAnOperatorShouldKnow(t *testing.T) {
	for name, test := range map[string]struct {
		happens func(*stage)
		want    string
	}{
		"nothing":                  {func(*stage) {}, ""},
		"a key is missing":         {func(s *stage) { s.platform.remove(s.lose(2).KeyID) }, "key_missing 2"},
		"another key is in place":  {func(s *stage) { s.swap(s.lose(2)) }, "key_mismatched 2"},
		"a key that is not ours":   {func(s *stage) { s.platform.add("by hand", pooledKey(0).public) }, "key_unmanaged"},
		"a second registration":    {func(s *stage) { s.platform.add("again", s.key(1).PublicKey) }, "key_orphaned 1"},
		"an older store":           {func(s *stage) { s.forgets() }, "restored_active_key_present 1"},
		"an older store, key gone": {func(s *stage) { s.forgets(); s.platform.remove(s.lose(1).KeyID) }, "restored_active_key_gone 1, key_missing 1"},
		"a clock apart": {func(s *stage) {
			s.acts.rotator.StoreTime = func(context.Context) (time.Time, error) { return s.now.Add(time.Minute), nil }
		}, "clock_apart"},
		"no key is left":         {func(s *stage) { s.losesAll() }, "all_keys_missing"},
		"the wrong account":      {func(s *stage) { s.losesAll(); s.acts.rotator.Account = "account b" }, "account_without_our_keys"},
		"no key of an old store": {func(s *stage) { s.forgets(); s.platform.remove(s.lose(1).KeyID); s.platform.remove(s.lose(2).KeyID) }, "restored_all_keys_gone 1"},
	} {
		t.Run(name, func(t *testing.T) {
			s := replacing(t, false)
			s.must(s.observe())
			test.happens(s)
			s.observe()
			if got := s.found(); got != test.want {
				t.Errorf("got findings %q, want %q", got, test.want)
			}
		})
	}
}

// swap puts another key under the id of one.
func (s *stage) swap(k keyrotation.Key) {
	s.platform.keys[k.KeyID] = keyrotation.PlatformKey{ID: k.KeyID, PublicKey: pooledKey(0).public,
		Fingerprint: keyrotation.Fingerprint(pooledKey(0).public)}
}

// forgets makes the store older than the platform: a key is named after the ring,
// which does not know it.
func (s *stage) forgets() {
	ring := s.store.ring()
	s.platform.add("playtoken default #9 "+ring.StoreID, pooledKey(0).public)
}

// A foreign key is told with its name, which may be anything, and its date.
func TestAForeignKeyIsToldWithItsNameAndDate(t *testing.T) {
	s := bootstrapped(t)
	id := s.platform.add(strings.Repeat("é", 40)+"\"\n", pooledKey(0).public)
	s.must(s.observe())
	ring := s.store.ring()
	i := slices.IndexFunc(ring.Troubles, func(t keyrotation.Trouble) bool { return t.KeyID == id })
	if i < 0 {
		t.Fatalf("got findings %+v, want one about %s", ring.Troubles, id)
	}
	want := fmt.Sprintf("key %q, registered at %s: ", strings.Repeat("é", 30)+"…", s.platform.keys[id].CreatedAt.UTC().Format(time.RFC3339))
	if got := ring.Troubles[i].Detail; !strings.HasPrefix(got, want) {
		t.Errorf("got %q, want it to begin with %q", got, want)
	}
}

// Another project's keys are no strangers. Its ring is read once for a stranger
// that was told already, and not told of if it cannot be read.
func TestStrangersAreKeysOfNoProject(t *testing.T) {
	s := bootstrapped(t)
	theirs, unowned := s.platform.add("theirs", pooledKey(0).public), s.platform.add("of no project", pooledKey(1).public)
	tells := func() (ids []string) {
		s.must(s.observe())
		ring := s.store.ring()
		for _, t := range ring.Troubles {
			if !slices.Contains(foreign, t.KeyID) {
				ids = append(ids, t.KeyID)
			}
		}
		return ids
	}
	s.sharedWith(nil, errLost)
	if got := tells(); len(got) != 0 {
		t.Errorf("got findings about %v while the owners are unknown, want none", got)
	}
	s.sharedWith(map[string]string{theirs: "project_b"}, nil)
	if got := tells(); !slices.Equal(got, []string{unowned}) {
		t.Errorf("got findings about %v, want %s", got, unowned)
	}
	s.sharedWith(nil, errLost)
	if got := tells(); !slices.Equal(got, []string{unowned}) {
		t.Errorf("got findings about %v, want %s told as before", got, unowned)
	}
}

// An order looks again before it says that viewers or rotation are stopped. The
// scheduler's turn waits until a look is due.
func TestAnOrderLooksAgainWhereSomethingIsInTheWay(t *testing.T) {
	s := replacing(t, false)
	s.must(s.observe())
	keys := s.platform.keys
	s.platform.keys = map[string]keyrotation.PlatformKey{}
	s.oracle.forgive(s.key(1).KeyID)
	s.must(s.observe())
	s.platform.keys = keys
	s.as("")
	_, err := ask(s, func(r *keyrotation.Rotator, ctx context.Context) (time.Duration, error) { return r.Turn(ctx, 0) })
	s.must(err)
	if got := s.found(); s.count("list") != 0 || got != "all_keys_missing" {
		t.Errorf("a turn: got %d lists and findings %q, want none and all_keys_missing", s.count("list"), got)
	}
	s.must(s.pass())
	if got := s.found(); s.count("list") != 1 || got != "" {
		t.Errorf("an order: got %d lists and findings %q, want one and none", s.count("list"), got)
	}
	s.must(s.pass())
	if s.count("list") != 1 {
		t.Errorf("got %d lists, want no other one while nothing is in the way", s.count("list"))
	}
}

// What an order itself has mended is not in its result.
func TestWhatAnOrderHasMendedIsOver(t *testing.T) {
	s := replacing(t, false)
	s.must(s.observe())
	s.forgets()
	s.platform.remove(s.lose(1).KeyID)
	s.must(s.observe())
	result, err := s.rotateNow()
	s.must(err)
	s.want("1 retiring, 2 active, 3 registered")
	for _, f := range result.Troubles {
		if f.Code == keyrotation.RestoredActiveGone {
			t.Errorf("got %+v, want no finding about an active key that is gone", f)
		}
	}
	if got := s.found(); !strings.Contains(got, "key_missing 1") {
		t.Errorf("got findings %q, want those about tokens of generation 1 still", got)
	}
}

// What moves have ended is over before the next look.
func TestARevokedKeyIsNotMissing(t *testing.T) {
	s := bootstrapped(t)
	s.platform.remove(s.lose(2).KeyID)
	s.must(s.observe())
	_, err := s.revoke(2)
	s.must(err)
	if got := s.found(); got != "" {
		t.Errorf("got findings %q, want none", got)
	}
}

func TestARingKeepsAPartOfALongError(t *testing.T) {
	long := fmt.Errorf("%w: %s", keyrotation.ErrRefused, strings.Repeat("é", 5000))
	s := stoppedBy("register", fate{err: long})(t)
	ring := s.store.ring()
	if got := ring.LastRun.Error; len(got) < 400 || len(got) > 510 || !utf8.ValidString(got) || strings.ContainsRune(got, utf8.RuneError) {
		t.Errorf("got an error of %d bytes, %q; want about 500, of whole characters", len(got), got)
	}
}
