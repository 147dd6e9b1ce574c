package signer

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"playtoken/keyrotation"
	"playtoken/signer/rsakey"
	"playtoken/store"
)

// exportTimeout bounds one export of a private key.
const exportTimeout = 5 * time.Second

// Exporter exports private keys that were created as exportable.
type Exporter interface {
	// Export returns the named key, which the caller then owns and has to wipe.
	// It refuses a key that is not exportable. Errors: ErrUnavailable,
	// ErrKeyGone. The caller may retry after any error.
	Export(ctx context.Context, storeName string) (crypto.Signer, error)
}

// Store signs with its keys, and exports those that are exportable.
type Store interface {
	PrivateKeys
	Exporter
}

// Memory signs with keys that it exported from the store ahead of time, so that
// minting goes on while the store is unavailable. It holds the active key and the
// standbys of every ring that is read, as far as they are exportable, and wipes a
// key as soon as a ring says that it is neither. The store signs with keys that
// Memory does not hold. It is safe for concurrent use.
type Memory struct {
	store   Store
	log     *slog.Logger
	loads   *flights[string, struct{}]
	workers *rsakey.Workers
	faults  atomic.Uint64

	mu   sync.RWMutex
	keys map[string]*memoryKey // by store name
}

// memoryKey is a key that should be held.
type memoryKey struct {
	project     string
	generation  int
	fingerprint string
	private     heldKey // nil until it is loaded
	failure     string  // of the last attempt to load it
}

var _ PrivateKeys = (*Memory)(nil)

// NewMemory returns a Memory without keys; its ring views load them. Close must be
// called.
func NewMemory(store Store, log *slog.Logger) *Memory {
	m := &Memory{
		store: store,
		log:   log,
		loads: newFlights[string, struct{}](exportTimeout),
		keys:  map[string]*memoryKey{},
	}
	m.workers = rsakey.NewWorkers(rsakey.WorkersConfig{Cores: runtime.GOMAXPROCS(0), Engine: rsakey.FastEngine(), Fault: m.fault})
	return m
}

func (m *Memory) fault(err error) {
	m.faults.Add(1)
	m.log.Error("a signature was computed wrongly, and not released; after three, signatures are made one at a time", "error", err)
}

// Faults is how many signatures were computed wrongly, and not released.
func (m *Memory) Faults() uint64 { return m.faults.Load() }

// Close wipes every key.
func (m *Memory) Close() {
	m.loads.close()
	m.workers.Stop()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range m.keys {
		if k.private != nil {
			k.private.Close()
		}
	}
	clear(m.keys)
}

// Sign implements [PrivateKeys].
func (m *Memory) Sign(ctx context.Context, storeName string, scheme Scheme, input []byte) (Signature, error) {
	private := m.held(storeName)
	if private == nil {
		return m.store.Sign(ctx, storeName, scheme, input)
	}
	signature, err := private.sign(ctx, scheme, input)
	switch {
	case errors.Is(err, rsakey.ErrClosed), errors.Is(err, rsakey.ErrStopped):
		// A newer ring was read; the store knows whether the key may still sign.
		return m.store.Sign(ctx, storeName, scheme, input)
	case err != nil && ctx.Err() != nil:
		return Signature{}, unavailable("sign in memory", context.Cause(ctx))
	}
	return signature, err
}

// Holds reports whether the named key is in memory. It may be gone when it is used.
func (m *Memory) Holds(storeName string) bool { return m.held(storeName) != nil }

// held returns the named key, or nil.
func (m *Memory) held(storeName string) heldKey {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if k := m.keys[storeName]; k != nil {
		return k.private
	}
	return nil
}

// follow updates the held keys after a project's ring was read. When it returns,
// keys that must not be used any more are wiped, and missing ones are being loaded.
func (m *Memory) follow(project string, ring keyrotation.Ring) {
	missing, gone := m.align(project, ring)
	for _, private := range gone {
		private.Close() // waits for signatures in progress
	}
	for _, name := range missing {
		m.loads.start(name, func(ctx context.Context) (struct{}, error) {
			m.load(ctx, name)
			return struct{}{}, nil
		})
	}
}

// align removes keys that the ring does not need, and returns them and the names of
// keys to load.
func (m *Memory) align(project string, ring keyrotation.Ring) (missing []string, gone []heldKey) {
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
	return missing, slices.DeleteFunc(gone, func(k heldKey) bool { return k == nil })
}

// load tries once to export a key. The next view of the ring causes the next
// attempt; until one succeeds the store signs.
func (m *Memory) load(ctx context.Context, name string) {
	private, err := m.export(ctx, name)
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.keys[name]
	switch {
	case k == nil || k.private != nil: // not needed any more, or already loaded
		if err == nil {
			private.key.Close()
		}
		return
	case err == nil && private.fingerprint != k.fingerprint:
		private.key.Close()
		err = errors.New("the store has a different key under this name")
	}
	if err == nil {
		k.private, k.failure = private.key, ""
		m.log.Info("signing key loaded into memory", "project", k.project, "generation", k.generation, "library", rsakey.Library, "eight_at_once", m.workers.Batches(), "kind", private.kind)
		return
	}
	if failure := err.Error(); failure != k.failure {
		k.failure = failure
		m.log.Warn("cannot load a signing key into memory; the store signs with it", "project", k.project, "generation", k.generation, "error", failure)
	}
}

// exported is a private key and its identity.
type exported struct {
	key         heldKey
	kind        store.Kind
	fingerprint string
}

func (m *Memory) export(ctx context.Context, name string) (exported, error) {
	private, err := m.store.Export(ctx, name)
	if err != nil {
		return exported{}, err
	}
	kind, err := store.KindOf(private.Public())
	if err != nil {
		wipe(private)
		return exported{}, fmt.Errorf("export: %w", err)
	}
	text, err := keyrotation.EncodePublicKey(private.Public())
	if err != nil {
		wipe(private)
		return exported{}, fmt.Errorf("export: %w", err)
	}
	key, err := m.hold(private)
	if err != nil {
		wipe(private)
		return exported{}, fmt.Errorf("export: %w", err)
	}
	return exported{key: key, kind: kind, fingerprint: keyrotation.Fingerprint(text)}, nil
}
