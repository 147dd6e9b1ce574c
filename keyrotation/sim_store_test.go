package keyrotation_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"maps"
	"slices"
	"sync"
	"time"

	"playtoken/keyrotation"
	"playtoken/store"
)

// keyPool makes keys once for all simulations; a world uses each key for one
// generation. Those of RSA are as small as crypto/rsa allows, because making and
// using keys would take most of the time; a world's store gives them any size.
var keyPool struct {
	sync.Mutex
	keys map[store.Kind][]simKey // of RSA: under 2048 bits
}

type simKey struct {
	private  crypto.Signer
	kind     store.Kind
	public   string
	versions int  // more than the first
	leaky    bool // exportable
}

func (k simKey) rsa() *rsa.PrivateKey { return k.private.(*rsa.PrivateKey) }

func pooledKey(n int) simKey { return pooledKeyOf(store.RSA2048, n) }

func pooledKeyOf(kind store.Kind, n int) simKey {
	pool := kind
	if slices.Contains(store.RSAKinds(), kind) {
		pool = store.RSA2048
	}
	keyPool.Lock()
	defer keyPool.Unlock()
	if keyPool.keys == nil {
		keyPool.keys = map[store.Kind][]simKey{}
	}
	for len(keyPool.keys[pool]) <= n {
		keyPool.keys[pool] = append(keyPool.keys[pool], newSimKey(pool))
	}
	key := keyPool.keys[pool][n]
	key.kind = kind
	return key
}

func newSimKey(kind store.Kind) simKey {
	var private crypto.Signer
	var err error
	if kind == store.RSA2048 {
		private, err = rsa.GenerateKey(rand.Reader, 1024)
	} else {
		private, err = kind.NewKey()
	}
	if err != nil {
		panic(err)
	}
	public, err := keyrotation.EncodePublicKey(private.Public())
	if err != nil {
		panic(err)
	}
	return simKey{private: private, public: public}
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
			k := pooledKeyOf(spec.Kind, p.pairs)
			k.leaky = spec.Exportable
			s.keys[name] = k
			p.pairs++
		}
		return stored(s.keys[name]), nil
	})
}

func stored(k simKey) store.KeyInfo {
	return store.KeyInfo{Spec: store.KeySpec{Kind: k.kind, Exportable: k.leaky},
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
