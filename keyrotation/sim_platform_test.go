package keyrotation_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"playtoken/keyrotation"
	"playtoken/store"
)

// simPlatform accepts every key under a new id, as the key API's documents
// allow. Its edges get a new key later than its key API, and its lists lag
// behind. A key that is deleted is gone everywhere at once.
type simPlatform struct {
	w       *world
	keys    map[string]keyrotation.PlatformKey
	values  map[string]string    // of issued keys, by id
	issued  map[string]*int      // which request made the keys of a name
	makers  map[string]*world    // which deployment registered an id; nil: a person
	born    map[string]time.Time // by id
	gone    []departed           // that lists may still show
	edges   []time.Duration      // how long each takes to get a key
	next    int
	pairs   int           // how many of the pool are taken
	clock   time.Duration // its own, minus the world's
	calls   int           // that change something
	deleted []string
	away    time.Time // until then it does not answer
	full    time.Time // until then it takes no key
	hides   time.Time // until then it shows none of our keys
	odd     layout    // how it shows keys; nil: as they are

	sessions map[session]time.Time // when each was last opened; nil: the platform has none
	names    *simNames             // nil: a key needs no list that names it
}

// departed is a deleted key.
type departed struct {
	keyrotation.PlatformKey
	at time.Time
}

// slowest is the delay of the slowest edge: the propagation delay, less what two
// clocks may disagree about the time of the registration.
const slowest = 30*time.Second - 2*time.Second

func newPlatform(w *world) *simPlatform {
	return &simPlatform{w: w, keys: map[string]keyrotation.PlatformKey{}, values: map[string]string{}, issued: map[string]*int{},
		makers: map[string]*world{}, born: map[string]time.Time{}, edges: []time.Duration{0, slowest / 3, slowest}, pairs: 2}
}

// foreign are the ids of keys on the same account that are not ours: one made
// by hand, one of another deployment.
var foreign = []string{"id0001", "id0002"}

// inhabit makes the keys that are not ours; see foreign.
func (p *simPlatform) inhabit() {
	if p.w.issues {
		p.issue("made by hand")
		p.issue("playtoken #1 kabcdefghijklmnopqrstuvwxyz")
	} else {
		p.add("made by hand", pooledKey(0).public)
		p.add("playtoken default #1 abcdef", pooledKey(1).public)
	}
	clear(p.born) // long ago
}

func (p *simPlatform) add(name, public string) string {
	p.next++
	id := fmt.Sprintf("id%04d", p.next)
	p.born[id] = p.w.now
	p.keys[id] = keyrotation.PlatformKey{ID: id, Name: name, PublicKey: public,
		Fingerprint: keyrotation.Fingerprint(public), CreatedAt: p.w.now.Add(p.clock)}
	return id
}

// remove forgets a key everywhere but in lists.
func (p *simPlatform) remove(id string) {
	if k, there := p.keys[id]; there {
		p.gone = append(p.gone, departed{k, p.w.now})
		delete(p.keys, id)
		p.names.drop(id)
	}
}

// honours reports whether every edge accepts what was made with a key just
// now. Proof is the fingerprint of its public key, or its value.
func (p *simPlatform) honours(id, proof string) bool {
	if p.w.verifiers != nil {
		return p.w.fetched(id, proof)
	}
	k, there := p.keys[id]
	there = there && p.accepts(id, slices.Max(p.edges))
	if value, issued := p.values[id]; issued {
		return there && value == proof
	}
	return there && k.Fingerprint == proof
}

// at is the key as one edge has it.
func (p *simPlatform) at(edge int, id string) (keyrotation.PlatformKey, bool) {
	if n := len(p.w.verifiers); n > 0 {
		k, there := p.w.verifiers[edge%n].keys[id]
		return k, there
	}
	k, there := p.keys[id]
	return k, there && p.accepts(id, p.edges[edge%len(p.edges)])
}

// ids of all keys that are there, in a fixed order.
func (p *simPlatform) ids() []string { return slices.Sorted(maps.Keys(p.keys)) }

// list is in any order. Unless all is calm, each of its rows is up to almost
// the settle time old.
func (p *simPlatform) list(o odds) []keyrotation.PlatformKey {
	asOf := func() time.Time {
		if o == calm {
			return p.w.now
		}
		return p.w.now.Add(-time.Duration(p.w.rng.Int64N(int64(8 * time.Second))))
	}
	rows := []keyrotation.PlatformKey{}
	for _, id := range p.ids() {
		if !p.hidden(id) && !p.born[id].After(asOf()) {
			rows = append(rows, p.shown(p.keys[id]))
		}
	}
	p.gone = slices.DeleteFunc(p.gone, func(d departed) bool { return p.w.now.Sub(d.at) > 8*time.Second })
	for _, d := range p.gone {
		if t := asOf(); d.at.After(t) && !p.born[d.ID].After(t) {
			rows = append(rows, p.shown(d.PlatformKey))
		}
	}
	slices.SortStableFunc(rows, func(a, b keyrotation.PlatformKey) int { return cmp.Compare(b.ID, a.ID) })
	if o != calm {
		p.w.rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	}
	return rows
}

// hidden: it answers as if it had no such key.
func (p *simPlatform) hidden(id string) bool { return p.w.now.Before(p.hides) && p.makers[id] != nil }

// platformView is the platform as one replica reaches it.
type platformView struct{ r *replica }

// made notes whose key it is.
func (v platformView) made(id string) string {
	p := v.r.w.platform
	p.calls++
	p.makers[id] = v.r.w
	return id
}

func (v platformView) Register(_ context.Context, name, public string) (string, error) {
	v.intends(name)
	return call(v.r, "register", func() (string, error) { return v.made(v.r.w.platform.add(name, public)), nil })
}

// intends: before a key is asked for, the ring says so.
func (v platformView) intends(name string) {
	ring := v.r.w.store.ring()
	intended := slices.ContainsFunc(ring.Keys, func(k keyrotation.Key) bool {
		return k.Name == name && k.State == keyrotation.Registering && !k.AttemptAt.IsZero()
	})
	if !v.r.dead && !intended {
		v.r.w.failf("%q is asked for, but the ring does not say so", name)
	}
}

func (v platformView) List(context.Context) ([]keyrotation.PlatformKey, error) {
	return call(v.r, "list", func() ([]keyrotation.PlatformKey, error) {
		return v.r.w.platform.list(v.r.w.odds), nil
	})
}

func (v platformView) Get(_ context.Context, id string) (keyrotation.PlatformKey, error) {
	return call(v.r, "get", func() (keyrotation.PlatformKey, error) {
		k, ok := v.r.w.platform.keys[id]
		if !ok || v.r.w.platform.hidden(id) {
			return k, store.ErrNotFound
		}
		return v.r.w.platform.shown(k), nil
	})
}

func (v platformView) Delete(_ context.Context, id string) error {
	_, err := call(v.r, "delete", func() (struct{}, error) {
		v.deletes(id)
		return struct{}{}, nil
	})
	return err
}

func (v platformView) deletes(id string) {
	p := v.r.w.platform
	v.r.w.oracle.deletes(id)
	p.calls++
	p.deleted = append(p.deleted, id)
	p.remove(id)
}
