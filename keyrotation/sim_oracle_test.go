package keyrotation_test

import (
	"crypto/rsa"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"playtoken/gate/verify"
	"playtoken/keyrotation"
)

// simSigner signs as the ring rules: with a view no older than the ring's own
// view age, never longer than the key's largest lifetime. One that signs in
// memory does without the store now and then.
type simSigner struct {
	replica *replica
	view    keyrotation.Ring
	readAt  time.Time
	memory  map[string]simKey // by store name, as of readAt
	value   string            // of the active key if it was issued, as of readAt
	outage  time.Duration     // the view's age at which the store is back
}

func (s *simSigner) mint() {
	w := s.replica.w
	if s.view.Version == 0 || w.now.Sub(s.readAt) > s.view.Durations.ViewAge && !s.withoutStore() {
		s.view, s.readAt = w.store.ring(), w.now
		s.load()
		s.learn()
	}
	key, ok := s.view.Active()
	if !ok {
		return
	}
	if w.issues {
		w.oracle.minted(s.replica, key, s.value, nil, s.expiry(key))
		return
	}
	private, ok := s.memory[key.StoreName]
	if !ok {
		private, ok = w.store.keys[key.StoreName]
	}
	if !ok {
		return // the store has no such key any more: an error to the caller, no token
	}
	w.oracle.minted(s.replica, key, key.Fingerprint, private.private, s.expiry(key))
}

// expiry is when a token ends that is made now: often as late as can be.
func (s *simSigner) expiry(key keyrotation.Key) time.Time {
	rng, longest := s.replica.w.rng, min(s.replica.rotator.Policy.MaxTTL, key.MaxTTL)
	ttl := longest
	if longest > 0 && rng.IntN(2) == 0 {
		ttl = time.Duration(1+rng.Int64N(int64(longest/time.Second))) * time.Second
	}
	return s.replica.clock().Truncate(time.Second).Add(ttl)
}

// minted is one playback token that left a replica, or what was bought with
// an issued key.
type minted struct {
	kid, proof  string // see honours
	at, expires time.Time
	text        string // of some, for the gate's verifier
	verified    int    // at birth, in mid-life, after the end
}

// oracle knows every token that is alive and every promise made about keys.
type oracle struct {
	w       *world
	live    []minted
	used    map[string]time.Time // by key id: when its last token expires
	total   int
	every   int // n-th token is really signed, and verified
	checked int // verifications by the gate's verifier
	last    keyrotation.Ring
	deleted int // how many of the platform's deletions were looked at

	forgiven map[string]bool // key ids whose tokens are lost on purpose
}

// forgive lets a key be lost, and its tokens with it: somebody wanted that.
func (o *oracle) forgive(kid string) {
	o.forgiven[kid] = true
	o.live = slices.DeleteFunc(o.live, func(m minted) bool { return m.kid == kid })
	delete(o.used, kid)
}

func (o *oracle) minted(_ *replica, key keyrotation.Key, proof string, private *rsa.PrivateKey, expires time.Time) {
	if o.forgiven[key.KeyID] {
		return
	}
	m := minted{kid: key.KeyID, proof: proof, at: o.w.now, expires: expires}
	if o.total++; private != nil && o.total%o.every == 0 {
		t := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{"sub": "v", "exp": expires.Unix()})
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

// check holds every promise against the world as it is now.
func (o *oracle) check() {
	o.tokens()
	o.values()
	o.ring()
	o.deletions()
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
	for i := range o.live {
		m := &o.live[i]
		age, life := o.w.now.Sub(m.at), m.expires.Sub(m.at)
		if m.verified == 0 || m.verified == 1 && age > life/2 {
			m.verified++
			o.verify(*m, false)
		}
	}
}

func (o *oracle) verify(m minted, expired bool) {
	if m.text == "" {
		return
	}
	_, err := verify.Verify(m.text, "v", o.w.now, func(kid string) (*rsa.PublicKey, bool) {
		key, err := keyrotation.ParsePublicKey(o.w.platform.keys[kid].PublicKey)
		return key, err == nil
	})
	o.checked++
	if (err == nil) == expired {
		o.w.failf("token of key %s, expired=%t: the verifier says %v", m.kid, expired, err)
	}
}

// ring: states only move along the table; key ids and fingerprints are written
// once; there is always an active key once there was one.
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
	}
	if was, had := o.last.Active(); had && !o.forgiven[was.KeyID] {
		if _, has := ring.Active(); !has {
			o.w.failf("there is no active key any more")
		}
	}
	o.last = ring
}

// deletions: nothing is deleted at the platform that is not ours, or whose
// tokens may be alive.
func (o *oracle) deletions() {
	for _, id := range o.w.platform.deleted[o.deleted:] {
		if o.w.now.Before(o.used[id]) {
			o.w.failf("key %s was deleted, its last token lives until %s", id, o.used[id].Format("15:04:05"))
		}
	}
	o.deleted = len(o.w.platform.deleted)
	for _, id := range foreign {
		if _, there := o.w.platform.keys[id]; !there {
			o.w.failf("key %s of somebody else was deleted", id)
		}
	}
}
