package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"playtoken/store"
)

func deletedDocumentIsGoneForEveryHandle(t *testing.T, open func(*testing.T) store.Documents) {
	handles := []store.Documents{open(t), open(t)}
	name, neighbour := "test/"+ID(), "test/"+ID()
	var version int64
	for range 3 { // overwritten versions must not come back either
		v, err := handles[0].Write(t.Context(), name, []byte("{}"), version)
		if err != nil {
			t.Fatal(err)
		}
		version = v
	}
	if _, err := handles[0].Write(t.Context(), neighbour, []byte("mine"), 0); err != nil {
		t.Fatal(err)
	}
	for _, deletes := range []store.Documents{handles[1], handles[0], handles[1]} {
		if err := deletes.Delete(t.Context(), name); err != nil {
			t.Errorf("Delete: %v", err)
		}
		for _, s := range handles {
			_, err := s.Read(t.Context(), name)
			want(t, "Read after Delete", err, store.ErrNotFound)
		}
	}
	if doc, err := handles[1].Read(t.Context(), neighbour); err != nil || string(doc.Data) != "mine" {
		t.Errorf("got %q, %v of another document, want it untouched", doc.Data, err)
	}
}

// deletedDocumentIsNotWrittenTo: a process that read a document before it was
// deleted cannot bring it back, and a new document starts at the first version.
func deletedDocumentIsNotWrittenTo(t *testing.T, open func(*testing.T) store.Documents) {
	handles := []store.Documents{open(t), open(t)}
	name := "test/" + ID()
	old, err := handles[0].Write(t.Context(), name, []byte("old"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := handles[1].Delete(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	for _, s := range handles {
		_, err := s.Write(t.Context(), name, []byte("no"), old)
		want(t, "Write of the old version after Delete", err, store.ErrConflict)
		_, err = s.Read(t.Context(), name)
		want(t, "Read after that", err, store.ErrNotFound)
	}
	version, err := handles[0].Write(t.Context(), name, []byte("new"), 0)
	if err != nil || version <= 0 {
		t.Fatalf("Write of a new document: version %d, %v", version, err)
	}
	if doc, err := handles[1].Read(t.Context(), name); err != nil || string(doc.Data) != "new" || doc.Version != version {
		t.Errorf("Read = %q, version %d, %v; want the new document, version %d", doc.Data, doc.Version, err, version)
	}
	_, err = handles[1].Write(t.Context(), name, []byte("no"), 0)
	want(t, "Write of another new document", err, store.ErrConflict)
}

// interruptedDeleteIsAllOrNothing cancels deletions at many moments.
func interruptedDeleteIsAllOrNothing(t *testing.T, open func(*testing.T) store.Documents) {
	s := open(t)
	for i := range 30 {
		name := "test/" + ID()
		version, err := s.Write(t.Context(), name, []byte("whole"), 0)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*100*time.Microsecond)
		deleted := s.Delete(ctx, name)
		cancel()
		doc, err := s.Read(t.Context(), name)
		gone := errors.Is(err, store.ErrNotFound)
		if whole := err == nil && string(doc.Data) == "whole" && doc.Version == version; gone == whole {
			t.Errorf("after an interrupted Delete: got %q, version %d, %v; want the whole document or store.ErrNotFound", doc.Data, doc.Version, err)
		}
		if deleted == nil && !gone {
			t.Error("Delete returned nil, and the document was read afterwards")
		}
		if err := s.Delete(t.Context(), name); err != nil {
			t.Errorf("Delete again: %v", err)
		}
		_, err = s.Read(t.Context(), name)
		want(t, "Read after Delete", err, store.ErrNotFound)
	}
}
