package keyrotation_test

import (
	"reflect"
	"testing"
	"time"

	"playtoken/keyrotation"
)

// lawful holds what Plan says against what it must never say, whatever the
// ring, the look and the clock.
func lawful(t *testing.T, s scene) {
	t.Helper()
	moves := s.plan()
	plans := 0
	for _, m := range moves {
		if m.Why == "" {
			t.Fatalf("%s without a reason\n%s", moveName(m), s)
		}
		if m.Action == keyrotation.PlanKey && isDue(m, s.now) {
			plans++
		}
		if why := s.forbids(m); why != "" {
			t.Fatalf("%s: %s\n%s", moveName(m), why, s)
		}
	}
	if plans > 1 {
		t.Fatalf("%d generations at once\n%s", plans, s)
	}
	if len(moves) == 0 {
		t.Fatalf("nothing will ever happen again\n%s", s)
	}
	if len(s.ring.Keys) > 2 {
		return
	}
	if again := s.plan(); !reflect.DeepEqual(again, moves) {
		t.Fatalf("planned twice: %+v, then %+v\n%s", moves, again, s)
	}
}

// forbids says why a move must not be planned, or must not be due.
func (s scene) forbids(m keyrotation.Move) string {
	k, known := s.ring.Key(m.Generation)
	if m.Action == keyrotation.PlanKey {
		return firstTrue([]rule{{m.Generation != s.newest()+1, "not the next generation"}})
	}
	if m.Generation != 0 && !known {
		return "no such generation"
	}
	if !isDue(m, s.now) {
		return s.forbidsEver(m, k)
	}
	shown, there := keyrotation.PlatformKey{}, false
	if s.look != nil {
		shown, there = s.look.Platform[m.KeyID]
	}
	switch m.Action {
	case keyrotation.Activate:
		return firstTrue([]rule{
			{!there || shown.Fingerprint != k.Fingerprint, "no look shows the key"},
			{s.now.Before(k.RegisteredAt.Add(s.ring.Durations.Propagation)), "it has not propagated"},
			{!k.DoubtedAt.IsZero(), "it is in doubt"},
			{s.look == nil || s.look.ClockAhead.Abs() > s.ring.Durations.Skew, "the clock is off"},
		})
	case keyrotation.Delete:
		_, active := s.ring.Active()
		return firstTrue([]rule{
			{s.look == nil, "nobody has looked"},
			{k.DeleteNotBefore.IsZero() || s.now.Before(k.DeleteNotBefore), "its tokens may be alive"},
			{!active, "no key is active"},
			{there && shown.Fingerprint != k.Fingerprint, "another public key has its id"},
			{s.look == nil || s.look.ClockAhead.Abs() > s.ring.Durations.Skew, "the clock is off"},
		})
	case keyrotation.Adopt:
		return firstTrue([]rule{{!there || shown.Fingerprint != k.Fingerprint, "it is another key"},
			{k.Issued && !leaving(k), "nobody knows its value"}})
	case keyrotation.DeleteOrphan:
		return firstTrue([]rule{{!there || s.held(m.KeyID), "it is no second registration"}})
	case keyrotation.Quarantine:
		return firstTrue([]rule{{k.DoubtedAt.IsZero() || s.now.Before(k.DoubtedAt.Add(settle)), "one look is not enough"}})
	}
	return s.forbidsEver(m, k)
}

// newest is the highest generation; 0 if there is none.
func (s scene) newest() int {
	if n := len(s.ring.Keys); n > 0 {
		return s.ring.Keys[n-1].Generation
	}
	return 0
}

// forbidsEver says why a move must not even be planned.
func (s scene) forbidsEver(m keyrotation.Move, k keyrotation.Key) string {
	switch m.Action {
	case keyrotation.Withdraw:
		return firstTrue([]rule{{!leaving(k), "it is " + string(k.State)}, {m.KeyID == "" || m.KeyID != k.KeyID, "its id is not recorded"}})
	case keyrotation.Destroy, keyrotation.Bury:
		honoured := k.Issued && k.State != keyrotation.Revoking && k.KeyID != "" && k.WithdrawnAt.IsZero()
		return firstTrue([]rule{{!leaving(k), "it is " + string(k.State)}, {honoured, "the platform still honours it"}})
	case keyrotation.Discard:
		if s.valueLost(m, k) {
			return ""
		}
		active, has := s.ring.Active()
		standby := k.State == keyrotation.Registered
		begun := k.State == keyrotation.Planned || k.State == keyrotation.Generated
		return firstTrue([]rule{{!standby && !begun, "it is " + string(k.State)},
			{standby && (!has || active.Exportable != s.ring.Spec.Exportable), "it may be needed"},
			{k.Exportable == s.ring.Spec.Exportable, "its kind is wanted"}})
	case keyrotation.Delete, keyrotation.Date:
		return firstTrue([]rule{{k.State != keyrotation.Retiring, "it is " + string(k.State)}})
	case keyrotation.Activate, keyrotation.Doubt, keyrotation.Trust, keyrotation.Quarantine:
		return firstTrue([]rule{{k.State != keyrotation.Registered && k.State != keyrotation.Active, "it is " + string(k.State)}})
	case keyrotation.Register:
		return firstTrue([]rule{{k.State != keyrotation.Generated && k.State != keyrotation.Registering, "it is " + string(k.State)},
			{k.State == keyrotation.Registering && isDue(m, s.now) && s.now.Before(k.AttemptAt.Add(settle)), "it may still arrive"}})
	}
	return ""
}

func leaving(k keyrotation.Key) bool {
	return k.State == keyrotation.Deleting || k.State == keyrotation.Abandoning || k.State == keyrotation.Revoking
}

// valueLost reports whether nobody can hear the value of an issued key any
// more: its time is over, or the platform has made it before it was asked to.
func (s scene) valueLost(m keyrotation.Move, k keyrotation.Key) bool {
	switch {
	case !k.Issued:
		return false
	case k.State == keyrotation.Registering:
		return !m.NotBefore.Before(k.AttemptAt.Add(settle))
	case k.State != keyrotation.Generated || s.look == nil:
		return false
	}
	for _, shown := range s.look.Platform {
		if shown.Fingerprint == k.Fingerprint {
			return true
		}
	}
	return false
}

type rule struct {
	broken bool
	why    string
}

func firstTrue(rules []rule) string {
	for _, r := range rules {
		if r.broken {
			return r.why
		}
	}
	return ""
}

// held reports whether a generation that is not deleted stands for the id.
func (s scene) held(id string) bool {
	for _, k := range s.ring.Keys {
		if k.KeyID == id && k.State != keyrotation.Deleted {
			return true
		}
	}
	return false
}

// String is what a failing test prints.
func (s scene) String() string {
	text, err := s.ring.Encode()
	if err != nil {
		return err.Error()
	}
	if s.look == nil {
		return string(text) + "\nno look"
	}
	seen := ""
	for id, k := range s.look.Platform {
		seen += " " + id + "=" + k.Fingerprint
	}
	return string(text) + "\nlook at " + s.look.At.Format(time.RFC3339Nano) + ":" + seen
}

// lives are the different ways to be generation n: every state, the times that
// matter to it just now or long ago, and what goes with it.
func lives(n int) (all []keyrotation.Key) {
	justNow := func(k *keyrotation.Key) {
		for _, at := range []*time.Time{&k.AttemptAt, &k.RegisteredAt, &k.ActivatedAt, &k.RetiredAt, &k.WithdrawnAt} {
			if !at.IsZero() {
				*at = noon.Add(-time.Second)
			}
		}
	}
	doubted := func(k *keyrotation.Key) { k.DoubtedAt = noon.Add(-settle) }
	later := func(k *keyrotation.Key) { k.DeleteNotBefore = noon.Add(1) }
	variants := map[keyrotation.State][][]func(*keyrotation.Key){
		keyrotation.Planned:     {{}},
		keyrotation.Generated:   {{}, {exportable}},
		keyrotation.Registering: {{justNow}, {sentLongAgo}},
		keyrotation.Registered:  {{}, {justNow}, {doubted}, {exportable}},
		keyrotation.Active:      {{}, {sentLongAgo, doubted}, {exportable}},
		keyrotation.Retiring:    {{}, {undated}, {later}},
		keyrotation.Quarantined: {{}},
		keyrotation.Deleting:    {{}, {withdrawn}, {withdrawn, justNow}, {withdrawn, destroyed}},
		keyrotation.Abandoning:  {{}, {neverSent}, {withdrawn, destroyed}},
		keyrotation.Revoking:    {{}, {destroyed}, {neverSent}, {withdrawn, destroyed}},
		keyrotation.Deleted:     {{}},
	}
	for state, changes := range variants {
		for _, change := range changes {
			all = append(all, but(genKey(n, state), change...))
		}
	}
	return all
}

// looks are the different things that may be seen of a ring: nothing, all, and
// for each of its keys that it is not there, or another one, or there twice.
func (s scene) looks() []*keyrotation.Observation {
	looks := []*keyrotation.Observation{nil, s.agreeing()}
	see := func(change func(*keyrotation.Observation)) { looks = append(looks, s.sees(change).look) }
	see(func(l *keyrotation.Observation) { l.ClockAhead = time.Minute })
	see(func(l *keyrotation.Observation) { l.At = longAgo })
	see(func(l *keyrotation.Observation) { clear(l.Platform); clear(l.Store) })
	for _, k := range s.ring.Keys {
		see(lacks(k.KeyID))
		see(shows(k.KeyID, "other", longAgo))
		see(shows("idX", k.Fingerprint, longAgo))
	}
	return looks
}

func TestPlanIsLawfulForEverySmallRing(t *testing.T) {
	t.Parallel()
	everySmallRing(t, sceneOf)
}

func TestPlanIsLawfulForEverySmallRingOfIssuedKeys(t *testing.T) {
	t.Parallel()
	everySmallRing(t, issuedScene)
}

func everySmallRing(t *testing.T, sceneOf func(...keyrotation.Key) scene) {
	t.Helper()
	third := []keyrotation.State{keyrotation.Planned, keyrotation.Generated, keyrotation.Registering, keyrotation.Registered,
		keyrotation.Active, keyrotation.Retiring, keyrotation.Deleting, keyrotation.Abandoning, keyrotation.Revoking}
	rings, plans := 0, 0
	try := func(keys ...keyrotation.Key) {
		s := sceneOf(keys...)
		s.ring.Orphans = []keyrotation.Orphan{{KeyID: "idX", Fingerprint: pooledFingerprint(1), SeenAt: longAgo}}
		if !consistent(s.ring) {
			return
		}
		rings++
		looks := s.looks()
		if len(keys) > 2 {
			looks = looks[:5] // what concerns one key alone was tried with two
		}
		for _, s.look = range looks {
			plans++
			lawful(t, s)
		}
	}
	try()
	for _, first := range lives(1) {
		try(first)
		for _, second := range lives(2) {
			try(first, second)
			for _, state := range third {
				try(first, second, genKey(3, state))
			}
		}
	}
	t.Logf("%d rings, %d plans", rings, plans)
	if rings < 5000 {
		t.Errorf("only %d rings", rings)
	}
}

// consistent reports whether such a ring can be read back at all.
func consistent(ring keyrotation.Ring) bool {
	active := 0
	for _, k := range ring.Keys {
		if k.State == keyrotation.Active {
			active++
		}
	}
	return active <= 1
}

func pooledFingerprint(n int) string { return genKey(n, keyrotation.Generated).Fingerprint }

// An orphan's id may not be a live key's, whatever the ring says.
func TestAnOrphanThatIsALiveKeyIsNotDeleted(t *testing.T) {
	for _, k := range lives(1) {
		s := sceneOf(k, genKey(2, keyrotation.Registered)).
			orphan(keyrotation.Orphan{KeyID: "id1", Fingerprint: pooledFingerprint(1), SeenAt: longAgo})
		for _, s.look = range s.looks() {
			lawful(t, s)
		}
	}
}
