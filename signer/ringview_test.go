package signer_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/keyrotation"
	"playtoken/signer"
)

// inBubble runs a test with a minter in a bubble of fake time.
func inBubble(t *testing.T, test func(t *testing.T, s *fakeStore, m *signer.ShapeMinter)) {
	t.Helper()
	s := newStore(t)
	synctest.Test(t, func(t *testing.T) {
		m, done := newMinter(t, s)
		defer done()
		test(t, s, m)
	})
}

var errStore = errors.New("store is sealed")

func broken(s *fakeStore) { s.err = errStore }
func mended(s *fakeStore) { s.err = nil }

func TestAViewIsUsedForItsAgeAndNotLonger(t *testing.T) {
	inBubble(t, func(t *testing.T, s *fakeStore, m *signer.ShapeMinter) {
		ctx := t.Context()
		if err := m.Ready(ctx); err != nil {
			t.Fatal(err)
		}
		s.set(broken)
		time.Sleep(viewAge)
		if err := m.Ready(ctx); err != nil {
			t.Errorf("at exactly its age: got %v, want no error", err)
		}
		time.Sleep(time.Nanosecond)
		if err := m.Ready(ctx); !errors.Is(err, signer.ErrUnavailable) || !errors.Is(err, errStore) {
			t.Errorf("one nanosecond later: got %v, want ErrUnavailable with the cause", err)
		}
	})
}

func TestAgeCountsFromTheStartOfTheRead(t *testing.T) {
	inBubble(t, func(t *testing.T, s *fakeStore, m *signer.ShapeMinter) {
		s.set(func(s *fakeStore) { s.delay = time.Second })
		if err := m.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.set(func(s *fakeStore) { s.delay, s.err = 0, errStore })
		time.Sleep(viewAge - time.Second)
		if err := m.Ready(t.Context()); err != nil {
			t.Errorf("within its age: got %v, want no error", err)
		}
		time.Sleep(time.Nanosecond)
		if err := m.Ready(t.Context()); !errors.Is(err, signer.ErrUnavailable) {
			t.Errorf("past its age: got %v, want ErrUnavailable", err)
		}
	})
}

func TestAViewIsRenewedAheadAndNoCallerWaits(t *testing.T) {
	inBubble(t, func(t *testing.T, s *fakeStore, m *signer.ShapeMinter) {
		s.set(func(s *fakeStore) { s.delay = time.Second })
		m.Ready(t.Context())
		for range 50 {
			time.Sleep(viewAge/2 + 1)
			asked := time.Now()
			if err := m.Ready(t.Context()); err != nil || time.Since(asked) != 0 {
				t.Fatalf("Ready: took %s, %v, want no wait", time.Since(asked), err)
			}
		}
		if n := s.reads.Load(); n < 25 || n > 51 {
			t.Errorf("got %d reads in 50 halves of the age, want 25 to 51", n)
		}
	})
}

func TestConcurrentReadsAreOne(t *testing.T) {
	inBubble(t, func(t *testing.T, s *fakeStore, m *signer.ShapeMinter) {
		s.set(func(s *fakeStore) { s.delay = time.Second })
		impatient, leave := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() { left <- m.Ready(impatient) }() // this one starts the read
		synctest.Wait()
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if err := m.Ready(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		leave()
		if err := <-left; !errors.Is(err, context.Canceled) || !errors.Is(err, signer.ErrUnavailable) {
			t.Errorf("caller that leaves: got %v, want Canceled and ErrUnavailable", err)
		}
		all.Wait()
		if n := s.reads.Load(); n != 1 {
			t.Errorf("got %d reads, want 1", n)
		}
	})
}

func TestAFailingStoreIsLeftInPeaceAndComesBackByItself(t *testing.T) {
	inBubble(t, func(t *testing.T, s *fakeStore, m *signer.ShapeMinter) {
		s.set(broken)
		for range 10_000 { // ten seconds
			asked := time.Now()
			if err := m.Ready(t.Context()); !errors.Is(err, signer.ErrUnavailable) {
				t.Fatal(err)
			}
			if time.Since(asked) != 0 {
				t.Fatal("got a request that waited for an unavailable store, want none")
			}
			time.Sleep(time.Millisecond)
		}
		if n := s.reads.Load(); n < 10 || n > 15 {
			t.Errorf("got %d reads in ten seconds, want 10 to 15", n)
		}
		s.set(mended)
		time.Sleep(time.Second)
		if err := m.Ready(t.Context()); err != nil {
			t.Errorf("a second after the store is back: got %v, want no error", err)
		}
	})
}

func TestAStoreThatHangsIsGivenUpOn(t *testing.T) {
	inBubble(t, func(t *testing.T, s *fakeStore, m *signer.ShapeMinter) {
		s.set(func(s *fakeStore) { s.delay = time.Hour })
		asked := time.Now()
		if err := m.Ready(t.Context()); !errors.Is(err, signer.ErrUnavailable) {
			t.Errorf("Ready: got %v, want ErrUnavailable", err)
		}
		if waited := time.Since(asked); waited > 2*time.Second {
			t.Errorf("waited %s, want at most 2s", waited)
		}
	})
}

func TestClosingEndsAReadUnderWay(t *testing.T) {
	inBubble(t, func(t *testing.T, s *fakeStore, m *signer.ShapeMinter) {
		s.set(func(s *fakeStore) { s.delay = time.Hour })
		answer := make(chan error, 1)
		go func() { answer <- m.Ready(t.Context()) }()
		synctest.Wait()
		closed := time.Now()
		m.Ring.Close()
		if err := <-answer; !errors.Is(err, signer.ErrUnavailable) || time.Since(closed) != 0 {
			t.Errorf("Close: waiting caller got its result after %s: %v, want ErrUnavailable at once", time.Since(closed), err)
		}
		if err := m.Ready(t.Context()); !errors.Is(err, signer.ErrUnavailable) {
			t.Errorf("after Close: got %v, want ErrUnavailable", err)
		}
	})
}

func TestARingWithoutActiveKeyIsBelievedBriefly(t *testing.T) {
	registered := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // when bubbles begin
	standby := generation(t, 0, keyrotation.Registered)
	standby.RegisteredAt = registered
	late := standby // it should have been active for long: something else is in the way
	late.RegisteredAt = registered.Add(-time.Hour)
	for _, c := range []struct {
		name     string
		keys     []keyrotation.Key
		earliest time.Time
	}{
		{"no keys", nil, time.Time{}},
		{"a standby", []keyrotation.Key{standby}, registered.Add(time.Minute)},
		{"a standby that is long overdue", []keyrotation.Key{late}, time.Time{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *fakeStore, m *signer.ShapeMinter) {
				s.hold(t, c.keys...)
				var none *signer.NoActiveKey
				if err := m.Ready(t.Context()); !errors.As(err, &none) || !none.EarliestAt.Equal(c.earliest) {
					t.Errorf("%v, want earliest %v", err, c.earliest)
				}
				m.Ready(t.Context())
				if n := s.reads.Load(); n != 1 {
					t.Errorf("got %d reads, want 1", n)
				}
				s.hold(t, generation(t, 0, keyrotation.Active))
				time.Sleep(time.Second)
				if err := m.Ready(t.Context()); err != nil {
					t.Errorf("a second after activation: got %v, want no error", err)
				}
			})
		})
	}
}

func TestAProjectThatWasNeverRotatedHasNoActiveKey(t *testing.T) {
	inBubble(t, func(t *testing.T, s *fakeStore, m *signer.ShapeMinter) {
		s.set(func(s *fakeStore) { s.data = nil })
		var none *signer.NoActiveKey
		if err := m.Ready(t.Context()); !errors.As(err, &none) || !none.EarliestAt.IsZero() {
			t.Errorf("Ready: got %v, want NoActiveKey without a time", err)
		}
	})
}

func TestARingThatCannotBeBelievedSignsNothing(t *testing.T) {
	other := generation(t, 0, keyrotation.Active)
	other.Fingerprint = generation(t, 1, keyrotation.Active).Fingerprint
	unreadable := generation(t, 0, keyrotation.Active)
	unreadable.PublicKey = "-----BEGIN PUBLIC KEY-----\n"
	for _, bad := range []keyrotation.Key{other, unreadable} {
		inBubble(t, func(t *testing.T, s *fakeStore, m *signer.ShapeMinter) {
			s.hold(t, bad)
			if err := m.Ready(t.Context()); !errors.Is(err, signer.ErrUnavailable) {
				t.Errorf("Ready: got %v, want ErrUnavailable", err)
			}
		})
	}
}

func TestAnIssuedKeyIsShownAndNeverSigns(t *testing.T) {
	inBubble(t, func(t *testing.T, s *fakeStore, m *signer.ShapeMinter) {
		key := keyrotation.Key{Generation: 1, State: keyrotation.Active, StoreName: "kissued", Name: "ours", KeyID: "api_key_1",
			Fingerprint: "by its name", Issued: true}
		s.hold(t, key)
		if got, err := m.Ring.Active(t.Context()); err != nil || got.StoreName != "kissued" {
			t.Errorf("Active: got %+v, %v, want the issued key", got, err)
		}
		if _, err := m.Mint(t.Context(), signer.Request{VideoID: "video"}); !errors.As(err, new(*signer.NoActiveKey)) {
			t.Errorf("Mint with an issued key: got %v, want NoActiveKey", err)
		}
	})
}

func TestAViewTellsWhichKeyIsActive(t *testing.T) {
	inBubble(t, func(t *testing.T, s *fakeStore, m *signer.ShapeMinter) {
		if got, err := m.Ring.Active(t.Context()); err != nil || got.State != keyrotation.Active {
			t.Errorf("Active: got %+v, %v, want the active key", got, err)
		}
		s.hold(t)
		time.Sleep(2 * viewAge)
		if _, err := m.Ring.Active(t.Context()); !errors.As(err, new(*signer.NoActiveKey)) {
			t.Errorf("Active of an empty ring: got %v, want NoActiveKey", err)
		}
	})
}
