package service

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"playtoken/keyrotation"
)

// Any project may ask whose a key is, as often as its limit allows, and there
// may be thousands of rings.
func TestAllRingsAreReadOnceAtATime(t *testing.T) {
	s, counter := counted(t, environ(t, startGate(t)))
	ask := func() (map[string]string, error) {
		return s.owners.among(t.Context(), []keyrotation.PlatformKey{{ID: "unknown"}})
	}
	one := counter.during(func() {
		if of, err := ask(); err != nil || len(of) != 0 {
			t.Fatalf("owners of an unknown key = %v, %v; want none", of, err)
		}
	})
	again := counter.during(func() { ask() })
	if one == 0 || again != one {
		t.Errorf("%d reads, and then %d: every question that is alone wants a reading of its own", one, again)
	}
	s.owners.reads.turn <- struct{}{} // a reading is under way
	hasty, leave := context.WithCancel(t.Context())
	leave()
	if _, err := s.owners.among(hasty, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("beside another reading: %v", err)
	}
}

func TestOneReadingAnswersAllWhoWaitedForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held, began := newSharedRead(), 0
		read := func(ctx context.Context) (Owners, error) {
			began++
			time.Sleep(time.Second)
			return Owners{}, ctx.Err()
		}
		var all errgroup.Group
		ask := func(ctx context.Context, want error) {
			all.Go(func() error {
				if _, err := held.get(ctx, read); !errors.Is(err, want) {
					t.Errorf("got %v, want %v", err, want)
				}
				return nil
			})
			synctest.Wait()
		}
		ask(t.Context(), nil) // reads
		for range 50 {
			ask(t.Context(), nil)
		}
		hasty, leave := context.WithCancel(t.Context())
		ask(hasty, context.Canceled)
		leave()
		all.Wait()
		if began != 2 {
			t.Errorf("%d readings, want the one that was under way and one for all others", began)
		}
	})
}

// The error of a caller that hung up is not that of the others.
func TestAReadingThatFailsIsTriedAgainByTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held, failed := newSharedRead(), errors.New("failed")
		var all errgroup.Group
		turn := 0
		for range 3 {
			all.Go(func() error {
				_, err := held.get(t.Context(), func(context.Context) (Owners, error) {
					turn++
					time.Sleep(time.Second)
					if turn == 2 {
						return Owners{}, failed
					}
					return Owners{}, nil
				})
				return err
			})
			synctest.Wait()
		}
		if err := all.Wait(); !errors.Is(err, failed) || turn != 3 {
			t.Errorf("%v after %d readings, want one failure and three readings", err, turn)
		}
	})
}
