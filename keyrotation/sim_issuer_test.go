package keyrotation_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"playtoken/keyrotation"
)

// What is different in a world whose platform makes the keys: how a replica is
// put together, what its signer holds, and what the oracle asks for besides.

// newIssuingWorld is a world whose platform issues keys.
func newIssuingWorld(t *testing.T, seed uint64, replicas int) *world {
	return worldOf(t, seed, replicas, true)
}

// issuedTo lets a replica work with such a platform. In every second world
// what is bought with a key ends with it.
func (r *replica) issuedTo() {
	rot := r.rotator
	rot.Keys, rot.Platform, rot.Issuer = nil, nil, issuerView{platformView{r}}
	rot.Policy.KeySpec = keyrotation.KeySpec{Issued: true}
	if r.w.seed%2 == 0 {
		rot.Policy.MaxTTL = 0
	}
}

// issue makes a key of any name, and shows its value.
func (p *simPlatform) issue(name string) keyrotation.IssuedKey {
	id := p.add(name, "")
	p.values[id] = fmt.Sprintf("value of %s, %d", id, p.w.rng.Uint64())
	return keyrotation.IssuedKey{ID: id, Value: []byte(p.values[id])}
}

// issuerView is such a platform as one replica reaches it.
type issuerView struct{ platformView }

func (v issuerView) Issue(_ context.Context, name string) (keyrotation.IssuedKey, error) {
	v.intends(name)
	me := new(int)
	return call(v.r, "issue", func() (keyrotation.IssuedKey, error) {
		p := v.r.w.platform
		if before, used := p.issued[name]; used && before != me {
			v.r.w.failf("%q was used before", name)
		}
		p.issued[name] = me
		made := p.issue(name)
		v.made(made.ID)
		return made, nil
	})
}

// value is what the store holds of an issued key.
func (s *simStore) value(k keyrotation.Key) (value string, held bool) {
	var doc struct {
		Value []byte `json:"value"`
	}
	err := json.Unmarshal(s.docs[keyrotation.IssuedName(k.StoreName)].Data, &doc)
	return string(doc.Value), err == nil && len(doc.Value) > 0
}

// learn reads the value of the key that is active by a new view, as a minter
// does. A view never names a key whose value is not there.
func (s *simSigner) learn() {
	active, ok := s.view.Active()
	if s.value = ""; !ok || !s.replica.w.issues {
		return
	}
	value, held := s.replica.w.store.value(active)
	if !held && !s.replica.w.oracle.forgiven[active.KeyID] {
		s.replica.w.failf("generation %d is active, and its value is not in the store", active.Generation)
	}
	s.value = value
}

// values: what any replica takes for the active key's value is honoured by the
// platform at this moment, for as long as its view may be used.
func (o *oracle) values() {
	for _, r := range o.w.replicas {
		active, ok := r.signer.view.Active()
		stale := o.w.now.Sub(r.signer.readAt) > r.signer.view.Durations.ViewAge
		if !o.w.issues || !ok || stale || o.forgiven[active.KeyID] {
			continue
		}
		if !o.w.platform.honours(active.KeyID, r.signer.value) {
			o.w.failf("replica %d uses generation %d, which the platform does not honour", r.id, active.Generation)
		}
	}
}

// noValueLeft: the store holds the values of live keys, and no other.
func (w *world) noValueLeft() {
	ring := w.store.ring()
	live := map[string]bool{}
	for _, k := range ring.Keys {
		live[keyrotation.IssuedName(k.StoreName)] = k.DestroyedAt.IsZero() && k.State != keyrotation.Deleted
	}
	for name, doc := range w.store.docs {
		if strings.HasPrefix(name, "issued/") && strings.Contains(string(doc.Data), "value") && !live[name] {
			w.failf("%s still holds a value", name)
		}
	}
}

// spoiling is an Issuer with something wrong about its answers.
type spoiling struct {
	keyrotation.Issuer
	spoil func(*keyrotation.IssuedKey)
}

func (s spoiling) Issue(ctx context.Context, name string) (keyrotation.IssuedKey, error) {
	k, err := s.Issuer.Issue(ctx, name)
	s.spoil(&k)
	return k, err
}
