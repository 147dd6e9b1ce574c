// Package storetest has the tests that every store of keys and documents has to
// pass.
//
// The decision a newcomer would get wrong: the tests do not need an empty store.
// Every name they use is random, so they also run against a store that is in
// use, and every handle they open is on the same data.
package storetest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"playtoken/signer"
	"playtoken/store"
)

// Store is all that playtoken needs of a store.
type Store interface {
	store.Documents
	store.PrivateKeys
	signer.PrivateKeys

	// Now is the store's own clock, to the second.
	Now(ctx context.Context) (time.Time, error)
}

// Run tests a store. Every call of open returns another handle on the same
// store, as another process would have it, and releases it with t.Cleanup, after
// which no goroutine of the handle may be running. Run destroys the keys that it
// made; its documents stay.
func Run(t *testing.T, open func(t *testing.T) Store) {
	RunDocuments(t, func(t *testing.T) store.Documents { return open(t) })
	for _, promise := range []struct {
		name string
		test func(*testing.T, func(*testing.T) Store)
	}{
		{"CreatingTwiceMakesOneKey", creatingTwiceMakesOneKey},
		{"CreatingAtOnceMakesOneKey", creatingAtOnceMakesOneKey},
		{"UnusableSpecMakesNoKey", unusableSpecMakesNoKey},
		{"UnknownKeyIsNotFound", unknownKeyIsNotFound},
		{"SignaturesVerify", signaturesVerify},
		{"EachSignatureIsOfItsOwnInput", eachSignatureIsOfItsOwnInput},
		{"DestroyedKeySignsNowhere", destroyedKeySignsNowhere},
		{"DestroyedKeyNeverComesBack", destroyedKeyNeverComesBack},
		{"BadKeyNamesAreRefused", badKeyNamesAreRefused},
		{"CancelledCallsSaySo", cancelledCallsSaySo},
		{"ClockTellsTheTime", clockTellsTheTime},
		{"NothingIsLeftRunning", nothingIsLeftRunning},
	} {
		t.Run(promise.name, func(t *testing.T) { promise.test(t, open) })
	}
}

// RunDocuments tests a store of documents alone, with handles as for Run. Where
// only one process can have the store open, open may return the same handle.
func RunDocuments(t *testing.T, open func(t *testing.T) store.Documents) {
	for _, promise := range []struct {
		name string
		test func(*testing.T, func(*testing.T) store.Documents)
	}{
		{"DocumentsComeBackAsWritten", documentsComeBackAsWritten},
		{"ConflictWritesNothing", conflictWritesNothing},
		{"EveryHandleReadsTheNewest", everyHandleReadsTheNewest},
		{"WritersLoseNoUpdate", writersLoseNoUpdate},
		{"InterruptedWriteIsOldOrNew", interruptedWriteIsOldOrNew},
		{"DeletedDocumentIsGoneForEveryHandle", deletedDocumentIsGoneForEveryHandle},
		{"DeletedDocumentIsNotWrittenTo", deletedDocumentIsNotWrittenTo},
		{"InterruptedDeleteIsAllOrNothing", interruptedDeleteIsAllOrNothing},
		{"BadDocumentNamesAreRefused", badDocumentNamesAreRefused},
		{"CancelledDocumentCallsSaySo", cancelledDocumentCallsSaySo},
	} {
		t.Run(promise.name, func(t *testing.T) { promise.test(t, open) })
	}
}

// ID returns a new name for a key or, after a kind and a slash, for a document.
func ID() string {
	var b [10]byte
	rand.Read(b[:]) // never fails
	return "test_" + hex.EncodeToString(b[:])
}

// newKey returns the name of a key that exists until the test ends.
func newKey(t *testing.T, s Store, spec store.KeySpec) (string, store.KeyInfo) {
	t.Helper()
	name := ID()
	stored, err := s.Create(t.Context(), name, spec)
	if err != nil {
		t.Fatalf("Create: %v", err)
	}
	destroyLater(t, s, name)
	return name, stored
}

func destroyLater(t *testing.T, s Store, name string) {
	t.Cleanup(func() {
		if err := s.Destroy(context.Background(), name); err != nil {
			t.Errorf("Destroy at the end: %v", err)
		}
	})
}

// want fails the test unless err is target.
func want(t *testing.T, what string, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("%s: error %v, want %v", what, err, target)
	}
}

// cancelledCallsSaySo: a cancelled call tells nothing about the store; least of
// all that a key or document does not exist.
func cancelledCallsSaySo(t *testing.T, open func(*testing.T) Store) {
	s := open(t)
	name, _ := newKey(t, s, store.KeySpec{Kind: store.RSA2048})
	cancelled(t, map[string]func(context.Context) error{
		"Create": func(ctx context.Context) error {
			_, err := s.Create(ctx, name, store.KeySpec{Kind: store.RSA2048})
			return err
		},
		"Describe": func(ctx context.Context) error { _, err := s.Describe(ctx, name); return err },
		"Sign": func(ctx context.Context) error {
			_, err := s.Sign(ctx, name, signer.RS256, make([]byte, 32))
			return err
		},
	})
	destroyCancelled(t, s, name)
}

func cancelledDocumentCallsSaySo(t *testing.T, open func(*testing.T) store.Documents) {
	s := open(t)
	doc, gone := "test/"+ID(), "test/"+ID()
	if _, err := s.Write(t.Context(), doc, []byte("{}"), 0); err != nil {
		t.Fatal(err)
	}
	cancelled(t, map[string]func(context.Context) error{
		"Read":   func(ctx context.Context) error { _, err := s.Read(ctx, doc); return err },
		"Write":  func(ctx context.Context) error { _, err := s.Write(ctx, doc, []byte("{}"), 1); return err },
		"Delete": func(ctx context.Context) error { return s.Delete(ctx, gone) },
	})
}

// cancelled makes each call with a cancelled context, then with a good one.
func cancelled(t *testing.T, calls map[string]func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for what, call := range calls {
		err := call(ctx)
		want(t, what, err, context.Canceled)
		for _, verdict := range []error{store.ErrNotFound, store.ErrConflict, signer.ErrKeyGone} {
			if errors.Is(err, verdict) {
				t.Errorf("%s, cancelled: got the error %v, want none that is about the store", what, verdict)
			}
		}
		if err := call(t.Context()); err != nil && !errors.Is(err, store.ErrConflict) {
			t.Errorf("%s afterwards: %v", what, err)
		}
	}
}

// destroyCancelled: a store may refuse to begin for a cancelled context; if it
// returns nil, the key is gone.
func destroyCancelled(t *testing.T, s Store, name string) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Destroy(ctx, name); err != nil {
		want(t, "Destroy, cancelled", err, context.Canceled)
		return
	}
	_, err := s.Describe(t.Context(), name)
	want(t, "Describe after a cancelled Destroy that succeeded", err, store.ErrNotFound)
}

func clockTellsTheTime(t *testing.T, open func(*testing.T) Store) {
	now, err := open(t).Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if off := time.Since(now).Abs(); off > time.Minute {
		t.Errorf("the store's clock differs by %s, want at most a minute", off)
	}
}

// nothingIsLeftRunning runs last, so that goroutines that open starts only once
// are running already.
func nothingIsLeftRunning(t *testing.T, open func(*testing.T) Store) {
	before := goleak.IgnoreCurrent()
	t.Run("use", func(t *testing.T) {
		s := open(t)
		name, _ := newKey(t, s, store.KeySpec{Kind: store.RSA2048})
		for range 3 {
			if _, err := s.Sign(t.Context(), name, signer.RS256, make([]byte, 32)); err != nil {
				t.Error(err)
			}
		}
		if _, err := s.Write(t.Context(), "test/"+ID(), nil, 0); err != nil {
			t.Error(err)
		}
	})
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
}
