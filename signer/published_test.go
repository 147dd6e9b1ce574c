package signer_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/keyrotation"
	"playtoken/signer"
	"playtoken/store"
)

// silent is a store that does not respond.
func silent(s *fakeStore) { s.err = store.ErrUnavailable }

// published makes a key one that verifiers fetch.
func published(k keyrotation.Key) keyrotation.Key {
	k.Published, k.AttemptAt = true, time.Now()
	return k
}

// inPublishedBubble runs a test with a view of a ring with these keys, in a bubble of
// fake time.
func inPublishedBubble(t *testing.T, keys []keyrotation.Key, test func(t *testing.T, s *fakeStore, v *signer.RingView)) {
	t.Helper()
	s := newStore(t)
	s.hold(t, keys...)
	synctest.Test(t, func(t *testing.T) {
		v := signer.NewRingView(s, "default")
		defer v.Close()
		test(t, s, v)
	})
}

func TestPublishedKeysAreServedWithoutTheStoreForTheStaleness(t *testing.T) {
	keys := []keyrotation.Key{published(generation(t, 0, keyrotation.Active))}
	inPublishedBubble(t, keys, func(t *testing.T, s *fakeStore, v *signer.RingView) {
		if ring, age, err := v.Published(t.Context()); err != nil || age != 0 || len(ring.Published()) != 1 {
			t.Fatalf("at first: got %d keys, %s old, %v, want one, new", len(ring.Published()), age, err)
		}
		s.set(silent)
		for _, at := range []time.Duration{viewAge, viewAge + 1, staleness / 2, staleness} {
			_, old, _ := v.Published(t.Context())
			time.Sleep(at - old)
			ring, age, err := v.Published(t.Context())
			if err != nil || age != at || len(ring.Published()) != 1 {
				t.Errorf("after %s without the store: got %d keys, %s old, %v, want one", at, len(ring.Published()), age, err)
			}
		}
		time.Sleep(time.Nanosecond)
		if _, _, err := v.Published(t.Context()); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("one nanosecond later: got %v, want store.ErrUnavailable", err)
		}
		s.set(mended)
		time.Sleep(time.Minute)
		if _, age, err := v.Published(t.Context()); err != nil || age != 0 {
			t.Errorf("when the store is back: got keys %s old, %v, want new ones", age, err)
		}
	})
}

// TestPublishedKeysAreNotOldWhileTheStoreResponds: also if it responds with an error.
func TestPublishedKeysAreNotOldWhileTheStoreResponds(t *testing.T) {
	keys := []keyrotation.Key{published(generation(t, 0, keyrotation.Active))}
	inPublishedBubble(t, keys, func(t *testing.T, s *fakeStore, v *signer.RingView) {
		if _, _, err := v.Published(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(staleness / 2)
		if _, age, err := v.Published(t.Context()); err != nil || age > viewAge {
			t.Errorf("got keys %s old, %v, want them at most %s old", age, err, viewAge)
		}
		s.set(broken)
		time.Sleep(viewAge + 1)
		if _, _, err := v.Published(t.Context()); err == nil {
			t.Error("a store that responds with an error: got keys that nothing confirms, want an error")
		}
	})
}

func TestWithoutTheStoreNoEmptySetIsServed(t *testing.T) {
	keys := []keyrotation.Key{generation(t, 0, keyrotation.Active)} // not one that verifiers fetch
	inPublishedBubble(t, keys, func(t *testing.T, s *fakeStore, v *signer.RingView) {
		if ring, _, err := v.Published(t.Context()); err != nil || len(ring.Published()) != 0 {
			t.Fatalf("with the store: got %d keys, %v, want none", len(ring.Published()), err)
		}
		s.set(silent)
		time.Sleep(viewAge + 1)
		if _, _, err := v.Published(t.Context()); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("without it: got %v, want store.ErrUnavailable", err)
		}
	})
}

func TestNoVerifierWaitsForAStoreThatIsAway(t *testing.T) {
	keys := []keyrotation.Key{published(generation(t, 0, keyrotation.Active))}
	inPublishedBubble(t, keys, func(t *testing.T, s *fakeStore, v *signer.RingView) {
		if _, _, err := v.Published(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.set(func(s *fakeStore) { s.err, s.delay = store.ErrUnavailable, time.Minute })
		time.Sleep(viewAge + 1)
		if _, _, err := v.Published(t.Context()); err != nil { // this one finds out
			t.Fatal(err)
		}
		asked := time.Now()
		for range 100 {
			if _, _, err := v.Published(t.Context()); err != nil || time.Since(asked) != 0 {
				t.Fatalf("got %v after %s, want keys at once", err, time.Since(asked))
			}
		}
	})
}
