package register

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// viewOf is what viewers are answered from.
func viewOf(t *testing.T, s *state) *Register {
	t.Helper()
	v, err := newView(1, time.Now(), s, &view{})
	if err != nil {
		t.Fatal(err)
	}
	r := &Register{}
	r.current.Store(v)
	return r
}

// TestNoCutoffIsForgotten: a session that was ended stays ended, however many
// others are, and the document stays bounded.
func TestNoCutoffIsForgotten(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var s state
	var ended []Session
	for i := range 3 * maxCutoffs {
		at := begin.Add(time.Duration(i) * time.Second)
		session := Session{KeyID: fmt.Sprint("k", random.IntN(2000)), Viewer: fmt.Sprint("v", random.IntN(2000)),
			Video: fmt.Sprint("f", random.IntN(2000)), Began: at.UnixMicro() - int64(random.IntN(2))}
		subject, value := ByViewer, session.Viewer
		switch random.IntN(3) {
		case 0:
			subject, value = ByKey, session.KeyID
		case 1:
			subject, value = ByVideo, session.Video
		}
		s.end(subject, value, at, at.Add(time.Hour))
		ended = append(ended, session)
	}
	if len(s.Cutoffs) > maxCutoffs {
		t.Errorf("got %d cutoffs, want %d at most", len(s.Cutoffs), maxCutoffs)
	}
	r := viewOf(t, &s)
	for _, session := range ended {
		if !r.Ended(session) {
			t.Fatalf("%+v goes on, want it ended", session)
		}
	}
	if now := begin.Add(3 * maxCutoffs * time.Second); r.Ended(Session{KeyID: "k", Viewer: "v", Video: "f", Began: now.UnixMicro()}) {
		t.Error("a session that began after all cutoffs was ended, want it to go on")
	}
	s.forget(begin.Add(4 * maxCutoffs * time.Second))
	if len(s.Cutoffs) == 0 {
		t.Error("cutoffs are forgotten while tickets live, want them kept for an hour")
	}
	s.forget(begin.Add(3*maxCutoffs*time.Second + time.Hour + time.Second))
	if len(s.Cutoffs) != 0 {
		t.Errorf("got %d cutoffs after every ticket is over, want none", len(s.Cutoffs))
	}
}

func TestACutoffMovesForwardOnly(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var s state
	for _, moment := range []time.Duration{time.Minute, 0, 30 * time.Second} {
		s.end(ByVideo, "film", at.Add(moment), at.Add(moment+time.Hour))
	}
	if len(s.Cutoffs) != 1 || !s.Cutoffs[0].At.Equal(at.Add(time.Minute)) || !s.Cutoffs[0].Until.Equal(at.Add(time.Minute+time.Hour)) {
		t.Errorf("got %+v, want the latest moment", s.Cutoffs)
	}
	s.end(All, "", at.Add(2*time.Minute), at.Add(2*time.Hour))
	if len(s.Cutoffs) != 1 {
		t.Errorf("got %+v, want one for all sessions", s.Cutoffs)
	}
}

// TestADeletedKeysSessionsEndAsAWhole: a gate that had not yet read of the
// deletion began one after it.
func TestADeletedKeysSessionsEndAsAWhole(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var s state
	s.end(ByKey, "deleted", at, at.Add(time.Hour))
	if r := viewOf(t, &s); !r.Ended(Session{KeyID: "deleted", Began: at.Add(time.Second).UnixMicro()}) {
		t.Error("a later session of a deleted key goes on, want it ended")
	}
	if r := viewOf(t, &s); r.Ended(Session{KeyID: "another", Began: at.UnixMicro()}) {
		t.Error("another key's session was ended, want it to go on")
	}
}

// TestStampsRise where the clock stands still, and where another gate's is ahead.
func TestStampsRise(t *testing.T) {
	var s stamps
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	last := int64(0)
	for _, step := range []func(){
		func() {}, func() {}, func() { now = now.Add(-time.Hour) }, func() { s.see(last + 1000) }, func() { s.see(1) },
	} {
		step()
		next := s.next(now)
		if next <= last {
			t.Errorf("got the stamp %d after %d, want a later one", next, last)
		}
		last = next
	}
	if want := now.Add(time.Hour).UnixMicro() + 1004; last > want {
		t.Errorf("got the stamp %d, want %d at most: no further ahead than has to be", last, want)
	}
}
