package service

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestReadinessCostsTheStoreOneReadASecond: clients without a credential may ask
// as often as they like.
func TestReadinessCostsTheStoreOneReadASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reads int
		down := errors.New("the store is down")
		var now error
		examine := func(context.Context) error { reads++; time.Sleep(10 * time.Millisecond); return now }
		r := newReadiness()
		var all sync.WaitGroup
		for range 1_000 {
			all.Go(func() {
				if err := r.get(t.Context(), examine); err != nil {
					t.Errorf("ready: got %v, want no error", err)
				}
			})
		}
		all.Wait()
		if reads != 1 {
			t.Errorf("1000 clients at once: got %d reads of the store, want 1", reads)
		}
		now = down
		time.Sleep(readinessAge)
		for range 10 {
			if err := r.get(t.Context(), examine); !errors.Is(err, down) {
				t.Errorf("after a second: got %v, want %v", err, down)
			}
		}
		if reads != 2 {
			t.Errorf("ten clients a second later: got %d reads in all, want 2", reads)
		}
	})
}

// TestAClientThatLeavesDecidesNothing: its examination was cut off, which says
// nothing about the store.
func TestAClientThatLeavesDecidesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReadiness()
		hang := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		leaving, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var first error
		done := make(chan struct{})
		go func() { defer close(done); first = r.get(leaving, hang) }()
		synctest.Wait()
		other, stop := context.WithTimeout(t.Context(), time.Millisecond)
		defer stop()
		if err := r.get(other, hang); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("client that waits for its turn: got %v, want context.DeadlineExceeded", err)
		}
		<-done
		if !errors.Is(first, context.DeadlineExceeded) {
			t.Errorf("client that leaves: got %v, want context.DeadlineExceeded", first)
		}
		if err := r.get(t.Context(), func(context.Context) error { return nil }); err != nil {
			t.Errorf("the next client: got %v, want no error", err)
		}
	})
}
