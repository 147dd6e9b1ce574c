package keyrotation_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"playtoken/keyrotation"
	"playtoken/store"
)

// unissued is a stage whose next rotation asks for generation 3, with a script
// for one operation.
func unissued(t *testing.T, op string, f fate) *stage {
	s := issued(t)
	s.wait(interval - propagation)
	s.as(op, f)
	return s
}

// named are the ids of the platform's keys of a name.
func (s *stage) named(name string) (ids []string) {
	for id, k := range s.platform.keys {
		if k.Name == name {
			ids = append(ids, id)
		}
	}
	return ids
}

func TestALostValueIsGivenUpAndAnotherKeyIsIssued(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, op string
		fate     fate
		made     int // keys at the platform under the lost name, when its time is over
	}{
		{"the request never arrived", "issue", fate{err: errLost}, 0},
		{"its response was lost", "issue", fate{happens: 1, err: errLost}, 1},
		{"it was carried out twice, and the response lost", "issue", fate{happens: 2, err: errLost}, 2},
		{"it arrived late", "issue", fate{late: settle / 2, err: errLost}, 1},
		{"the value's document could not be read", "recall", fate{err: errLost}, 1},
		{"the value could not be stored", "keep", fate{err: errLost}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := unissued(t, tt.op, tt.fate)
			switch tt.op {
			case "keep": // the first write creates the document
				s.as("keep", asAsked, tt.fate)
			case "recall": // the observation reads two values
				s.as("recall", asAsked, asAsked, tt.fate)
			}
			s.pass()
			s.want("1 retiring, 2 active, 3 registering")
			lost := s.key(3)
			s.wait(settle - time.Second)
			s.must(s.pass())
			s.want("1 retiring, 2 active, 3 registering")
			if n := len(s.named(lost.Name)); n != tt.made {
				t.Fatalf("got %d keys of the lost name, want %d", n, tt.made)
			}
			s.wait(time.Second)
			s.must(s.pass())
			if k := s.key(3); k.State != keyrotation.Deleted && k.State != keyrotation.Abandoning || k.Note == "" {
				t.Errorf("generation 3 is %s with the note %q, want it given up for a reason", k.State, k.Note)
			}
			s.must(s.live(time.Minute))
			s.want("1 deleted, 2 active, 3 deleted, 4 registered")
			if s.key(4).Name == lost.Name || len(s.named(lost.Name)) != 0 {
				t.Errorf("got keys %v under the lost name, want it never used again", s.named(lost.Name))
			}
			s.gone(s.key(3))
			s.recovers()
		})
	}
}

func TestAKeptValueIsNotLostWithTheAnswerOfItsWrite(t *testing.T) {
	s := unissued(t, "", asAsked)
	s.as("keep", asAsked, fate{happens: 1, err: errLost})
	s.mustFail(s.pass(), errLost)
	s.want("1 retiring, 2 active, 3 registering") // no signer relies on a value that may not be stored
	s.must(s.live(3*settle + 10*time.Second))
	if k := s.key(3); k.State != keyrotation.Deleted {
		s.failf("generation 3 is %s", k.State)
	}
	s.recovers()
}

func TestAKeyIsNotWastedBecauseOthersWroteTheRing(t *testing.T) {
	s := unissued(t, "", asAsked)
	others := func() {
		s.wait(time.Second)
		doc := s.store.docs[keyrotation.RingName("default")]
		doc.Version++ // as every write does
		s.store.docs[keyrotation.RingName("default")] = doc
	}
	s.as("keep", asAsked, fate{happens: 1, first: others})
	s.must(s.pass())
	s.want("1 retiring, 2 active, 3 registered")
	if n := s.count("issue"); n != 1 {
		t.Errorf("got %d requests for keys, want 1", n)
	}
	s.recovers()
}

func TestAnAnswerThatComesWhenTheKeyWasGivenUpChangesNothing(t *testing.T) {
	for op, before := range map[string][]fate{"recall": {asAsked, asAsked}, "keep": {asAsked}} {
		t.Run(op, func(t *testing.T) {
			s := unissued(t, "", asAsked)
			s.as(op, append(before, fate{happens: 1, first: func() {
				for range 3 {
					s.now = s.now.Add(settle) // it took that long
					s.must(s.passBy(s.fresh))
				}
				if s.key(3).DestroyedAt.IsZero() {
					s.failf("generation 3 is %s", s.key(3).State)
				}
			}})...)
			s.pass()
			if n := s.count(op); n <= len(before) {
				t.Fatalf("got %d calls, want the scripted one", n)
			}
			s.gone(s.key(3))
			s.recovers()
		})
	}
}

func TestAKeyThatWasGivenUpMeanwhileIsNotRegistered(t *testing.T) {
	s := unissued(t, "", asAsked)
	played := false
	s.script = func(r *replica, op string) fate {
		ring := s.store.ring()
		k, ok := ring.Key(3)
		if _, held := s.store.value(k); r != s.acts || op != "write" || !ok || !held || played {
			return asAsked
		}
		played = true
		return fate{happens: 1, first: func() {
			s.now = s.now.Add(settle)
			s.must(s.passBy(s.fresh))
		}}
	}
	s.must(s.pass()) // losing the race to another replica is no error
	if k := s.key(3); !played || k.State != keyrotation.Abandoning && k.State != keyrotation.Deleted {
		s.failf("played: %t, generation 3 is %s", played, k.State)
	}
	s.recovers()
}

// cancellable documents refuse a write whose context is cancelled.
type cancellable struct{ store.Documents }

func (c cancellable) Write(ctx context.Context, name string, data []byte, version int64) (int64, error) {
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	return c.Documents.Write(ctx, name, data, version)
}

func TestAValueIsStoredThoughTheCallerCancelled(t *testing.T) {
	s := unissued(t, "", asAsked)
	ctx, cancel := context.WithCancel(t.Context())
	rot := s.acts.rotator
	rot.Documents = cancellable{rot.Documents}
	rot.Issuer = spoiling{rot.Issuer, func(*keyrotation.IssuedKey) { cancel() }}
	s.by(s.acts, func(_ context.Context, r *keyrotation.Rotator) error {
		_, err := r.Reconcile(ctx, keyrotation.Order{})
		return err
	})
	if ctx.Err() == nil {
		t.Error("the context is not cancelled, want the issuer to be called")
	}
	s.want("1 retiring, 2 active, 3 registered")
	s.recovers()
}

func TestAValueThatArrivesAfterItsEndIsNotKept(t *testing.T) {
	s := unissued(t, "", asAsked)
	s.as("keep", asAsked, fate{late: settle + 5*time.Second, err: errLost})
	s.pass()
	k := s.key(3)
	s.must(s.live(settle + 10*time.Second))
	if _, held := s.store.value(k); held || s.key(3).DestroyedAt.IsZero() {
		t.Errorf("got value held: %t, destroyed at %s; want it destroyed", held, s.key(3).DestroyedAt)
	}
	s.recovers()
}

func TestARequestThatArrivesVeryLateIsRemovedByItsName(t *testing.T) {
	s := unissued(t, "issue", fate{late: 2 * time.Minute, err: errLost})
	s.mustFail(s.pass(), errLost)
	lost := s.key(3)
	s.must(s.live(90 * time.Second))
	if k := s.key(3); k.State != keyrotation.Deleted || len(s.named(lost.Name)) != 0 {
		s.failf("generation 3 is %s", k.State)
	}
	s.wait(time.Minute)
	if len(s.named(lost.Name)) != 1 {
		s.failf("it did not arrive")
	}
	s.must(s.live(2 * time.Minute))
	if len(s.named(lost.Name)) != 0 {
		s.failf("it was not recognised")
	}
	s.recovers()
}

// Of two keys of one name only one value is known.
func TestTheSecondKeyOfANameIsTheOrphan(t *testing.T) {
	s := unissued(t, "issue", fate{happens: 2})
	s.must(s.pass())
	k := s.key(3)
	if ids := s.named(k.Name); len(ids) != 2 {
		s.failf("keys of one name: %v", ids)
	}
	s.must(s.live(2 * time.Minute))
	value, held := s.store.value(k)
	if ids := s.named(k.Name); len(ids) != 1 || ids[0] != k.KeyID || !held || !s.platform.honours(k.KeyID, value) {
		s.failf("left: %v, recorded %s", ids, k.KeyID)
	}
	s.recovers()
}

func TestAPlatformThatLosesEveryAnswerIsAskedLessOften(t *testing.T) {
	t.Parallel()
	s := issued(t)
	s.wait(interval - propagation)
	s.askedLessOften("issue", fate{happens: 1, err: errLost}, 6)
	if n := len(s.platform.keys) - len(foreign); n > 3 {
		t.Errorf("got %d keys of ours at the platform, want at most 3", n)
	}
	s.recoversInAnHour()
}

func TestAnAnswerWithoutAValueIsNoKey(t *testing.T) {
	for name, spoil := range map[string]func(*keyrotation.IssuedKey){
		"no id":    func(k *keyrotation.IssuedKey) { k.ID = "" },
		"no value": func(k *keyrotation.IssuedKey) { k.Value = nil },
	} {
		t.Run(name, func(t *testing.T) {
			s := unissued(t, "", asAsked)
			s.acts.rotator.Issuer = spoiling{s.acts.rotator.Issuer, spoil}
			if err := s.pass(); err == nil || !strings.Contains(err.Error(), "no key id or no value") {
				t.Errorf("got error %v, want one about a missing key id or value", err)
			}
			s.want("1 retiring, 2 active, 3 registering")
			s.must(s.passBy(s.fresh))
			s.recovers()
		})
	}
}

func TestTheStoreOfValuesMayBeAway(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"recall", "keep", "forget"} {
		t.Run(op, func(t *testing.T) {
			s := issued(t)
			s.always(op, fate{err: store.ErrUnavailable})
			if err := s.live(interval + issuedOverlap + time.Minute); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("got error %v, want %v", err, store.ErrUnavailable)
			}
			if n := s.count("issue"); op == "keep" && n != 0 {
				t.Errorf("got %d requests for keys without documents for their values, want 0", n)
			}
			s.recovers()
		})
	}
}
