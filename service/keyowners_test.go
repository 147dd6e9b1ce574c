package service

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"playtoken/keyrotation"
	"playtoken/platforms/standin"
	"playtoken/store/storetest"
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

// TestALookReadsNoRingForAKeyWhoseOwnerIsKnown: where projects share an account, each
// look shows the keys of all.
func TestALookReadsNoRingForAKeyWhoseOwnerIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reads, documents, public := 0, storetest.NewMemory(), standin.PublicKey(1)
		ring := keyrotation.Ring{Project: "project_b", Keys: []keyrotation.Key{{Generation: 1, State: keyrotation.Active, StoreName: "k1", KeyID: "known", PublicKey: public, Fingerprint: keyrotation.Fingerprint(public)}}}
		text, err := ring.Encode()
		if err == nil {
			_, err = documents.Write(t.Context(), keyrotation.RingName(ring.Project), text, 0)
		}
		if err != nil {
			t.Fatal(err)
		}
		owners := &keyOwners{documents: documents, reads: newSharedRead(), ids: func(context.Context) ([]string, error) {
			reads++
			return []string{ring.Project}, nil
		}}
		look := func(when string, want int, ids ...string) {
			t.Helper()
			before := reads
			var shown []keyrotation.PlatformKey
			for _, id := range ids {
				shown = append(shown, keyrotation.PlatformKey{ID: id})
			}
			of, err := owners.ofLook(t.Context(), shown)
			if err != nil || of["known"] != ring.Project || reads-before != want {
				t.Errorf("%s: got the owners %v, %v, after %d reads of all rings, want %s after %d", when, of, err, reads-before, ring.Project, want)
			}
		}
		look("at first", 1, "known")
		look("again", 0, "known")
		look("beside an unknown key", 1, "known", "unknown")
		time.Sleep(ownersAge)
		look("later", 1, "known")
	})
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
