package storetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"playtoken/store"
)

func documentsComeBackAsWritten(t *testing.T, open func(*testing.T) store.Documents) {
	s := open(t)
	binary := make([]byte, 1024)
	rand.Read(binary)
	for what, data := range map[string][]byte{
		"JSON":         []byte("{\"a\":\"<b>&\u2028\\u0000\"}\n"),
		"empty":        {},
		"bytes":        binary,
		"forty KB":     []byte(`{"x":"` + strings.Repeat("0123456789", 4096) + `"}`),
		"not in UTF-8": {0xff, 0xfe, 0, '"', '\\'},
	} {
		name, handed := "test/"+ID(), bytes.Clone(data)
		version, err := s.Write(t.Context(), name, handed, 0)
		if err != nil || version <= 0 {
			t.Fatalf("%s: Write = %d, %v", what, version, err)
		}
		for i := range handed {
			handed[i] = 'x' // the caller may reuse it
		}
		for range 2 {
			doc, err := s.Read(t.Context(), name)
			if err != nil || doc.Version != version || !bytes.Equal(doc.Data, data) {
				t.Errorf("%s: Read = version %d, %d bytes, %v; want version %d, the %d bytes written",
					what, doc.Version, len(doc.Data), err, version, len(data))
			}
			for i := range doc.Data {
				doc.Data[i] = 'y' // and what it read
			}
		}
	}
}

func conflictWritesNothing(t *testing.T, open func(*testing.T) store.Documents) {
	s, name := open(t), "test/"+ID()
	_, err := s.Read(t.Context(), name)
	want(t, "Read before the first Write", err, store.ErrNotFound)
	_, err = s.Write(t.Context(), name, []byte("no"), 7)
	want(t, "Write of version 7 of a document that does not exist", err, store.ErrConflict)
	_, err = s.Read(t.Context(), name)
	want(t, "Read after a conflict", err, store.ErrNotFound)

	var last int64
	for i := range 3 {
		text := strconv.Itoa(i)
		version, err := s.Write(t.Context(), name, []byte(text), last)
		if err != nil || version <= last {
			t.Fatalf("Write of version %d = %d, %v", last, version, err)
		}
		for _, stale := range []int64{0, last, version + 1} {
			got, err := s.Write(t.Context(), name, []byte("no"), stale)
			want(t, fmt.Sprintf("Write of version %d over version %d", stale, version), err, store.ErrConflict)
			if got != 0 {
				t.Errorf("Write after a conflict = %d, want 0", got)
			}
		}
		last = version
		doc, err := s.Read(t.Context(), name)
		if err != nil || string(doc.Data) != text || doc.Version != version {
			t.Errorf("Read = %q, version %d, %v; want %q, version %d", doc.Data, doc.Version, err, text, version)
		}
	}
}

func everyHandleReadsTheNewest(t *testing.T, open func(*testing.T) store.Documents) {
	handles := []store.Documents{open(t), open(t)}
	name, version := "test/"+ID(), int64(0)
	for i := range 10 {
		text := strconv.Itoa(i)
		v, err := handles[i%2].Write(t.Context(), name, []byte(text), version)
		if err != nil {
			t.Fatal(err)
		}
		version = v
		for _, s := range handles {
			if doc, err := s.Read(t.Context(), name); err != nil || string(doc.Data) != text || doc.Version != version {
				t.Errorf("Read = %q, version %d, %v; want %q, version %d", doc.Data, doc.Version, err, text, version)
			}
		}
	}
}

const writers = 50

func writersLoseNoUpdate(t *testing.T, open func(*testing.T) store.Documents) {
	handles := []store.Documents{open(t), open(t)}
	name := "test/" + ID()
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			if err := add(t.Context(), handles[i%2], name); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n, _, err := count(t.Context(), handles[0], name); err != nil || n != writers {
		t.Errorf("got %d of %d updates (%v), want all", n, writers, err)
	}
}

// add adds one to the number in a document.
func add(ctx context.Context, s store.Documents, name string) error {
	for {
		n, version, err := count(ctx, s, name)
		if err != nil {
			return err
		}
		_, err = s.Write(ctx, name, []byte(strconv.Itoa(n+1)), version)
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

func count(ctx context.Context, s store.Documents, name string) (n int, version int64, err error) {
	doc, err := s.Read(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	n, err = strconv.Atoi(string(doc.Data))
	return n, doc.Version, err
}

// interruptedWriteIsOldOrNew cancels writes at many moments.
func interruptedWriteIsOldOrNew(t *testing.T, open func(*testing.T) store.Documents) {
	s, name := open(t), "test/"+ID()
	version, err := s.Write(t.Context(), name, []byte("0"), 0)
	if err != nil {
		t.Fatal(err)
	}
	old := "0"
	for i := 1; i <= 30; i++ {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*100*time.Microsecond)
		text := strconv.Itoa(i)
		written, err := s.Write(ctx, name, []byte(text), version)
		cancel()
		doc, readErr := s.Read(t.Context(), name)
		if readErr != nil {
			t.Fatal(readErr)
		}
		happened := string(doc.Data) == text && doc.Version > version
		if nothing := string(doc.Data) == old && doc.Version == version; happened == nothing {
			t.Errorf("after an interrupted write of %q over %q: got %q, version %d then %d; want the old document or the new one", text, old, doc.Data, version, doc.Version)
		}
		if err == nil && (!happened || written != doc.Version) {
			t.Errorf("Write = %d, want version %d, which was read", written, doc.Version)
		}
		old, version = string(doc.Data), doc.Version
	}
}
