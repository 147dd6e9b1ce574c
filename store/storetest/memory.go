package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync"

	"playtoken/store"
)

// Fault is what goes wrong with a call.
type Fault int

// The faults. The caller cannot tell one from the other.
const (
	Fine    Fault = iota
	NotDone       // the call did not happen
	Unheard       // it happened, but its answer was lost
)

// Memory is a store of documents in memory, shared by all who hold it.
type Memory struct {
	mu    sync.Mutex
	docs  map[string]store.Document
	fault func(call string) Fault
	calls map[string]int
}

// NewMemory returns an empty store.
func NewMemory() *Memory {
	return &Memory{docs: map[string]store.Document{}, calls: map[string]int{}}
}

// Break makes fault decide about every call, "read", "write" or "delete", from
// here on. Nil: all is fine. Calls wait for each other, also in fault.
func (m *Memory) Break(fault func(call string) Fault) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault = fault
}

// Away breaks every call.
func Away(string) Fault { return NotDone }

// Calls returns how often a call was made.
func (m *Memory) Calls(call string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls[call]
}

var errLost = fmt.Errorf("lost: %w", store.ErrUnavailable)

var memoryName = regexp.MustCompile(`^[a-z]+/[a-z0-9_]{7,40}$`)

func (m *Memory) do(ctx context.Context, call, name string, act func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !memoryName.MatchString(name) {
		return errors.New("not a valid name of a document")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls[call]++
	fault := Fine
	if m.fault != nil {
		fault = m.fault(call)
	}
	if fault == NotDone {
		return errLost
	}
	err := act()
	if fault == Unheard {
		return errLost
	}
	return err
}

// Read implements store.Documents.
func (m *Memory) Read(ctx context.Context, name string) (doc store.Document, err error) {
	err = m.do(ctx, "read", name, func() error {
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

// Write implements store.Documents.
func (m *Memory) Write(ctx context.Context, name string, data []byte, version int64) (int64, error) {
	err := m.do(ctx, "write", name, func() error {
		if m.docs[name].Version != version {
			return store.ErrConflict
		}
		m.docs[name] = store.Document{Data: bytes.Clone(data), Version: version + 1}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return version + 1, nil
}

// Delete implements store.Documents.
func (m *Memory) Delete(ctx context.Context, name string) error {
	return m.do(ctx, "delete", name, func() error {
		delete(m.docs, name)
		return nil
	})
}
