package keyrotation_test

import (
	"time"

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
		if w.now.Before(w.store.sealed) {
			return // an error to the caller, no token
		}
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
