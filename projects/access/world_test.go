package access_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"playtoken/projects"
	"playtoken/projects/access"
	"playtoken/secret"
	"playtoken/signer"
	"playtoken/store"
	"playtoken/vaultkeys/vaulttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(vaulttest.Main(m)) }

// errLost is what a caller hears when an answer is lost.
var errLost = fmt.Errorf("lost: %w", store.ErrUnavailable)

// memory is a store in memory whose calls fail in every way there is, with a
// probability of each in percent.
type memory struct {
	mu   sync.Mutex
	docs map[string]store.Document
	late []func() // writes that will land later

	notDone, unheard, happensLate int
	calls                         int
}

func newMemory() *memory { return &memory{docs: map[string]store.Document{}} }

// faulty sets the probabilities; all 0 is calm, and what was late has landed.
func (m *memory) faulty(notDone, unheard, late int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.notDone, m.unheard, m.happensLate = notDone, unheard, late
	m.land()
}

func (m *memory) land() {
	for _, do := range m.late {
		do()
	}
	m.late = nil
}

// call carries out a call, or does not, and tells what is heard of it.
func (m *memory) call(ctx context.Context, do func() error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls++
	if len(m.late) > 0 && rand.N(4) == 0 {
		m.land()
	}
	switch dice := rand.N(100); {
	case dice < m.notDone:
		return errLost
	case dice < m.notDone+m.unheard:
		do()
		return errLost
	case dice < m.notDone+m.unheard+m.happensLate:
		m.late = append(m.late, func() { do() })
		return errLost
	}
	return do()
}

func (m *memory) Read(ctx context.Context, name string) (store.Document, error) {
	var doc store.Document // a read that ends after its caller has gone writes here
	err := m.call(ctx, func() error {
		found, ok := m.docs[name]
		if !ok {
			return store.ErrNotFound
		}
		doc = store.Document{Data: bytes.Clone(found.Data), Version: found.Version}
		return nil
	})
	if err != nil {
		return store.Document{}, err
	}
	return doc, nil
}

func (m *memory) Write(ctx context.Context, name string, data []byte, version int64) (int64, error) {
	data = bytes.Clone(data)
	err := m.call(ctx, func() error {
		if m.docs[name].Version != version {
			return store.ErrConflict
		}
		m.docs[name] = store.Document{Data: data, Version: version + 1}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return version + 1, nil
}

func (m *memory) Delete(ctx context.Context, name string) error {
	return m.call(ctx, func() error { delete(m.docs, name); return nil })
}

// named returns the documents of a kind.
func (m *memory) named(kind string) (found []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, doc := range m.docs {
		if strings.HasPrefix(name, kind+"/") {
			found = append(found, string(doc.Data))
		}
	}
	return found
}

// callers are API keys by value; they stand for a projects.View.
type callers struct {
	mu   sync.Mutex
	keys map[string]projects.APIKey
	err  error
}

const keyID = "api_key_one"

var apiKey = secret.New("pt_api_key_one_canary")

func newCallers() *callers {
	return &callers{keys: map[string]projects.APIKey{
		apiKey.Reveal(): {ID: keyID, ProjectID: "project_a", Scopes: []projects.Scope{"mint", "read"}},
	}}
}

func (c *callers) change(do func(*callers)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	do(c)
}

func (c *callers) Identify(_ context.Context, credential secret.Value) (projects.Caller, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key, ok := c.keys[credential.Reveal()]
	switch {
	case c.err != nil:
		return projects.Caller{}, c.err
	case !ok:
		return projects.Caller{}, projects.ErrUnknownCaller
	}
	return projects.Caller{ID: key.ID, ProjectID: key.ProjectID, Scopes: key.Scopes}, nil
}

func (c *callers) NewestKey(ctx context.Context, id string) (projects.APIKey, error) {
	return c.Key(ctx, id)
}

func (c *callers) Key(_ context.Context, id string) (projects.APIKey, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, key := range c.keys {
		if c.err == nil && key.ID == id {
			return key, nil
		}
	}
	if c.err != nil {
		return projects.APIKey{}, c.err
	}
	return projects.APIKey{}, projects.ErrNotFound
}

// secrets derives what every replica knows.
type secrets struct{ err error }

func (s secrets) Secret(_ context.Context, purpose string) ([]byte, error) {
	return []byte(fmt.Sprintf("%-32.32s", purpose)), s.err
}

// unsigned is a signer for tests that verify no signature.
type unsigned struct{ err error }

func (u unsigned) Sign(_ context.Context, typ string, ttl time.Duration, _ func(issued, expires time.Time) map[string]any) (signer.Token, error) {
	now := time.Now()
	return signer.Token{Value: typ + "-canary", IssuedAt: now, ExpiresAt: now.Add(ttl)}, u.err
}

const viewAge = 15 * time.Second

// replica is one of any number of processes on a store.
func replica(t testing.TB, documents store.Documents, keys access.Keys, sign access.Signer) *access.Access {
	t.Helper()
	a, err := access.New(access.Config{
		Documents: documents, Keys: keys, Secrets: secrets{}, Signer: sign, ViewAge: viewAge, Staleness: time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

// exchange makes tokens; there is no trouble.
func exchange(t testing.TB, a *access.Access) access.Tokens {
	t.Helper()
	got, err := a.Exchange(t.Context(), apiKey)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// refused fails the test unless err says that the caller got it wrong.
func refused(t testing.TB, what string, err error) {
	t.Helper()
	if !errors.Is(err, access.ErrCredentials) || !errors.Is(err, projects.ErrUnknownCaller) || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("%s: %v, want ErrCredentials", what, err)
	}
}
