package filekeys_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"playtoken/filekeys"
	"playtoken/signer"
	"playtoken/store"
)

// lock locks the file as another process would.
func lock(t *testing.T, path string) (unlock func()) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	return func() { f.Close() }
}

// locked runs test in a bubble of its own time while the file is locked.
func locked(t *testing.T, test func(t *testing.T, s *filekeys.Store, key, doc string, unlock func())) {
	outside, path := create(t)
	key, _ := newKey(t, outside)
	doc := newDocument(t, outside, "x")
	synctest.Test(t, func(t *testing.T) {
		unlock := lock(t, path)
		defer unlock()
		test(t, outside.Again(), key, doc, unlock)
	})
}

func TestLockedFileIsUnavailableAfterAWhile(t *testing.T) {
	locked(t, func(t *testing.T, s *filekeys.Store, key, doc string, _ func()) {
		start := time.Now()
		_, err := s.Read(t.Context(), doc)
		if !errors.Is(err, store.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Read: %v, want ErrUnavailable and nothing about the caller's deadline", err)
		}
		if _, err := s.Write(t.Context(), doc, nil, 1); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Write: %v", err)
		}
		if _, err := s.Sign(t.Context(), key, signer.RS256, make([]byte, 32)); !errors.Is(err, signer.ErrUnavailable) {
			t.Errorf("Sign: %v", err)
		}
		if waited := time.Since(start); waited < 30*time.Second || waited > 31*time.Second {
			t.Errorf("three calls waited %s, want 10s each", waited)
		}
	})
}

func TestWaitersDoNotQueueUpTheirPatience(t *testing.T) {
	locked(t, func(t *testing.T, s *filekeys.Store, _, doc string, _ func()) {
		start := time.Now()
		done := make(chan error)
		for range 20 {
			go func() { _, err := s.Read(t.Context(), doc); done <- err }()
		}
		for range 20 {
			if err := <-done; !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("Read: %v", err)
			}
		}
		if waited := time.Since(start); waited > 11*time.Second {
			t.Errorf("twenty calls at once waited %s, want 10s together", waited)
		}
	})
}

func TestDeadlineEndsTheWait(t *testing.T) {
	locked(t, func(t *testing.T, s *filekeys.Store, key, _ string, _ func()) {
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := s.Sign(ctx, key, signer.RS256, make([]byte, 32))
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, signer.ErrUnavailable) {
			t.Errorf("Sign: %v, want DeadlineExceeded and ErrUnavailable", err)
		}
		if waited := time.Since(start); waited != time.Second {
			t.Errorf("waited %s, want 1s", waited)
		}
	})
}

func TestUnlockedFileIsUsedAtOnce(t *testing.T) {
	locked(t, func(t *testing.T, s *filekeys.Store, _, doc string, unlock func()) {
		start := time.Now()
		time.AfterFunc(5*time.Second, unlock)
		if _, err := s.Read(t.Context(), doc); err != nil {
			t.Error(err)
		}
		if waited := time.Since(start); waited > 5*time.Second+2*time.Millisecond {
			t.Errorf("waited %s for a lock that was held for 5s", waited)
		}
	})
}

// TestDestroyOutlivesItsCaller: a key is destroyed even if its caller gives up.
func TestDestroyOutlivesItsCaller(t *testing.T) {
	locked(t, func(t *testing.T, s *filekeys.Store, key, _ string, unlock func()) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		time.AfterFunc(5*time.Second, unlock)
		if err := s.Destroy(ctx, key); err != nil {
			t.Errorf("Destroy: %v", err)
		}
		if _, err := s.Sign(t.Context(), key, signer.RS256, make([]byte, 32)); !errors.Is(err, signer.ErrKeyGone) {
			t.Errorf("Sign: %v, want ErrKeyGone", err)
		}
	})
}
