package keyrotation_test

import (
	"testing"
	"time"

	"playtoken/keyrotation"
)

func TestWhatIsDueAmongIssuedKeys(t *testing.T) {
	const planned, generated, registering, registered = keyrotation.Planned, keyrotation.Generated, keyrotation.Registering, keyrotation.Registered
	active, standby := genKey(1, keyrotation.Active), genKey(2, registered)
	active2, standby3 := genKey(2, keyrotation.Active), genKey(3, registered)
	overdue := but(active, func(k *keyrotation.Key) { k.ActivatedAt = longAgo })
	asked := genKey(3, registering)
	settled := but(asked, sentLongAgo)
	noAnswer := but(asked, abandon)
	revoked := but(genKey(1, keyrotation.Revoking), func(k *keyrotation.Key) { k.RegisteredAt = longAgo })
	arrived := shows("idX", asked.Fingerprint, noon)
	for _, tt := range []dueCase{
		{"nothing exists: a key is planned", issuedScene().observedAt(noon), "plan"},
		{"the document for its value is created before the key is asked for", issuedScene(active, genKey(2, planned)).observedAt(noon), "generate 2"},
		{"the first request needs a look", issuedScene(genKey(1, generated)).observedAt(noon), "look, plan"},
		{"as do the others", issuedScene(active, genKey(2, generated)).observedAt(noon), "look"},
		{"and go on after it", issuedScene(active, genKey(2, generated)).sees(nil), "register 2"},
		{"a name that the platform knows already is not asked for", issuedScene(active, genKey(2, generated)).
			sees(shows("idX", genKey(2, generated).Fingerprint, noon)), "discard 2"},
		{"a standby is always issued", issuedScene(active).observedAt(noon), "plan"},
		{"and takes over in its time", issuedScene(overdue, standby).sees(nil), "activate 2"},

		{"the process that asked may still get the value", issuedScene(active, asked).observedAt(noon), ""},
		{"even if the platform has the key already", issuedScene(active, asked).sees(arrived), ""},
		{"after the settle time it will not, and that needs no observation", issuedScene(active, settled).observedAt(noon), "discard 3"},
		{"nor would one help", issuedScene(active, settled).sees(arrived), "discard 3"},
		{"a key whose value is lost is looked for", issuedScene(active2, standby, noAnswer).observedAt(longAgo), "look"},
		{"it is found by its name, to be deleted", issuedScene(active, standby, noAnswer).sees(arrived), "adopt 3 idX"},
		{"then it is withdrawn", issuedScene(active, standby, but(noAnswer, func(k *keyrotation.Key) { k.KeyID = "idX" })).sees(nil), "withdraw 3"},
		{"or it has not arrived when it has settled", issuedScene(active, standby, but(noAnswer, sentLongAgo)).sees(nil), "destroy 3"},
		{"another key that is as old stays", issuedScene(active, standby, noAnswer).sees(shows("idX", "other", noon)), ""},

		{"a retired key gets its date", issuedScene(but(genKey(1, keyrotation.Retiring), undated), active2, standby3).observedAt(noon), "date 1"},
		{"and goes on its day", issuedScene(genKey(1, keyrotation.Retiring), active2, standby3).sees(nil), "delete 1"},
		{"at the platform first", issuedScene(genKey(1, keyrotation.Deleting), active2, standby3).observedAt(noon), "withdraw 1"},
		{"then its value", issuedScene(but(genKey(1, keyrotation.Deleting), withdrawn), active2, standby3).sees(nil), "destroy 1"},
		{"then it is buried", issuedScene(but(genKey(1, keyrotation.Deleting), withdrawn, destroyed), active2, standby3).sees(nil), "bury 1"},
		{"a revoked key too goes at the platform first, before anything else", issuedScene(revoked, but(active2, func(k *keyrotation.Key) { k.ActivatedAt = longAgo }), standby3).
			observedAt(noon), "withdraw 1, destroy 1, look"},
		{"one whose id is unknown yet loses its value first", issuedScene(but(settled, func(k *keyrotation.Key) { k.State = keyrotation.Revoking }), genKey(4, keyrotation.Active), genKey(5, registered)).
			observedAt(noon), "destroy 3"},

		{"a key that is not shown is a doubt", issuedScene(active, standby).sees(lacks("id1")), "doubt 1"},
		{"so is a missing value", issuedScene(active, standby).sees(func(l *keyrotation.Observation) { delete(l.Store, "kstore02") }), "doubt 2"},
		{"a second key of one name is noted", issuedScene(active, standby).sees(shows("idX", active.Fingerprint, noon)), "note_orphan idX"},
		{"one of a name that is long gone too", issuedScene(genKey(1, keyrotation.Deleted), active2, standby3).
			sees(shows("idX", genKey(1, keyrotation.Deleted).Fingerprint, noon)), "note_orphan idX"},
		{"a name that we never asked for is ignored", issuedScene(active, standby).sees(shows("idX", "other", noon)), ""},
		{"a policy without bits is no other kind", issuedScene(active, standby).observedAt(noon), ""},
	} {
		t.Run(tt.name, tt.check)
	}
}

func TestIssuedKeysMoveFromTheirInstantOn(t *testing.T) {
	agreeing := func(*keyrotation.Observation) {}
	active, standby := genKey(1, keyrotation.Active), genKey(2, keyrotation.Registered)
	retired := but(genKey(1, keyrotation.Retiring), func(k *keyrotation.Key) { k.DeleteNotBefore = noon.Add(issuedOverlap) })
	for _, tt := range []instantCase{
		{"a key is given up when its response cannot come any more", "discard 2", noon.Add(settle),
			issuedScene(active, genKey(2, keyrotation.Registering)), nil},
		{"the next one is asked for when the platform has had its rest", "plan", noon.Add(time.Minute),
			issuedScene(active).retryAt(noon.Add(time.Minute)), agreeing},
		{"a standby propagates first", "activate 2", noon.Add(propagation), issuedScene(but(active, func(k *keyrotation.Key) { k.ActivatedAt = longAgo }),
			but(standby, func(k *keyrotation.Key) { k.RegisteredAt = noon })), agreeing},
		{"a retired key goes when no replica uses it any more", "delete 1", noon.Add(issuedOverlap),
			issuedScene(retired, genKey(2, keyrotation.Active), genKey(3, keyrotation.Registered)), agreeing},
	} {
		t.Run(tt.name, tt.check)
	}
}

func TestWhatBlocksAMoveOfAnIssuedKey(t *testing.T) {
	retired, active, standby := genKey(1, keyrotation.Retiring), genKey(2, keyrotation.Active), genKey(3, keyrotation.Registered)
	overdue := but(active, func(k *keyrotation.Key) { k.ActivatedAt = longAgo })
	for _, tt := range []blockedCase{
		{"an activation, nothing wrong", issuedScene(overdue, standby).sees(nil), "activate 3", ""},
		{"an activation, no value", issuedScene(overdue, standby).sees(func(l *keyrotation.Observation) { delete(l.Store, "kstore03") }),
			"activate 3", "its value is not in the store"},
		{"an activation, a key that is not shown", issuedScene(overdue, standby).sees(lacks("id3")), "activate 3", "does not show it"},
		{"an activation, another name under its id", issuedScene(overdue, standby).sees(shows("id3", "other", noon)), "activate 3", "another key under its id"},
		{"a deletion, another name under its id", issuedScene(retired, active, standby).sees(shows("id1", "other", noon)), "delete 1", "another key under its id"},
		{"a new key, the budget is full", issuedScene(active).budget(1).observedAt(noon), "plan", "whole budget"},
		{"a new key, the budget is full of lost ones", issuedScene(active, but(genKey(2, keyrotation.Registering), abandon), but(genKey(3, keyrotation.Registering), abandon)).
			budget(3).observedAt(noon), "plan", "whole budget"},
		{"everything, the wrong account", issuedScene(retired, overdue, standby).sees(lacks("id1", "id2", "id3")), "look", "none of our keys"},
	} {
		t.Run(tt.name, tt.check)
	}
}
