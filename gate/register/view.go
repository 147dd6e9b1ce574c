package register

import (
	"cmp"
	"crypto"
	"fmt"
	"slices"
	"time"

	"playtoken/gate/verify"
)

// view is the document at one version, ready for the questions of viewers. It
// is never changed.
type view struct {
	version int64
	read    time.Time // when reading began, by the machine's own clock
	state   *state
	keys    map[string]crypto.PublicKey
	known   map[string]time.Time // by id of a key: until when it counts as known; zero: it is registered
	cutoffs map[cut]int64        // stamps
}

type cut struct {
	subject Subject
	value   string
}

// newView parses a document. Keys that the last view has are not parsed again.
func newView(version int64, began time.Time, s *state, last *view) (*view, error) {
	v := &view{version: version, read: began, state: s, keys: map[string]crypto.PublicKey{}, known: map[string]time.Time{}, cutoffs: map[cut]int64{}}
	for _, e := range s.Keys {
		id := e.Registration.ID
		key, ok := last.keys[id]
		if !ok {
			var err error
			if key, err = verify.ParsePublicKey(e.Registration.PublicKey); err != nil {
				return nil, fmt.Errorf("read key %s of the gate's register: %w", id, err)
			}
		}
		v.keys[id], v.known[id] = key, time.Time{}
	}
	for _, g := range s.Gone {
		v.known[g.ID] = g.Until
	}
	for _, c := range s.Cutoffs {
		v.cutoffs[cut{c.Subject, c.Value}] = c.At.UnixMicro()
	}
	return v, nil
}

// again is the same view, read later.
func (v *view) again(began time.Time) *view {
	later := *v
	later.read = began
	return &later
}

func (v *view) find(id string) (Registration, bool) {
	i := slices.IndexFunc(v.state.Keys, func(e entry) bool { return e.Registration.ID == id })
	if i < 0 {
		return Registration{}, false
	}
	return v.state.Keys[i].Registration, true
}

// page returns at most limit keys after a place, oldest first, and the place to
// go on from: 0 if there are no more. Keys that come and go meanwhile move no
// other key.
func (v *view) page(after uint64, limit int) (page []Registration, next uint64) {
	list := v.state.Keys
	i, found := slices.BinarySearchFunc(list, after, func(e entry, at uint64) int { return cmp.Compare(e.Place, at) })
	if found {
		i++
	}
	rest := list[i:]
	for _, e := range rest[:min(limit, len(rest))] {
		page = append(page, e.Registration)
	}
	if len(rest) > limit {
		next = rest[limit-1].Place
	}
	return page, next
}

// knows reports whether a session that ends at the given second may have been
// opened with a token of this key.
func (v *view) knows(keyID string, expires int64, now time.Time) bool {
	until, ok := v.known[keyID]
	trusted := v.state.TrustedTo
	return ok && (until.IsZero() || !until.Before(now)) || !trusted.IsZero() && expires <= trusted.Unix()
}

// ticketKeys returns the keys of an id: one at most, except for the empty id.
func (v *view) ticketKeys(id string, now time.Time) (keys []TicketKey) {
	for _, k := range v.state.Tickets {
		if k.ID == id && (k.Until.IsZero() || !k.Until.Before(now)) {
			keys = append(keys, k)
		}
	}
	return keys
}
