package keyrotation_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"playtoken/keyrotation"
)

// keyPool makes RSA keys once for all simulations; a world uses each key for
// one generation.
var keyPool struct {
	sync.Mutex
	keys []simKey
}

type simKey struct {
	private  *rsa.PrivateKey
	public   string
	versions int  // more than the first
	leaky    bool // exportable
}

func pooledKey(n int) simKey {
	keyPool.Lock()
	defer keyPool.Unlock()
	for len(keyPool.keys) <= n {
		private, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		public, err := keyrotation.EncodePublicKey(&private.PublicKey)
		if err != nil {
			panic(err)
		}
		keyPool.keys = append(keyPool.keys, simKey{private: private, public: public})
	}
	return keyPool.keys[n]
}

// simStore keeps its contract and nothing more.
type simStore struct {
	w    *world
	docs map[string]keyrotation.Document // the ring, and what is issued
	keys map[string]simKey
	made int

	decoded keyrotation.Ring // the newest that ring returned
}

func (s *simStore) ring() keyrotation.Ring {
	doc, ok := s.docs[keyrotation.RingName("default")]
	if !ok {
		return keyrotation.Ring{}
	}
	if doc.Version == s.decoded.Version {
		return s.decoded
	}
	ring, err := keyrotation.DecodeRing(doc)
	if err != nil {
		s.w.failf("the ring in the store is broken: %v", err)
	}
	s.decoded = ring
	return ring
}

// mutating are the outside calls that change something beside the ring, and so
// may arrive late.
var mutating = map[string]bool{"create": true, "destroy": true, "register": true, "delete": true,
	"issue": true, "keep": true, "forget": true}

// storeView is the store as one replica reaches it.
type storeView struct{ r *replica }

// op tells the ring, of which a script may say much, from other documents.
func op(name, ring, other string) string {
	if name == keyrotation.RingName("default") {
		return ring
	}
	return other
}

func (v storeView) Read(_ context.Context, name string) (keyrotation.Document, error) {
	return call(v.r, op(name, "read", "recall"), func() (keyrotation.Document, error) {
		doc, ok := v.r.w.store.docs[name]
		if !ok {
			return doc, keyrotation.ErrNotFound
		}
		return doc, nil
	})
}

func (v storeView) Write(_ context.Context, name string, data []byte, version int64) (int64, error) {
	return call(v.r, op(name, "write", "keep"), func() (int64, error) {
		docs := v.r.w.store.docs
		if docs[name].Version != version {
			return 0, keyrotation.ErrConflict
		}
		docs[name] = keyrotation.Document{Data: slices.Clone(data), Version: version + 1}
		return version + 1, nil
	})
}

func (v storeView) Create(_ context.Context, name string, spec keyrotation.KeySpec) (keyrotation.StoredKey, error) {
	return call(v.r, "create", func() (keyrotation.StoredKey, error) {
		s := v.r.w.store
		if _, ok := s.keys[name]; !ok {
			k := pooledKey(s.made)
			k.leaky = spec.Exportable
			s.keys[name] = k
			s.made++
		}
		return stored(s.keys[name]), nil
	})
}

func stored(k simKey) keyrotation.StoredKey {
	return keyrotation.StoredKey{KeySpec: keyrotation.KeySpec{Bits: 2048, Exportable: k.leaky},
		PublicKey: k.public, Versions: 1 + k.versions}
}

func (v storeView) Describe(_ context.Context, name string) (keyrotation.StoredKey, error) {
	return call(v.r, "describe", func() (keyrotation.StoredKey, error) {
		k, ok := v.r.w.store.keys[name]
		if !ok {
			return keyrotation.StoredKey{}, keyrotation.ErrNotFound
		}
		return stored(k), nil
	})
}

func (v storeView) Destroy(_ context.Context, name string) error {
	_, err := call(v.r, "destroy", func() (struct{}, error) {
		delete(v.r.w.store.keys, name)
		return struct{}{}, nil
	})
	return err
}

// simPlatform accepts every key under a new id, as the key API's documents
// leave it free to do. It remembers every mutating call.
type simPlatform struct {
	w       *world
	keys    map[string]keyrotation.PlatformKey
	values  map[string]string // of issued keys, by id
	issued  map[string]*int   // which request made the keys of a name
	next    int
	clock   time.Duration // its own, minus the world's
	calls   int           // that change something
	deleted []string
}

// inhabit makes the keys that are not ours; see foreign.
func (p *simPlatform) inhabit() {
	if p.w.issues {
		p.issue("made by hand")
		p.issue("playtoken #1 kabcdefghijklmnopqrstuvwxyz")
		return
	}
	p.add("made by hand", pooledKey(0).public)
	p.add("playtoken default #1 abcdef", pooledKey(1).public)
}

func (p *simPlatform) add(name, public string) string {
	p.next++
	id := fmt.Sprintf("id%04d", p.next)
	p.keys[id] = keyrotation.PlatformKey{ID: id, Name: name, PublicKey: public,
		Fingerprint: keyrotation.Fingerprint(public), CreatedAt: p.w.now.Add(p.clock)}
	return id
}

// platformView is the platform as one replica reaches it.
type platformView struct{ r *replica }

// refuse is a clear no: the request did nothing.
func (v platformView) refuse() error {
	w := v.r.w
	if w.rng.IntN(1000) >= w.odds.refused {
		return nil
	}
	no := []error{keyrotation.ErrThrottled, keyrotation.ErrUnauthorized, keyrotation.ErrRefused}
	return no[w.rng.IntN(len(no))]
}

func (v platformView) Register(_ context.Context, name, public string) (string, error) {
	return call(v.r, "register", func() (string, error) {
		if err := v.refuse(); err != nil {
			return "", err
		}
		v.r.w.platform.calls++
		return v.r.w.platform.add(name, public), nil
	})
}

func (v platformView) List(_ context.Context) ([]keyrotation.PlatformKey, error) {
	return call(v.r, "list", func() ([]keyrotation.PlatformKey, error) {
		w := v.r.w
		list := []keyrotation.PlatformKey{}
		for _, k := range w.platform.keys {
			stale := w.odds != calm && w.now.Sub(k.CreatedAt) < 8*time.Second && w.rng.IntN(2) == 0
			if !stale {
				list = append(list, k)
			}
		}
		slices.SortFunc(list, func(a, b keyrotation.PlatformKey) int { return b.CreatedAt.Compare(a.CreatedAt) })
		return list, nil
	})
}

func (v platformView) Get(_ context.Context, id string) (keyrotation.PlatformKey, error) {
	return call(v.r, "get", func() (keyrotation.PlatformKey, error) {
		k, ok := v.r.w.platform.keys[id]
		if !ok {
			return k, keyrotation.ErrNotFound
		}
		return k, nil
	})
}

func (v platformView) Delete(_ context.Context, id string) error {
	_, err := call(v.r, "delete", func() (struct{}, error) {
		if err := v.refuse(); err != nil && !errors.Is(err, keyrotation.ErrRefused) {
			return struct{}{}, err
		}
		p := v.r.w.platform
		p.calls++
		p.deleted = append(p.deleted, id)
		delete(p.keys, id)
		return struct{}{}, nil
	})
	return err
}
