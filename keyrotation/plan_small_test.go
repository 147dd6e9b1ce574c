package keyrotation_test

import (
	"reflect"
	"testing"
	"time"

	"playtoken/keyrotation"
)

// lawful checks what Plan must never say, for any ring, observation and clock.
func lawful(t *testing.T, s scene) {
	t.Helper()
	moves := s.plan()
	plans := 0
	for _, m := range moves {
		if m.Why == "" {
			t.Fatalf("got %s without a reason, want one\n%s", moveName(m), s)
		}
		if m.Action == keyrotation.PlanKey && isDue(m, s.now) {
			plans++
		}
		if why := s.forbids(m); why != "" {
			t.Fatalf("got %s, want no such move: %s\n%s", moveName(m), why, s)
		}
	}
	if plans > 1 {
		t.Fatalf("got %d generations at once, want at most 1\n%s", plans, s)
	}
	if len(moves) == 0 {
		t.Fatalf("got no moves, want at least the next observation\n%s", s)
	}
	if len(s.ring.Keys) > 2 {
		return
	}
	if again := s.plan(); !reflect.DeepEqual(again, moves) {
		t.Fatalf("got moves %+v, and then %+v; want the same\n%s", moves, again, s)
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
	if s.observation != nil {
		shown, there = s.observation.Platform[m.KeyID]
	}
	if s.policy.Carried && (m.Action == keyrotation.Withdraw || m.Action == keyrotation.Register && k.Carried) {
		return "only an operator's word says that it is done"
	}
	switch m.Action {
	case keyrotation.Activate:
		return firstTrue([]rule{
			{!there || shown.Fingerprint != k.Fingerprint, "no observation shows the key"},
			{s.now.Before(k.RegisteredAt.Add(s.ring.Durations.Propagation)), "it has not propagated"},
			{!k.DoubtedAt.IsZero(), "it is in doubt"},
			{s.observation == nil || s.observation.ClockAhead.Abs() > s.ring.Durations.Skew, "the clock is off"},
		})
	case keyrotation.Delete:
		_, active := s.ring.Active()
		return firstTrue([]rule{
			{s.observation == nil, "there is no observation"},
			{k.DeleteNotBefore.IsZero() || s.now.Before(k.DeleteNotBefore), "its tokens may be alive"},
			{!active, "no key is active"},
			{there && shown.Fingerprint != k.Fingerprint, "another public key has its id"},
			{s.observation == nil || s.observation.ClockAhead.Abs() > s.ring.Durations.Skew, "the clock is off"},
		})
	case keyrotation.Adopt:
		return firstTrue([]rule{{!there || shown.Fingerprint != k.Fingerprint, "it is another key"},
			{k.Issued && !leaving(k), "its value is lost"}})
	case keyrotation.DeleteOrphan:
		return firstTrue([]rule{{!there || s.held(m.KeyID), "it is no second registration"}})
	case keyrotation.Quarantine:
		return firstTrue([]rule{{k.DoubtedAt.IsZero() || s.now.Before(k.DoubtedAt.Add(settle)), "one observation is not enough"}})
	}
	return s.forbidsEver(m, k)
}

// newest is the highest generation; 0 for an empty ring.
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
		begun := k.State == keyrotation.Planned || k.State == keyrotation.Generated || s.policy.Carried && k.State == keyrotation.Registering
		return firstTrue([]rule{{!standby && !begun, "it is " + string(k.State)},
			{standby && (!has || active.Exportable != s.ring.Spec.Exportable), "it may be needed"},
			{k.Exportable == s.ring.Spec.Exportable, "its kind is wanted"}})
	case keyrotation.Delete, keyrotation.Date:
		return firstTrue([]rule{{k.State != keyrotation.Retiring && k.State != keyrotation.Quarantined, "it is " + string(k.State)},
			{k.State == keyrotation.Quarantined && s.shows(k), "the platform has it"},
			{k.State == keyrotation.Quarantined && !s.showsActive(), "it may be the wrong account"}})
	case keyrotation.Activate, keyrotation.Doubt, keyrotation.Trust, keyrotation.Quarantine:
		return firstTrue([]rule{{k.State != keyrotation.Registered && k.State != keyrotation.Active, "it is " + string(k.State)}})
	case keyrotation.Register:
		return firstTrue([]rule{{k.State != keyrotation.Generated && k.State != keyrotation.Registering, "it is " + string(k.State)},
			{k.State == keyrotation.Registering && isDue(m, s.now) && s.now.Before(k.AttemptAt.Add(settle)), "it may still arrive"}})
	}
	return ""
}

// shows reports whether the platform shows the key, under any id; also if there is
// no observation.
func (s scene) shows(k keyrotation.Key) bool {
	if s.observation == nil {
		return true
	}
	for id, shown := range s.observation.Platform {
		if id == k.KeyID || shown.Fingerprint == k.Fingerprint {
			return true
		}
	}
	return false
}

func (s scene) showsActive() bool {
	active, ok := s.ring.Active()
	return ok && s.observation != nil && s.shows(active)
}

func leaving(k keyrotation.Key) bool {
	return k.State == keyrotation.Deleting || k.State == keyrotation.Abandoning || k.State == keyrotation.Revoking
}

// valueLost reports whether the value of an issued key is lost: the time for the
// response is over, or the platform had the key before it was asked for.
func (s scene) valueLost(m keyrotation.Move, k keyrotation.Key) bool {
	switch {
	case !k.Issued:
		return false
	case k.State == keyrotation.Registering:
		return !m.NotBefore.Before(k.AttemptAt.Add(settle))
	case k.State != keyrotation.Generated || s.observation == nil:
		return false
	}
	for _, shown := range s.observation.Platform {
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
	if s.observation == nil {
		return string(text) + "\nno observation"
	}
	seen := ""
	for id, k := range s.observation.Platform {
		seen += " " + id + "=" + k.Fingerprint
	}
	return string(text) + "\nobservation at " + s.observation.At.Format(time.RFC3339Nano) + ":" + seen
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

// observations are the different ones that are possible for a ring: none, one
// that agrees with it, and for each key one that lacks it, shows another key or
// shows it twice.
func (s scene) observations() []*keyrotation.Observation {
	all := []*keyrotation.Observation{nil, s.agreeing()}
	see := func(change func(*keyrotation.Observation)) { all = append(all, s.sees(change).observation) }
	see(func(l *keyrotation.Observation) { l.ClockAhead = time.Minute })
	see(func(l *keyrotation.Observation) { l.At = longAgo })
	see(func(l *keyrotation.Observation) { clear(l.Platform); clear(l.Store) })
	for _, k := range s.ring.Keys {
		see(lacks(k.KeyID))
		see(shows(k.KeyID, "other", longAgo))
		see(shows("idX", k.Fingerprint, longAgo))
	}
	return all
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
		observations := s.observations()
		if len(keys) > 2 {
			observations = observations[:5] // what concerns one key alone was tried with two
		}
		for _, s.observation = range observations {
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
		t.Errorf("got %d rings, want at least 5000", rings)
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

// An orphan that the ring lists may be a live key nevertheless.
func TestAnOrphanThatIsALiveKeyIsNotDeleted(t *testing.T) {
	for _, k := range lives(1) {
		s := sceneOf(k, genKey(2, keyrotation.Registered)).
			orphan(keyrotation.Orphan{KeyID: "id1", Fingerprint: pooledFingerprint(1), SeenAt: longAgo})
		for _, s.observation = range s.observations() {
			lawful(t, s)
		}
	}
}
