package register

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var begin = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func newState(own durations) *state {
	s := &state{}
	s.begin(own, nil, begin)
	return s
}

// again is the document as another gate reads it.
func (s *state) again(t testing.TB) *state {
	t.Helper()
	data, err := s.encode(maxDocument)
	if err != nil {
		t.Fatal(err)
	}
	read, err := decode(data)
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// gateClock is a gate of the simulation: its clock is off, and it reads the
// document when it can.
type gateClock struct {
	off  time.Duration
	view *state
	read time.Time // true time
}

// ticketMade is one that a gate of the simulation made.
type ticketMade struct {
	key  string
	ends time.Time
}

// TestEveryTicketOpensAtEveryGateUntilItEnds, for gates whose clocks differ as
// much as they may, and which are cut off from the store as long as they may.
func TestEveryTicketOpensAtEveryGateUntilItEnds(t *testing.T) {
	for seed := range uint64(30) {
		dice := rand.New(rand.NewPCG(seed, 11))
		own := durations{Session: 60 * (1 + dice.Int64N(60*30)), Staleness: 60 * (1 + dice.Int64N(60*6)), Skew: dice.Int64N(300)}
		doc := newState(own)
		gates := make([]gateClock, 3)
		for i := range gates {
			gates[i] = gateClock{off: within(dice, time.Duration(own.Skew)*time.Second), view: doc.again(t), read: begin}
		}
		var made []ticketMade
		used := map[string]bool{}
		for now := begin; now.Before(begin.Add(5 * turnEvery)); now = now.Add(time.Duration(1+dice.Int64N(20)) * time.Minute) {
			g := &gates[dice.IntN(len(gates))]
			if must := now.Sub(g.read) > time.Duration(own.Staleness)*time.Second-20*time.Minute; must || dice.IntN(4) == 0 {
				doc.tidy(now.Add(g.off))
				g.view, g.read = doc.again(t), now
			}
			made = check(t, seed, gates, made, now, own)
			key := g.view.sealing(now.Add(g.off))
			used[key.ID] = true
			made = append(made, ticketMade{key: key.ID, ends: now.Add(g.off).Add(time.Duration(own.Session) * time.Second)})
		}
		if len(used) < 4 {
			t.Errorf("seed %d: got %d ticket keys in five days, want at least 4", seed, len(used))
		}
		if n, most := len(doc.Tickets), 4+int(time.Duration(own.Session)*time.Second/turnEvery); n > most {
			t.Errorf("seed %d: got %d ticket keys kept, want at most %d", seed, n, most)
		}
	}
}

func within(dice *rand.Rand, d time.Duration) time.Duration {
	return time.Duration(dice.Int64N(int64(d)+1)) - d/2
}

// check opens every ticket that is alive at every gate that admits viewers.
func check(t *testing.T, seed uint64, gates []gateClock, made []ticketMade, now time.Time, own durations) []ticketMade {
	t.Helper()
	alive := slices.DeleteFunc(made, func(m ticketMade) bool { return !now.Before(m.ends) })
	for _, m := range alive {
		for i, g := range gates {
			stale := now.Sub(g.read) > time.Duration(own.Staleness)*time.Second
			if !stale && !slices.ContainsFunc(g.view.Tickets, func(k TicketKey) bool { return k.ID == m.key }) {
				t.Fatalf("seed %d: after %s gate %d does not have the key %s, want it: a ticket of it ends in %s",
					seed, now.Sub(begin), i, m.key, m.ends.Sub(now))
			}
		}
	}
	return alive
}

// TestAStolenTicketKeyIsWorthlessInTheEnd: it is destroyed once its last ticket
// is over.
func TestAStolenTicketKeyIsWorthlessInTheEnd(t *testing.T) {
	s := newState(durations{Session: 4 * 3600, Staleness: 3600, Skew: 60})
	first := s.Tickets[0].ID
	has := func(now time.Time) bool {
		s.tidy(now)
		return slices.ContainsFunc(s.Tickets, func(k TicketKey) bool { return k.ID == first })
	}
	for _, at := range []time.Duration{22 * time.Hour, 24 * time.Hour, 28 * time.Hour} { // in this order: time changes the state
		if !has(begin.Add(at)) {
			t.Errorf("after %s: got no first key, want it", at)
		}
	}
	if has(begin.Add(turnEvery + 6*time.Hour)) {
		t.Error("six hours after it made its last ticket: got the first key, want it destroyed")
	}
}

func TestAClockThatRunsBehindHasAKeyToo(t *testing.T) {
	s := newState(durations{Session: 3600, Staleness: 3600, Skew: 60})
	if got := s.sealing(begin.Add(-time.Hour)); got.ID != s.Tickets[0].ID {
		t.Errorf("an hour before the first key: got the key %q, want the first", got.ID)
	}
}

func TestDurationsOnlyWiden(t *testing.T) {
	s := newState(durations{Session: 100, Staleness: 10, Skew: 5})
	s.begin(durations{Session: 50, Staleness: 20, Skew: 1}, nil, begin)
	if want := (durations{Session: 100, Staleness: 20, Skew: 5}); s.Longest != want {
		t.Errorf("got %+v in force, want %+v", s.Longest, want)
	}
}

// TestWhatALaterVersionAddedStays, because gates are upgraded one by one.
func TestWhatALaterVersionAddedStays(t *testing.T) {
	s, err := decode([]byte(`{"format":1,"owner":"x","later":{"a":[1]}}`))
	if err != nil {
		t.Fatal(err)
	}
	s.tidy(begin)
	data, err := s.encode(maxDocument)
	again, err2 := decode(data)
	if err != nil || err2 != nil || string(again.Unknown) != `{"later":{"a":[1]}}` {
		t.Errorf("got %s, %v, %v, want the member later in it", data, err, err2)
	}
	if _, err := decode([]byte(`{"format":2}`)); err == nil {
		t.Error("got no error for a later format, want one")
	}
}
