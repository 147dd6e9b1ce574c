package keyrotation_test

import (
	"strings"
	"testing"
	"time"

	"playtoken/keyrotation"
)

func TestMovesAreDueFromTheirInstantOnAndNotBefore(t *testing.T) {
	agreeing := func(*keyrotation.Observation) {}
	active, standby := genKey(1, keyrotation.Active), genKey(2, keyrotation.Registered)
	active2, standby3 := genKey(2, keyrotation.Active), genKey(3, keyrotation.Registered)
	overdue := but(active, func(k *keyrotation.Key) { k.ActivatedAt = longAgo })
	for _, tt := range []instantCase{
		{"a standby takes over when the active key has served its time", "activate 2", noon.Add(interval),
			sceneOf(active, standby), agreeing},
		{"a standby never takes over before it has propagated", "activate 2", noon.Add(propagation),
			sceneOf(overdue, but(standby, func(k *keyrotation.Key) { k.RegisteredAt = noon })), agreeing},
		{"without an active key too it propagates first", "activate 2", noon.Add(propagation),
			sceneOf(but(standby, func(k *keyrotation.Key) { k.RegisteredAt = noon }), genKey(3, keyrotation.Registered)), agreeing},
		{"a new generation waits for retry_at", "plan", noon.Add(time.Minute),
			sceneOf(active).retryAt(noon.Add(time.Minute)), agreeing},
		{"a registration waits for retry_at", "register 2", noon.Add(time.Minute),
			sceneOf(active, genKey(2, keyrotation.Generated)).retryAt(noon.Add(time.Minute)), agreeing},
		{"an unanswered registration is tried again when it has settled", "register 2", noon.Add(settle),
			sceneOf(active, genKey(2, keyrotation.Registering)), agreeing},
		{"and waits for retry_at", "register 2", noon.Add(time.Minute),
			sceneOf(active, genKey(2, keyrotation.Registering)).retryAt(noon.Add(time.Minute)), agreeing},
		{"a retired key is deleted on its day", "delete 1", noon.Add(overlap), sceneOf(
			but(genKey(1, keyrotation.Retiring), func(k *keyrotation.Key) { k.DeleteNotBefore = noon.Add(overlap) }), active2), agreeing},
		{"a key without id is buried when its registration cannot arrive any more", "bury 2", noon.Add(settle),
			sceneOf(active, but(genKey(2, keyrotation.Registering), abandon, destroyed), standby3), agreeing},
		{"a key that is still shown is deleted again after the settle time", "withdraw 1", noon.Add(settle),
			sceneOf(but(genKey(1, keyrotation.Deleting), func(k *keyrotation.Key) { k.WithdrawnAt = noon }), active2, standby3),
			shows("id1", genKey(1, keyrotation.Deleting).Fingerprint, longAgo)},
		{"a doubt becomes a quarantine after the settle time", "quarantine 1", noon.Add(settle),
			sceneOf(but(active, func(k *keyrotation.Key) { k.DoubtedAt = noon }), standby), lacks("id1")},
		{"a second registration is deleted after the settle time", "delete_orphan idX", noon.Add(settle),
			sceneOf(active, standby).orphan(keyrotation.Orphan{KeyID: "idX", Fingerprint: active.Fingerprint, SeenAt: noon}),
			shows("idX", active.Fingerprint, longAgo)},
		{"and again if that did not help", "delete_orphan idX", noon.Add(settle),
			sceneOf(active, standby).orphan(keyrotation.Orphan{KeyID: "idX", Fingerprint: active.Fingerprint, SeenAt: longAgo, DeletingAt: noon}),
			shows("idX", active.Fingerprint, longAgo)},
		{"the platform is looked at from time to time", "look", noon.Add(time.Minute), sceneOf(active, standby).observedAt(noon), nil},
	} {
		t.Run(tt.name, tt.check)
	}
}

func TestWhatIsDueAtNoon(t *testing.T) {
	const planned, generated, registering, registered = keyrotation.Planned, keyrotation.Generated, keyrotation.Registering, keyrotation.Registered
	active, standby := genKey(1, keyrotation.Active), genKey(2, registered)
	active2, standby3 := genKey(2, keyrotation.Active), genKey(3, registered)
	overdue := but(active, func(k *keyrotation.Key) { k.ActivatedAt = longAgo })
	lostKey := but(genKey(1, keyrotation.Retiring), undated, func(k *keyrotation.Key) { k.State = keyrotation.Quarantined })
	dated := but(genKey(1, keyrotation.Retiring), func(k *keyrotation.Key) { k.State = keyrotation.Quarantined })
	lost := genKey(3, registering)
	settled := but(lost, func(k *keyrotation.Key) { k.AttemptAt = longAgo })
	doubted := but(active, func(k *keyrotation.Key) { k.DoubtedAt = longAgo })
	young := func(k *keyrotation.Key) { k.RegisteredAt = noon }
	for _, tt := range []dueCase{
		{"nothing exists: a key is planned", sceneOf().observedAt(noon), "plan"},
		{"what was begun is finished before anything new begins", sceneOf(genKey(1, planned)).observedAt(noon), "generate 1, plan"},
		{"the first registration needs a look", sceneOf(genKey(1, generated)).observedAt(noon), "look, plan"},
		{"as do the others", sceneOf(active, genKey(2, generated)).observedAt(noon), "look"},
		{"and go on after it", sceneOf(active, genKey(2, generated)).sees(nil), "register 2"},
		{"bootstrap makes two keys, not three", sceneOf(but(genKey(1, registered), young), genKey(2, planned)).observedAt(noon), "generate 2"},
		{"a standby is made at once", sceneOf(active).observedAt(noon), "plan"},
		{"and not if there is one", sceneOf(active, standby).observedAt(noon), ""},
		{"an activation needs a look", sceneOf(overdue, standby).observedAt(noon), "look"},
		{"without an active key the standby takes over", sceneOf(standby, genKey(3, registered)).sees(nil), "activate 2"},
		{"of two standbys the undoubted one", sceneOf(but(standby, func(k *keyrotation.Key) { k.DoubtedAt = noon.Add(-time.Second) }),
			genKey(3, registered)).sees(lacks("id2")), "activate 3"},

		{"an unanswered registration is looked for", sceneOf(active, lost).observedAt(longAgo), "look"},
		{"and waited for if the look lacks it", sceneOf(active, lost).sees(nil), ""},
		{"and not looked for again before it has settled", sceneOf(active, lost).observedAt(noon.Add(time.Second)), ""},
		{"it is adopted as soon as it is seen", sceneOf(active, lost).sees(shows("idX", lost.Fingerprint, noon)), "adopt 3 idX"},
		{"of two the oldest is adopted", sceneOf(active, lost).sees(func(l *keyrotation.Observation) {
			shows("idY", lost.Fingerprint, noon)(l)
			shows("idX", lost.Fingerprint, noon.Add(time.Second))(l)
		}), "adopt 3 idY"},
		{"a generated key that the platform already has is adopted", sceneOf(active, genKey(2, generated)).
			sees(shows("idX", genKey(2, generated).Fingerprint, noon)), "adopt 2 idX"},
		{"a look from before the settle time proves no absence", sceneOf(active, settled).sees(func(l *keyrotation.Observation) {
			l.At = longAgo.Add(settle - time.Nanosecond)
		}), "look"},
		{"a look from after it does", sceneOf(active, settled).sees(nil), "register 3"},

		{"a retired key gets its date", sceneOf(but(genKey(1, keyrotation.Retiring), undated), active2, standby3).observedAt(noon), "date 1"},
		{"a deletion needs a look", sceneOf(genKey(1, keyrotation.Retiring), active2, standby3).observedAt(noon), "look"},
		{"a key that is gone already is deleted too", sceneOf(genKey(1, keyrotation.Retiring), active2, standby3).sees(lacks("id1")), "delete 1"},
		{"a key in quarantine that the platform lost gets a date", sceneOf(lostKey, active2, standby3).sees(lacks("id1")), "date 1"},
		{"and is deleted on its day", sceneOf(dated, active2, standby3).sees(lacks("id1")), "delete 1"},
		{"not before", sceneOf(but(dated, func(k *keyrotation.Key) { k.DeleteNotBefore = noon.Add(1) }), active2, standby3).sees(lacks("id1")), ""},
		{"nor without a look", sceneOf(dated, active2, standby3).observedAt(noon), ""},
		{"nor if the platform shows it again", sceneOf(dated, active2, standby3).sees(nil), ""},
		{"nor if its private key was changed", sceneOf(dated, active2, standby3).sees(func(l *keyrotation.Observation) {
			lacks("id1")(l)
			k := l.Store["kstore01"]
			k.Versions++
			l.Store["kstore01"] = k
		}), ""},
		{"nor where no key of ours proves that it is the right account", sceneOf(dated, genKey(2, keyrotation.Registered), standby3).sees(func(l *keyrotation.Observation) {
			lacks("id1")(l)
			l.ClockAhead = time.Hour
		}), ""},
		{"a leaving key is withdrawn", sceneOf(genKey(1, keyrotation.Deleting), active2, standby3).observedAt(noon), "withdraw 1"},
		{"then looked for", sceneOf(but(genKey(1, keyrotation.Deleting), withdrawn), active2, standby3).observedAt(noon), "look"},
		{"then destroyed", sceneOf(but(genKey(1, keyrotation.Deleting), withdrawn), active2, standby3).sees(nil), "destroy 1"},
		{"then buried", sceneOf(but(genKey(1, keyrotation.Deleting), withdrawn, destroyed), active2, standby3).sees(nil), "bury 1"},
		{"its id may belong to another key by then", sceneOf(but(genKey(1, keyrotation.Deleting), withdrawn), active2, standby3).
			sees(shows("id1", "other", noon)), "destroy 1"},
		{"one that was never handed over needs no platform", sceneOf(but(genKey(1, keyrotation.Abandoning), neverSent), active2, standby3).
			observedAt(noon), "destroy 1"},
		{"one that may have been is looked for", sceneOf(but(genKey(1, registering), abandon), active2, standby3).observedAt(longAgo), "look"},
		{"a look from before the settle time proves no absence of it", sceneOf(but(genKey(1, registering), abandon, sentLongAgo), active2, standby3).
			sees(func(l *keyrotation.Observation) { l.At = longAgo }), "look"},
		{"one from after it does", sceneOf(but(genKey(1, registering), abandon, sentLongAgo), active2, standby3).sees(nil), "destroy 1"},
		{"and adopted to be deleted", sceneOf(but(genKey(1, registering), abandon), active2, standby3).
			sees(shows("idX", genKey(1, registering).Fingerprint, noon)), "adopt 1 idX"},
		{"a revoked private key is destroyed first of all", sceneOf(overdue, standby, genKey(3, planned), genKey(4, keyrotation.Revoking)).observedAt(noon),
			"destroy 4, look, generate 3"},

		{"a disagreement is a doubt first", sceneOf(active, standby).sees(lacks("id1")), "doubt 1"},
		{"of a standby too", sceneOf(active, standby).sees(lacks("id2")), "doubt 2"},
		{"a missing private key is one", sceneOf(active, standby).sees(func(l *keyrotation.Observation) { delete(l.Store, "kstore01") }), "doubt 1"},
		{"a doubt needs a second look", sceneOf(doubted, standby).observedAt(noon), "look"},
		{"that may end it", sceneOf(doubted, standby).sees(nil), "trust 1"},
		{"or not", sceneOf(doubted, standby).sees(lacks("id1")), "quarantine 1"},
		{"the look that raised a doubt is no second look", sceneOf(but(active, func(k *keyrotation.Key) { k.DoubtedAt = noon.Add(-settle) }), standby).
			sees(func(l *keyrotation.Observation) { l.At = noon.Add(-settle); lacks("id1")(l) }), "look"},
		{"a second registration is noted first", sceneOf(active, standby).sees(shows("idX", active.Fingerprint, noon)), "note_orphan idX"},
		{"even of a key that is long gone", sceneOf(genKey(1, keyrotation.Deleted), active2, standby3).
			sees(shows("id1", genKey(1, keyrotation.Deleted).Fingerprint, noon)), "note_orphan id1"},
		{"one that is gone is forgotten", sceneOf(active, standby).orphan(keyrotation.Orphan{KeyID: "idX", Fingerprint: active.Fingerprint, SeenAt: longAgo}).
			sees(nil), "forget_orphan idX"},
		{"the look that noted it is no second look", sceneOf(active, standby).
			orphan(keyrotation.Orphan{KeyID: "idX", Fingerprint: active.Fingerprint, SeenAt: noon.Add(-settle)}).
			sees(func(l *keyrotation.Observation) {
				l.At = noon.Add(-settle)
				shows("idX", active.Fingerprint, longAgo)(l)
			}), "look"},
		{"what is not ours is nothing to us", sceneOf(active, standby).sees(shows("idX", "other", noon)), ""},
		{"longer tokens come into force first", sceneOf(overdue, standby).longerTokens(), "widen, look"},
	} {
		t.Run(tt.name, tt.check)
	}
}

func TestWhatBlocksAMove(t *testing.T) {
	active, standby, retired := genKey(2, keyrotation.Active), genKey(3, keyrotation.Registered), genKey(1, keyrotation.Retiring)
	overdue := but(active, func(k *keyrotation.Key) { k.ActivatedAt = longAgo })
	clockOff := func(d time.Duration) func(*keyrotation.Observation) {
		return func(l *keyrotation.Observation) { l.ClockAhead = d }
	}
	tooMany := sceneOf(active)
	tooMany.policy.KeyBudget = 1
	for _, tt := range []blockedCase{
		{"a deletion, a clock ahead", sceneOf(retired, active, standby).sees(clockOff(2*time.Second + 1)), "delete 1", "set the clock"},
		{"a deletion, a clock behind", sceneOf(retired, active, standby).sees(clockOff(-2*time.Second - 1)), "delete 1", "set the clock"},
		{"a deletion, a clock within the skew", sceneOf(retired, active, standby).sees(clockOff(2 * time.Second)), "delete 1", ""},
		{"a deletion without an active key", sceneOf(retired, but(standby, func(k *keyrotation.Key) { k.RegisteredAt = noon })).sees(nil),
			"delete 1", "no key is active"},
		{"a deletion of another key under our id", sceneOf(retired, active, standby).sees(shows("id1", "other", noon)), "delete 1", "another key under its id"},
		{"an activation, a clock off", sceneOf(overdue, standby).sees(clockOff(time.Minute)), "activate 3", "set the clock"},
		{"an activation, a key that is not shown", sceneOf(overdue, standby).sees(lacks("id3")), "activate 3", "does not show it"},
		{"an activation, another key under its id", sceneOf(overdue, standby).sees(shows("id3", "other", noon)), "activate 3", "another key under its id"},
		{"an activation, no private key", sceneOf(overdue, standby).sees(func(l *keyrotation.Observation) { delete(l.Store, "kstore03") }),
			"activate 3", "not in the store"},
		{"an activation, a rotated private key", sceneOf(overdue, standby).sees(func(l *keyrotation.Observation) {
			k := l.Store["kstore03"]
			k.Versions = 2
			l.Store["kstore03"] = k
		}), "activate 3", "replaced or rotated"},
		{"an activation, an exportable private key", sceneOf(overdue, standby).sees(func(l *keyrotation.Observation) {
			k := l.Store["kstore03"]
			k.Spec.Exportable = true
			l.Store["kstore03"] = k
		}), "activate 3", "exportable=true"},
		{"an activation, a doubt", sceneOf(overdue, but(standby, func(k *keyrotation.Key) { k.DoubtedAt = noon.Add(-time.Second) })).sees(nil),
			"activate 3", "disagreed"},
		{"an activation, nothing wrong", sceneOf(overdue, standby).sees(nil), "activate 3", ""},
		{"a new key, the budget is full", tooMany, "plan", "whole budget"},
		{"everything, the wrong account", sceneOf(retired, overdue, standby).sees(lacks("id1", "id2", "id3")), "look", "none of our keys"},
		{"everything, a clock behind the ring", sceneOf(overdue, standby).observedAt(noon.Add(2*time.Second + 1)), "look", "our clock is behind"},
	} {
		t.Run(tt.name, tt.check)
	}
}

func TestTheWrongAccountIsLeftAlone(t *testing.T) {
	revoked := but(genKey(4, keyrotation.Revoking), func(k *keyrotation.Key) { k.RegisteredAt = longAgo })
	s := sceneOf(genKey(1, keyrotation.Deleting), genKey(2, keyrotation.Active), genKey(3, keyrotation.Registered), revoked, genKey(5, keyrotation.Generated)).
		sees(lacks("id1", "id2", "id3", "id4"))
	if got := s.due(); got != "destroy 4" {
		t.Errorf("due: %q, want only the emergency", got)
	}
	s = s.sees(lacks("id1", "id2", "id4")) // one of ours is enough to know the account
	if got := s.due(); !strings.Contains(got, "withdraw 1") {
		t.Errorf("the right account: due: %q", got)
	}
	fresh := but(genKey(1, keyrotation.Registered), func(k *keyrotation.Key) { k.RegisteredAt = noon.Add(-settle + 1) })
	if s := sceneOf(fresh, genKey(2, keyrotation.Generated)).sees(lacks("id1")); s.due() == "" {
		t.Error("a list that lags behind a very young registration is no wrong account")
	}
}

func TestNeitherClockNorAccountHoldUpADestruction(t *testing.T) {
	s := sceneOf(genKey(1, keyrotation.Revoking), genKey(2, keyrotation.Active)).observedAt(noon.Add(time.Hour))
	if got := s.due(); got != "destroy 1" {
		t.Errorf("due: %q, want the emergency", got)
	}
}
