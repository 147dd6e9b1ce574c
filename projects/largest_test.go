package projects_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"playtoken/store"
)

// measured are documents of which the longest of each kind is known.
type measured struct {
	documents store.Documents
	mu        sync.Mutex
	longest   map[string]int // by the first part of the name
}

func (m *measured) Read(ctx context.Context, name string) (store.Document, error) {
	return m.documents.Read(ctx, name)
}

func (m *measured) Delete(ctx context.Context, name string) error {
	return m.documents.Delete(ctx, name)
}

func (m *measured) Write(ctx context.Context, name string, data []byte, version int64) (int64, error) {
	kind, _, _ := strings.Cut(name, "/")
	m.mu.Lock()
	m.longest[kind] = max(m.longest[kind], len(data))
	m.mu.Unlock()
	return m.documents.Write(ctx, name, data, version)
}

// TestTenThousandProjectsStayFarBelowWhatAStoreTakes: with the longest names, in the
// characters that take most room. A store takes documents of 512 KiB.
func TestTenThousandProjectsStayFarBelowWhatAStoreTakes(t *testing.T) {
	if testing.Short() {
		t.Skip("makes ten thousand projects")
	}
	docs := &measured{documents: newDocuments(), longest: map[string]int{}}
	s := newStore(docs)
	for i := range 10_000 {
		create(t, s, fmt.Sprintf("%s %05d", strings.Repeat("\U00010400", 44), i))
	}
	t.Logf("longest documents, in bytes: %v", docs.longest)
	if longest := docs.longest["index"]; longest == 0 || longest > 200<<10 {
		t.Errorf("the list of 10,000 projects: got a document of %d bytes, want 200 KiB at most", longest)
	}
}
