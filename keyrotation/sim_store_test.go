package keyrotation_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"maps"
	"slices"
	"sync"
	"time"

	"playtoken/keyrotation"
	"playtoken/store"
)

// keyPool makes RSA keys once for all simulations; a world uses each key for one
// generation. They are as small as crypto/rsa allows, because making and using
// keys would take most of the time; a world's store calls them keys of 2048 bits.
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
		private, err := rsa.GenerateKey(rand.Reader, 1024)
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
	w      *world
	docs   map[string]store.Document // the ring, and what is issued
	keys   map[string]simKey
	sealed time.Time // until then it does not answer
	backup map[string]store.Document

	decoded keyrotation.Ring // the newest that ring returned
}

func newStore(w *world) *simStore {
	return &simStore{w: w, docs: map[string]store.Document{}, keys: map[string]simKey{}}
}

func (s *simStore) ring() keyrotation.Ring {
	doc, ok := s.docs[ringName]
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

// restore puts the backup in place of every document. What the private keys
// were made or destroyed since stays made or destroyed. Versions go on, or
// back to where they were.
func (s *simStore) restore(goOn bool) {
	newest := s.docs[ringName].Version
	s.docs, s.decoded = maps.Clone(s.backup), keyrotation.Ring{}
	if doc, ok := s.docs[ringName]; ok && goOn {
		doc.Version = newest + 1
		s.docs[ringName] = doc
	}
}

// storeView is the store as one replica reaches it.
type storeView struct{ r *replica }

// op tells the ring, of which a script may say much, from other documents.
func op(name, ring, other string) string {
	if name == ringName {
		return ring
	}
	return other
}

func (v storeView) Read(_ context.Context, name string) (store.Document, error) {
	return call(v.r, op(name, "read", "recall"), func() (store.Document, error) {
		doc, ok := v.r.w.store.docs[name]
		if !ok {
			return doc, store.ErrNotFound
		}
		return doc, nil
	})
}

func (v storeView) Write(_ context.Context, name string, data []byte, version int64) (int64, error) {
	return call(v.r, op(name, "write", "keep"), func() (int64, error) {
		docs := v.r.w.store.docs
		if docs[name].Version != version {
			return 0, store.ErrConflict
		}
		docs[name] = store.Document{Data: slices.Clone(data), Version: version + 1}
		return version + 1, nil
	})
}

func (v storeView) Delete(_ context.Context, name string) error {
	_, err := call(v.r, "forget", func() (struct{}, error) {
		delete(v.r.w.store.docs, name)
		return struct{}{}, nil
	})
	return err
}

func (v storeView) Create(_ context.Context, name string, spec store.KeySpec) (store.KeyInfo, error) {
	return call(v.r, "create", func() (store.KeyInfo, error) {
		s, p := v.r.w.store, v.r.w.platform
		if _, ok := s.keys[name]; !ok {
			k := pooledKey(p.pairs)
			k.leaky = spec.Exportable
			s.keys[name] = k
			p.pairs++
		}
		return stored(s.keys[name]), nil
	})
}

func stored(k simKey) store.KeyInfo {
	return store.KeyInfo{Spec: store.KeySpec{Bits: 2048, Exportable: k.leaky},
		PublicKey: k.public, Versions: 1 + k.versions}
}

func (v storeView) Describe(_ context.Context, name string) (store.KeyInfo, error) {
	return call(v.r, "describe", func() (store.KeyInfo, error) {
		k, ok := v.r.w.store.keys[name]
		if !ok {
			return store.KeyInfo{}, store.ErrNotFound
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

// time is the store's clock, which is right.
func (v storeView) time(context.Context) (time.Time, error) {
	return call(v.r, "time", func() (time.Time, error) { return v.r.w.now, nil })
}
