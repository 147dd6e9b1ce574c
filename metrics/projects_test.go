package metrics_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/keyrotation"
	"playtoken/metrics"
	"playtoken/signer"
)

// crowd is a service with many projects, whose rings are all well.
type crowd struct {
	*metrics.Service
	rotations []*rotation
	minters   []signer.Minter
}

func project(i int) string { return fmt.Sprintf("project_%03d", i) }

func newCrowd(t *testing.T, projects int) *crowd {
	c := &crowd{Service: newService(t)}
	for i := range projects {
		r := &rotation{ring: someRing()}
		c.rotations = append(c.rotations, r)
		c.Watch(project(i), r)
		c.minters = append(c.minters, c.Minter(project(i), everything{}))
	}
	return c
}

func (c *crowd) mint(t *testing.T, i, n int) {
	t.Helper()
	for range n {
		if _, err := c.minters[i].Mint(t.Context(), signer.Request{}); err != nil {
			t.Fatal(err)
		}
	}
}

// has reports whether a project has series of its own.
func (e exposition) has(i int) bool {
	_, there := e.value("playtoken_signing_keys", project(i), "active")
	return there
}

func TestAFewProjectsAllHaveSeriesOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, 200)
		e := scrape(t, c)
		for i := range 200 {
			if !e.has(i) {
				t.Errorf("got no series of %s, want one", project(i))
			}
			e.shows(t, 0, "playtoken_tokens_minted_total", project(i))
			e.shows(t, 0, "playtoken_rotation_runs_total", project(i), "failed")
		}
		for _, state := range []string{"well", "troubled", "unread"} {
			e.shows(t, 0, "playtoken_projects_not_shown", state)
		}
	})
}

func TestTheRestOfManyProjectsIsCountedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, 250)
		for i := range 250 {
			c.mint(t, i, 1)
			c.Refused(project(i), "forbidden")
		}
		scrape(t, c) // reads the rings
		e := scrape(t, c)
		e.shows(t, 1, "playtoken_tokens_minted_total", project(199))
		e.shows(t, 50, "playtoken_tokens_minted_total", "others")
		e.shows(t, 50, "playtoken_tokens_refused_total", "others", "forbidden")
		e.shows(t, 50, "playtoken_projects_not_shown", "well")
		if e.has(200) {
			t.Error("the 201st project has series of its own, want none")
		}
	})
}

func TestAProjectInTroubleIsShown(t *testing.T) {
	for name, trouble := range map[string]func(*crowd, int){
		"its rotation fails here": func(c *crowd, i int) { c.Ran(project(i), keyrotation.RunFailed) },
		"no key signs": func(c *crowd, i int) {
			c.rotations[i].set(func(r *rotation) { r.ring.Keys = nil; r.ring.LastRun.Outcome = keyrotation.RunBlocked })
		},
		"it is overdue": func(c *crowd, i int) { c.rotations[i].set(func(r *rotation) { r.overdue = true }) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCrowd(t, 220)
				scrape(t, c)
				trouble(c, 210)
				time.Sleep(6 * time.Minute)
				scrape(t, c) // looks at rings of projects that have no series
				scrape(t, c) // reads the ring of the one that got series
				if e := scrape(t, c); !e.has(210) {
					t.Error("the project in trouble has no series of its own, want them")
				} else {
					e.shows(t, 19, "playtoken_projects_not_shown", "well") // the one that gave its place up is still shown
				}
			})
		})
	}
}

func TestMoreProjectsInTroubleThanPlacesAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, 230)
		for i := range 230 {
			c.Ran(project(i), keyrotation.RunFailed)
		}
		scrape(t, c).shows(t, 30, "playtoken_projects_not_shown", "troubled")
	})
}

func TestTheBusiestProjectsAreShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, 210)
		for minute := range 12 {
			for i := range 210 {
				c.mint(t, i, 10)
			}
			c.mint(t, 205, 100)
			e := scrape(t, c)
			if minute < 9 && e.has(205) {
				t.Errorf("after %d minutes a busier project took a place, want each kept for ten", minute)
			}
			time.Sleep(time.Minute)
		}
		e := scrape(t, c)
		if !e.has(205) || e.has(206) {
			t.Errorf("the busiest has series: %t, one like the others: %t; want true and false", e.has(205), e.has(206))
		}
	})
}

// TestNoCounterDecreasesOrCountsTwice while projects change places, and no series ends
// less than ten minutes after its last change.
func TestNoCounterDecreasesOrCountsTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, random := newCrowd(t, 260), rand.New(rand.NewPCG(1, 2))
		minted, refused := 0.0, 0.0
		before, changed := map[string]float64{}, map[string]time.Time{}
		gone := 0
		for range 100 {
			for range 50 {
				i, n := random.IntN(260), random.IntN(20)
				c.mint(t, i, n)
				c.Refused(project(i), "forbidden")
				minted, refused = minted+float64(n), refused+1
			}
			c.Ran(project(random.IntN(260)), []string{"ok", "ok", "failed", "blocked"}[random.IntN(4)])
			time.Sleep(15 * time.Second)
			e := scrape(t, c)
			now := map[string]float64{}
			for _, m := range e.families["playtoken_tokens_minted_total"].Metric {
				now[m.Label[0].GetValue()] = m.GetCounter().GetValue()
			}
			if len(now) > 401 {
				t.Fatalf("got %d series, want 401 at most", len(now))
			}
			for id, value := range before {
				current, there := now[id]
				switch {
				case !there && time.Since(changed[id]) < 10*time.Minute:
					t.Fatalf("the series of %s ended %s after it changed, want ten minutes or more", id, time.Since(changed[id]))
				case !there:
					gone++
					now[id] = value // it may come back, and goes on then
				case current < value:
					t.Fatalf("the counter of %s went from %v to %v", id, value, current)
				}
			}
			for id, value := range now {
				if value != before[id] {
					changed[id] = time.Now()
				}
			}
			before = now
			total := 0.0
			for _, value := range now {
				total += value
			}
			if total != minted {
				t.Fatalf("got %v tokens in all series, want %v", total, minted)
			}
		}
		if gone == 0 {
			t.Error("no project lost its series, want this test to see it")
		}
	})
}

func TestADeletedProjectHasNoSeries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, 201)
		scrape(t, c)
		c.Unwatch(project(7)) // not used for a while
		e := scrape(t, c)
		if e.has(7) {
			t.Error("after Unwatch, the project has series of its keys")
		}
		e.shows(t, 0, "playtoken_tokens_minted_total", project(7))
		c.Forget(project(7))
		scrape(t, c) // the place is free
		if e = scrape(t, c); strings.Contains(e.text, project(7)) || !e.has(200) {
			t.Errorf("after Forget, the project is shown: %t, the one that waited: %t; want false and true", strings.Contains(e.text, project(7)), e.has(200))
		}
	})
}

func TestRefusalsOfUnknownCallersHaveNoProject(t *testing.T) {
	s := newService(t)
	s.Refused("", "unauthenticated")
	e := scrape(t, s)
	e.shows(t, 1, "playtoken_tokens_refused_total", "none", "unauthenticated")
	if _, there := e.value("playtoken_tokens_minted_total", "none"); there {
		t.Error("got minted tokens of no project, want no such series")
	}
}

func TestRingsThatWereNeverReadAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, away, well := newService(t), &rotation{err: errAway}, &rotation{ring: someRing()}
		s.Watch("away", away)
		s.Watch("well", well)
		scrape(t, s).shows(t, 1, "playtoken_rings_unread")
		away.set(func(r *rotation) { r.err, r.ring = nil, someRing() })
		time.Sleep(5 * time.Second)
		scrape(t, s).shows(t, 0, "playtoken_rings_unread")
		away.set(func(r *rotation) { r.err = errAway })
		time.Sleep(5 * time.Second)
		scrape(t, s).shows(t, 0, "playtoken_rings_unread") // its last state is known
	})
}

// TestRingsOfProjectsWithoutSeriesAreReadSeldom so that thousands of projects do
// not keep the store busy.
func TestRingsOfProjectsWithoutSeriesAreReadSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, 450)
		reads := func() (n int) {
			for _, r := range c.rotations {
				n += r.reads
			}
			return n
		}
		before := 0
		for _, want := range []int{200 + 100, 200 + 100, 200 + 50, 200} {
			scrape(t, c)
			if got := reads() - before; got != want {
				t.Errorf("a scrape read %d rings, want %d", got, want)
			}
			before = reads()
			time.Sleep(10 * time.Second)
		}
	})
}

func TestOnlyWhatExistsIsADriftKind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		s.Watch("default", &rotation{ring: someRing()})
		got := map[string]float64{}
		for _, m := range scrape(t, s).families["playtoken_keys_drifted"].Metric {
			got[m.Label[0].GetValue()] = m.GetGauge().GetValue()
		}
		want := []string{"foreign", "forgotten", "mismatched", "missing", "orphan", "unconfirmed", "unrecognised"}
		if kinds := slices.Sorted(maps.Keys(got)); !slices.Equal(kinds, want) || got["foreign"] != 2 || got["missing"] != 0 {
			t.Errorf("got the kinds %v with %v, want %v with 2 foreign and none missing", kinds, got, want)
		}
	})
}
