package keyrotation_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"playtoken/gate/verify"
	"playtoken/keyrotation"
)

// minted is one playback token that left a replica, or what was bought with
// an issued key.
type minted struct {
	kid, proof  string // see honours
	at, expires time.Time
	text        string // of some, for the gate's verifier
	verified    int    // at birth, in mid-life, just before the end; and once after it
}

// oracle knows every token that is alive and every promise made about keys.
type oracle struct {
	w       *world
	live    []minted
	used    map[string]time.Time // by key id: when its last token expires
	total   int
	every   int // n-th token is really signed, and verified
	checked int // verifications by the gate's verifier
	looked  int // at a live token: is its key known at every edge?
	last    keyrotation.Ring

	forgiven map[string]bool      // key ids whose tokens are lost on purpose
	ordered  map[string]bool      // key ids that an operator wants deleted, though they are not ours
	revoked  map[int]bool         // generations that an operator wants revoked
	ending   map[string]bool      // key ids that were revoked: what their tokens opened is to end
	trusted  map[string]time.Time // by key id: when the ring last had it out of quarantine
	damaged  map[int]bool         // generations whose private key was damaged by hand
	restored bool                 // an old ring came back; see sim_restore_test.go
}

func newOracle(w *world) *oracle {
	every := 64 // signing would take most of the time
	if thorough() {
		every = 8
	}
	return &oracle{w: w, every: every, used: map[string]time.Time{}, forgiven: map[string]bool{},
		ordered: map[string]bool{}, ending: map[string]bool{}, trusted: map[string]time.Time{}, revoked: map[int]bool{}, damaged: map[int]bool{}}
}

// forgive lets a key be lost, and its tokens with it, because an operator
// wanted that or changed the key by hand.
func (o *oracle) forgive(kid string) {
	o.forgiven[kid] = true
	o.live = slices.DeleteFunc(o.live, func(m minted) bool { return m.kid == kid })
	delete(o.used, kid)
}

func (o *oracle) minted(_ *replica, key keyrotation.Key, proof string, private crypto.Signer, expires time.Time) {
	o.w.platform.watch(key.KeyID, o.total)
	if o.forgiven[key.KeyID] {
		return
	}
	m := minted{kid: key.KeyID, proof: proof, at: o.w.now, expires: expires}
	if o.total++; private != nil && o.total%o.every == 0 {
		t := jwt.NewWithClaims(jwtMethod(private), jwt.MapClaims{"sub": "v", "exp": expires.Unix()})
		t.Header["kid"] = key.KeyID
		text, err := t.SignedString(private)
		if err != nil {
			o.w.failf("sign: %v", err)
		}
		m.text = text
	}
	ring := o.w.store.ring()
	if k, ok := ring.Key(key.Generation); !ok || o.w.now.Before(k.RegisteredAt.Add(ring.Durations.Propagation-2*time.Second)) {
		o.w.failf("a token was signed by generation %d before it had propagated", key.Generation)
	}
	o.live = append(o.live, m)
	if expires.After(o.used[m.kid]) {
		o.used[m.kid] = expires
	}
}

// jwtMethod is that of the tokens that a key signs.
func jwtMethod(private crypto.Signer) jwt.SigningMethod {
	switch key := private.(type) {
	case *ecdsa.PrivateKey:
		if key.Curve == elliptic.P384() {
			return jwt.SigningMethodES384
		}
		return jwt.SigningMethodES256
	case ed25519.PrivateKey:
		return jwt.SigningMethodEdDSA
	}
	return jwt.SigningMethodRS256
}

// check holds every promise against the world as it is now. What holds for
// every deletion is held against it when it happens.
func (o *oracle) check() {
	o.ring()
	o.tokens()
	o.values()
}

// tokens: a token is accepted at every instant of its life, and not after it.
func (o *oracle) tokens() {
	o.live = slices.DeleteFunc(o.live, func(m minted) bool {
		expired := !o.w.now.Before(m.expires)
		if !expired && !o.w.platform.honours(m.kid, m.proof) {
			o.w.failf("a viewer is refused: token of key %s, minted %s, good until %s, but the platform has no such key",
				m.kid, m.at.Format("15:04:05"), m.expires.Format("15:04:05"))
		}
		if expired {
			o.verify(m, true)
		}
		return expired
	})
	o.looked += len(o.live)
	for i := range o.live {
		m := &o.live[i]
		age, life := o.w.now.Sub(m.at), m.expires.Sub(m.at)
		if m.verified == 0 || m.verified == 1 && age > life/2 || m.verified == 2 && life-age < 5*time.Second {
			m.verified++
			o.verify(*m, false)
		}
	}
}

func (o *oracle) verify(m minted, expired bool) {
	if m.text == "" {
		return
	}
	_, err := verify.Verify(m.text, "v", o.w.now, func(kid string) (crypto.PublicKey, bool) {
		shown, there := o.w.platform.at(o.checked, kid)
		key, err := keyrotation.ParsePublicKey(shown.PublicKey)
		return key, there && err == nil
	})
	o.checked++
	if (err == nil) == expired {
		o.w.failf("token of key %s, expired=%t: the verifier says %v", m.kid, expired, err)
	}
}

// ring: states only move along the table; key ids and fingerprints are written
// once; once a key was active, one always is; keys are only revoked by order,
// and the platform never holds more keys than a budget allows.
func (o *oracle) ring() {
	ring := o.w.store.ring()
	if ring.Version == o.last.Version {
		return
	}
	for _, was := range o.last.Keys {
		k, ok := ring.Key(was.Generation)
		if !ok && was.State != keyrotation.Deleted {
			o.w.failf("generation %d (%s) is forgotten", was.Generation, was.State)
		}
		if ok && (was.KeyID != "" && k.KeyID != was.KeyID || was.Fingerprint != "" && k.Fingerprint != was.Fingerprint) {
			o.w.failf("generation %d changed its identity", was.Generation)
		}
		if ok && (onTheWayOut[was.State] && !onTheWayOut[k.State] || was.State == keyrotation.Deleted && k.State != was.State) {
			o.w.failf("generation %d came back: %s, and now %s", k.Generation, was.State, k.State)
		}
	}
	o.orders(ring)
	o.sessions(ring)
	if was, had := o.last.Active(); had && !o.forgiven[was.KeyID] && !o.damaged[was.Generation] {
		if _, has := ring.Active(); !has {
			o.w.failf("there is no active key any more")
		}
	}
	o.last = ring
}

// onTheWayOut are the states on the way out.
var onTheWayOut = map[keyrotation.State]bool{keyrotation.Deleting: true, keyrotation.Abandoning: true,
	keyrotation.Revoking: true, keyrotation.Deleted: true}

// orders: a revocation ends what was promised about a key, and only an order
// begins one; there are never more keys than the largest budget allows.
func (o *oracle) orders(ring keyrotation.Ring) {
	held, budget := 0, 0
	for _, k := range ring.Keys {
		if k.State == keyrotation.Revoking && k.KeyID != "" && !o.forgiven[k.KeyID] {
			if !o.revoked[k.Generation] {
				o.w.failf("generation %d is revoked without an order", k.Generation)
			}
			o.forgive(k.KeyID)
		}
		if k.State != keyrotation.Deleted {
			held++
		}
	}
	for _, r := range o.w.replicas {
		budget = max(budget, r.rotator.Policy.KeyBudget)
	}
	if held > budget {
		o.w.failf("%d keys, and the platform may hold %d", held, budget)
	}
}

// deletes: nothing is deleted at the platform whose tokens may be alive, that
// is not ours, or that the ring does not say is to be deleted.
func (o *oracle) deletes(id string) {
	maker := o.w.platform.makers[id]
	switch {
	case maker != nil && maker != o.w:
		o.w.failf("key %s of another deployment was deleted", id)
	case o.w.now.Before(o.used[id]):
		o.w.failf("key %s was deleted, its last token lives until %s", id, o.used[id].Format("15:04:05"))
	case !o.ordered[id] && !o.recorded(id):
		o.w.failf("key %s was deleted, and the ring does not say so", id)
	}
}

// recorded: the ring takes the key for one that is on its way out, or for a
// second registration of one of ours.
func (o *oracle) recorded(id string) bool {
	ring, shown := o.w.store.ring(), o.w.platform.keys[id]
	return shown.ID == "" || slices.ContainsFunc(ring.Keys, func(k keyrotation.Key) bool {
		if k.KeyID == id {
			return onTheWayOut[k.State]
		}
		return is(k, shown)
	})
}

// is reports whether the platform shows this key, under any id.
func is(k keyrotation.Key, shown keyrotation.PlatformKey) bool {
	if k.Issued {
		return k.Name == shown.Name
	}
	return k.Fingerprint != "" && k.Fingerprint == shown.Fingerprint
}
