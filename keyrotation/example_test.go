package keyrotation_test

import (
	"fmt"
	"time"

	"playtoken/keyrotation"
	"playtoken/store"
)

// The active key of this ring has served its hour, and its standby has
// propagated. Plan first wants to observe what platform and store really hold;
// with an observation that agrees with the ring, the standby takes over.
func ExamplePlan() {
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	policy := keyrotation.Policy{
		RotateEvery:  time.Hour,
		ObserveEvery: 10 * time.Minute,
		MaxTTL:       10 * time.Minute,
		Durations: keyrotation.Durations{
			Propagation: time.Minute,
			ViewAge:     15 * time.Second,
			Settle:      30 * time.Second,
		},
		KeySpec:   keyrotation.KeySpec{Kind: store.RSA2048},
		KeyBudget: 5,
	}
	key := func(generation int, state keyrotation.State) keyrotation.Key {
		public := pooledKey(generation).public
		return keyrotation.Key{
			Generation: generation, State: state, StoreName: fmt.Sprintf("key%04d", generation), KeyID: fmt.Sprintf("id-%d", generation),
			Fingerprint: keyrotation.Fingerprint(public), PublicKey: public, Kind: store.RSA2048, MaxTTL: policy.MaxTTL,
			RegisteredAt: noon.Add(-2 * time.Hour),
		}
	}
	active, standby := key(1, keyrotation.Active), key(2, keyrotation.Registered)
	active.ActivatedAt = noon.Add(-time.Hour)
	ring := keyrotation.Ring{Project: "default", Durations: policy.Durations, Spec: policy.KeySpec, Keys: []keyrotation.Key{active, standby}}

	for _, m := range keyrotation.Plan(noon, ring, nil, policy) {
		fmt.Println(m.Action, "-", m.Why)
	}
	observation := &keyrotation.Observation{At: noon, Platform: map[string]keyrotation.PlatformKey{}, Store: map[string]store.KeyInfo{}}
	for _, k := range ring.Keys {
		observation.Platform[k.KeyID] = keyrotation.PlatformKey{ID: k.KeyID, Fingerprint: k.Fingerprint}
		observation.Store[k.StoreName] = store.KeyInfo{Spec: store.KeySpec{Kind: store.RSA2048}, PublicKey: k.PublicKey, Versions: 1}
	}
	for _, m := range keyrotation.Plan(noon, ring, observation, policy) {
		fmt.Println(m.Action, m.Generation, "-", m.Why)
	}
	// Output:
	// look - before a key is activated
	// activate 2 - generation 1 has been active for its 1 hour
}

func ExampleReadRing() {
	ring, err := keyrotation.ReadRing(store.Document{Version: 7, Data: []byte(`{"project":"default","keys":[
		{"generation":1,"state":"deleted","store_name":"key0001"},
		{"generation":2,"state":"planned","store_name":"key0002"}]}`)})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, signs := ring.Active()
	fmt.Println(keyrotation.RingName(ring.Project), "version", ring.Version, "has", len(ring.Keys), "keys; one signs:", signs)
	// Output: ring/default version 7 has 2 keys; one signs: false
}
