package keyrotation_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"playtoken/keyrotation"
	"playtoken/store"
)

func decode(text string) (keyrotation.Ring, error) {
	return keyrotation.DecodeRing(store.Document{Data: []byte(text), Version: 7})
}

func encode(t *testing.T, ring keyrotation.Ring) string {
	t.Helper()
	data, err := ring.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// one of every state, as one ring.
func everyState(change func(*keyrotation.Ring)) scene {
	states := []keyrotation.State{keyrotation.Deleted, keyrotation.Deleting, keyrotation.Abandoning, keyrotation.Revoking, keyrotation.Quarantined,
		keyrotation.Retiring, keyrotation.Active, keyrotation.Registered, keyrotation.Registering, keyrotation.Generated, keyrotation.Planned}
	var keys []keyrotation.Key
	for i, state := range states {
		keys = append(keys, genKey(i+1, state))
	}
	s := sceneOf(keys...)
	s.ring.Orphans = []keyrotation.Orphan{{KeyID: "idX", Fingerprint: keys[6].Fingerprint, SeenAt: longAgo}}
	if change != nil {
		change(&s.ring)
	}
	return s
}

func TestARingIsReadAsItWasWritten(t *testing.T) {
	text := encode(t, everyState(nil).ring)
	ring, err := decode(text)
	if err != nil {
		t.Fatal(err)
	}
	if again := encode(t, ring); again != text || ring.Version != 7 {
		t.Errorf("version %d, written again:\n%s\n%s", ring.Version, text, again)
	}
	if active, ok := ring.Active(); !ok || active.Generation != 7 {
		t.Errorf("active: %+v", active)
	}
	if _, ok := ring.Key(99); ok {
		t.Error("there is no generation 99")
	}
	if got := ring.EarliestActive(); !got.Equal(longAgo.Add(propagation)) {
		t.Errorf("earliest active: %s", got)
	}
}

func TestARingThatNoSequenceOfMovesLeadsToIsRefused(t *testing.T) {
	for name, change := range map[string]func(*keyrotation.Ring){
		"two active keys":            func(r *keyrotation.Ring) { r.Keys[7].State = keyrotation.Active },
		"a generation twice":         func(r *keyrotation.Ring) { r.Keys[7].Generation = 7 },
		"generations out of order":   func(r *keyrotation.Ring) { r.Keys[7], r.Keys[6] = r.Keys[6], r.Keys[7] },
		"generation zero":            func(r *keyrotation.Ring) { r.Keys[0].Generation = 0 },
		"a state from the future":    func(r *keyrotation.Ring) { r.Keys[7].State = "resting" },
		"no state":                   func(r *keyrotation.Ring) { r.Keys[7].State = "" },
		"a registered key, no id":    func(r *keyrotation.Ring) { r.Keys[7].KeyID = "" },
		"an active key, no PEM":      func(r *keyrotation.Ring) { r.Keys[6].PublicKey = "" },
		"a key id of two keys":       func(r *keyrotation.Ring) { r.Keys[7].KeyID = r.Keys[6].KeyID },
		"a fingerprint of two keys":  func(r *keyrotation.Ring) { r.Keys[8].Fingerprint = r.Keys[6].Fingerprint },
		"a retiring key without PEM": func(r *keyrotation.Ring) { r.Keys[5].PublicKey = "" },
	} {
		if _, err := decode(encode(t, everyState(change).ring)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := decode(encode(t, everyState(func(r *keyrotation.Ring) { r.Keys[7].KeyID = r.Keys[0].KeyID }).ring)); err != nil {
		t.Errorf("an id may be used again after a deletion: %v", err)
	}
	good := encode(t, everyState(nil).ring)
	for name, text := range map[string]string{
		"nothing":         "",
		"a later version": strings.Replace(good, `{"project"`, `{"lease":1,"project"`, 1),
		"more after it":   good + "{}",
		"cut short":       good[:len(good)-1],
		"an array":        "[]",
	} {
		if _, err := decode(text); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzRing(f *testing.F) {
	for _, s := range []scene{sceneOf(), everyState(nil), sceneOf(genKey(1, keyrotation.Active), genKey(2, keyrotation.Registering)),
		issuedScene(genKey(1, keyrotation.Active), genKey(2, keyrotation.Registering))} {
		data, err := s.ring.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		ring, err := keyrotation.DecodeRing(store.Document{Data: data, Version: 1})
		if err != nil {
			return
		}
		text, err := ring.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := keyrotation.DecodeRing(store.Document{Data: text, Version: 1})
		if err != nil {
			t.Fatalf("cannot read what was written: %v\n%s", err, text)
		}
		if twice, err := again.Encode(); err != nil || !bytes.Equal(twice, text) {
			t.Fatalf("written twice: %v\n%s\n%s", err, text, twice)
		}
		s := scene{ring: ring, policy: simPolicy()}
		s.ring.Durations = s.policy.Durations
		for _, s.now = range []time.Time{noon, {}, noon.Add(100 * 365 * 24 * time.Hour)} {
			for _, s.observation = range s.observations() {
				lawful(t, s)
			}
		}
	})
}

func TestARingOfANewerVersionIsReadButNotWritten(t *testing.T) {
	doc := store.Document{Data: []byte(`{"project":"default","store_id":"a","tomorrow":1}`), Version: 7}
	if ring, err := keyrotation.ReadRing(doc); err != nil || ring.Project != "default" || ring.Version != 7 {
		t.Errorf("a signer reads %+v, %v", ring, err)
	}
	if _, err := keyrotation.DecodeRing(doc); err == nil {
		t.Error("a rotator would forget what it does not know")
	}
	doc.Data = []byte(`{"project":"default","keys":[{"generation":1,"state":"tomorrow"}]}`)
	if _, err := keyrotation.ReadRing(doc); err == nil {
		t.Error("a signer cannot know what an unknown state lets a key do")
	}
}
