package signer

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"time"

	"playtoken/keyrotation"
	"playtoken/signer/rsakey"
)

// exportTimeout bounds one export of a private key.
const exportTimeout = 5 * time.Second

// Exporter hands out private keys that were made to leave the store.
type Exporter interface {
	// Export returns the named key, which is the caller's alone from then on:
	// to use, to hide, and to wipe. It refuses a key that was not made
	// exportable. Errors: ErrUnavailable, ErrKeyGone. It may be called again
	// after any error.
	Export(ctx context.Context, storeName string) (*rsa.PrivateKey, error)
}

// Store is a store whose keys may be used there or, if they were made for
// that, here.
type Store interface {
	PrivateKeys
	Exporter
}

// Memory signs with keys that it took out of the store ahead of time, so that
// minting goes on while the store is away. It holds the exportable keys among
// the active one and the standbys of every ring that is read, and forgets a key
// as soon as a ring says that it is neither. What it does not hold, because it
// may not leave the store or has not been loaded yet, the store signs with.
// It is safe for concurrent use.
type Memory struct {
	store Store
	log   *slog.Logger
	loads *flights[string, struct{}]
	turns chan struct{} // one for each core: more callers than that wait here, not in a library

	mu   sync.RWMutex
	keys map[string]*memoryKey // by store name
}

// memoryKey is a key that should be held.
type memoryKey struct {
	project     string
	generation  int
	fingerprint string
	private     *rsakey.Key // nil until it is loaded
	trouble     string      // why it could not be, the last time
}

var _ PrivateKeys = (*Memory)(nil)

// NewMemory holds no keys yet; the ring views it makes bring them. Close must
// be called.
func NewMemory(store Store, log *slog.Logger) *Memory {
	return &Memory{
		store: store,
		log:   log,
		loads: newFlights[string, struct{}](exportTimeout),
		turns: make(chan struct{}, runtime.GOMAXPROCS(0)),
		keys:  map[string]*memoryKey{},
	}
}

// Close forgets every key.
func (m *Memory) Close() {
	m.loads.close()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range m.keys {
		if k.private != nil {
			k.private.Close()
		}
	}
	clear(m.keys)
}

// SignSHA256 implements [PrivateKeys].
func (m *Memory) SignSHA256(ctx context.Context, storeName string, digest [32]byte) ([]byte, error) {
	private := m.held(storeName)
	if private == nil {
		return m.store.SignSHA256(ctx, storeName, digest)
	}
	select {
	case m.turns <- struct{}{}:
		defer func() { <-m.turns }()
	case <-ctx.Done():
		return nil, unavailable("sign in memory", context.Cause(ctx))
	}
	signature, err := private.SignSHA256(digest)
	if errors.Is(err, rsakey.ErrClosed) { // a newer ring has arrived; the store knows if the key may still sign
		return m.store.SignSHA256(ctx, storeName, digest)
	}
	return signature, err
}

// held returns the named key, or nil.
func (m *Memory) held(storeName string) *rsakey.Key {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if k := m.keys[storeName]; k != nil {
		return k.private
	}
	return nil
}

// follow brings what is held in line with a project's ring that has just been
// read. When it returns, keys that must not be used any more are forgotten;
// those that should be held are being loaded.
func (m *Memory) follow(project string, ring keyrotation.Ring) {
	missing, gone := m.align(project, ring)
	for _, private := range gone {
		private.Close() // waits for the signature that is being made, if any
	}
	for _, name := range missing {
		m.loads.start(name, func(ctx context.Context) (struct{}, error) {
			m.load(ctx, name)
			return struct{}{}, nil
		})
	}
}

// align returns the names of keys to load, and keys that nobody finds any more.
func (m *Memory) align(project string, ring keyrotation.Ring) (missing []string, gone []*rsakey.Key) {
	m.mu.Lock()
	defer m.mu.Unlock()
	wanted := map[string]bool{}
	for _, k := range ring.Keys {
		if !k.Exportable || k.State != keyrotation.Active && k.State != keyrotation.Registered {
			continue
		}
		wanted[k.StoreName] = true
		if m.keys[k.StoreName] == nil {
			m.keys[k.StoreName] = &memoryKey{project: project, generation: k.Generation, fingerprint: k.Fingerprint}
		}
		if m.keys[k.StoreName].private == nil {
			missing = append(missing, k.StoreName)
		}
	}
	for name, k := range m.keys {
		if k.project == project && !wanted[name] {
			delete(m.keys, name)
			gone = append(gone, k.private)
		}
	}
	return missing, slices.DeleteFunc(gone, func(k *rsakey.Key) bool { return k == nil })
}

// load makes one attempt to get a key. The next view of the ring brings the
// next attempt; until one succeeds the store signs.
func (m *Memory) load(ctx context.Context, name string) {
	private, err := m.export(ctx, name)
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.keys[name]
	switch {
	case k == nil || k.private != nil: // not wanted any more, or here already
		if err == nil {
			private.key.Close()
		}
		return
	case err == nil && private.fingerprint != k.fingerprint:
		private.key.Close()
		err = errors.New("the store has another key under its name")
	}
	if err == nil {
		k.private, k.trouble = private.key, ""
		m.log.Info("signing key loaded into memory", "project", k.project, "generation", k.generation, "library", rsakey.Library)
		return
	}
	if trouble := err.Error(); trouble != k.trouble {
		k.trouble = trouble
		m.log.Warn("signing key not loaded into memory", "project", k.project, "generation", k.generation, "error", trouble)
	}
}

// exported is a private key and its identity.
type exported struct {
	key         *rsakey.Key
	fingerprint string
}

func (m *Memory) export(ctx context.Context, name string) (exported, error) {
	private, err := m.store.Export(ctx, name)
	if err != nil {
		return exported{}, err
	}
	text, err := keyrotation.EncodePublicKey(&private.PublicKey)
	if err != nil {
		rsakey.Wipe(private)
		return exported{}, fmt.Errorf("export: %w", err)
	}
	key, err := rsakey.New(private)
	if err != nil {
		rsakey.Wipe(private)
		return exported{}, fmt.Errorf("export: %w", err)
	}
	return exported{key, keyrotation.Fingerprint(text)}, nil
}
