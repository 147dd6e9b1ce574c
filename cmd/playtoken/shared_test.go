package main

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"

	"playtoken/keyrotation"
	"playtoken/platforms"
	"playtoken/platforms/all"
	"playtoken/projects"
	"playtoken/secret"
)

// Any project may ask whose a key is, as often as its limit allows, and there
// may be thousands of rings.
func TestAllRingsAreReadOnceAtATime(t *testing.T) {
	t.Parallel()
	p, counter := counted(t, newWorld(t).environ)
	ask := func() (map[string]string, error) {
		return p.elsewhere(t.Context(), []keyrotation.PlatformKey{{ID: "unknown"}})
	}
	one := counter.during(func() {
		if of, err := ask(); err != nil || len(of) != 0 {
			t.Fatalf("of nobody: %v, %v", of, err)
		}
	})
	again := counter.during(func() { ask() })
	if one == 0 || again != one {
		t.Errorf("%d reads, and then %d: every question that is alone wants a reading of its own", one, again)
	}
	p.held.turn <- struct{}{} // a reading is under way
	hasty, leave := context.WithCancel(t.Context())
	leave()
	if _, err := p.elsewhere(hasty, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("beside another reading: %v", err)
	}
}

func TestOneReadingAnswersAllWhoWaitedForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held, began := newReadings(), 0
		read := func(ctx context.Context) (holders, error) {
			began++
			time.Sleep(time.Second)
			return holders{}, ctx.Err()
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

// The error of somebody who hung up is not the others'.
func TestAReadingThatFailsIsTriedAgainByTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held, failed := newReadings(), errors.New("failed")
		var all errgroup.Group
		turn := 0
		for range 3 {
			all.Go(func() error {
				_, err := held.get(t.Context(), func(context.Context) (holders, error) {
					turn++
					time.Sleep(time.Second)
					if turn == 2 {
						return holders{}, failed
					}
					return holders{}, nil
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

func TestWorksThatNobodyUsesAreLetGoOf(t *testing.T) {
	t.Parallel()
	p, project := newParts(t)
	opened, err := p.workshop.of(t.Context(), project.ID)
	if err != nil {
		t.Fatal(err)
	}
	idle, now := int64(p.workshop.idle()/time.Second), time.Now().Unix()
	for _, c := range []struct {
		name  string
		now   int64
		there bool
	}{
		{"in use", now, true},
		{"just not idle for long enough", now + idle, true},
		{"too soon after the last look", now + idle + 1, true},
		{"idle", now + idle + int64(sweepEvery/time.Second), false},
	} {
		p.workshop.mu.Lock()
		p.workshop.closeIdle(c.now)
		p.workshop.mu.Unlock()
		if kept, there := p.workshop.open[project.ID]; there != c.there || there && kept != opened {
			t.Errorf("%s: there %t", c.name, there)
		}
		if _, there := p.workshop.open[projects.Default]; !there {
			t.Errorf("%s: the project default is gone", c.name)
		}
	}
}

// Every answer about a project opens its account.
func TestOpeningAnAccountLeavesNothingBehind(t *testing.T) {
	p, _ := newParts(t)
	before := goleak.IgnoreCurrent()
	for name, account := range accounts {
		can, err := p.capabilities(t.Context(), account)
		if err != nil || !can.Mints {
			t.Errorf("%s: %+v, %v", name, can, err)
		}
	}
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
}

// accounts are one of each sort.
var accounts = map[string]projects.Project{
	"vidbeo":           {Platform: "vidbeo", Credential: credentials("api_key")},
	"jwplayer":         {Platform: "jwplayer", Credential: credentials("signing_secret", "api_secret"), Settings: map[string]string{"site_id": "abcdEFGH"}},
	"apivideo, given":  {Platform: "apivideo", Credential: credentials("api_key")},
	"apivideo, issued": {Platform: "apivideo", Credential: credentials("admin_key"), Settings: map[string]string{"project_id": "project_theirs"}},
}

func credentials(names ...string) map[string]secret.Value {
	all := map[string]secret.Value{}
	for _, name := range names {
		all[name] = secret.New("a-credential-for-tests-0123456789")
	}
	return all
}

func BenchmarkCapabilities(b *testing.B) {
	p := &parts{kinds: all.Kinds()}
	for name, account := range accounts {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var can platforms.Capabilities
			for b.Loop() {
				can, _ = p.capabilities(b.Context(), account)
			}
			_ = can
		})
	}
}
