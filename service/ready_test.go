package service

import (
	"context"
	"errors"
	"fmt"
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

// askedProjects is what a search asks about.
type askedProjects struct {
	ids   []string
	mint  map[string]bool
	away  error // of the list
	lists int
	asked []string
}

func (p *askedProjects) list(context.Context) ([]string, error) {
	p.lists++
	return p.ids, p.away
}

func (p *askedProjects) mints(_ context.Context, id string) error {
	p.asked = append(p.asked, id)
	if p.mint[id] {
		return nil
	}
	return errors.New(id + " has no key")
}

func many(n int) (ids []string) {
	for i := range n {
		ids = append(ids, fmt.Sprintf("project_%d", i))
	}
	return ids
}

func TestOneProjectThatMintsIsEnough(t *testing.T) {
	away := errors.New("the store is away")
	for name, c := range map[string]struct {
		p     askedProjects
		found string
		want  string // the error
	}{
		"no project":                  {},
		"no project, the store away":  {p: askedProjects{away: away}, want: away.Error()},
		"the last of three":           {p: askedProjects{ids: many(3), mint: map[string]bool{"project_2": true}}},
		"none of three":               {p: askedProjects{ids: many(3)}, want: "project_0 has no key"},
		"the one that was found":      {p: askedProjects{away: away, mint: map[string]bool{"project_9": true}}, found: "project_9"},
		"another than the one before": {p: askedProjects{ids: many(2), mint: map[string]bool{"project_1": true}}, found: "project_0"},
		"the one before, store away":  {p: askedProjects{away: away}, found: "project_0", want: away.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			s := search{found: c.found}
			err := s.any(t.Context(), c.p.list, c.p.mints)
			if (err == nil) != (c.want == "") || err != nil && err.Error() != c.want {
				t.Errorf("got %v, want the error %q", err, c.want)
			}
		})
	}
}

// TestAThousandProjectsCostWhatOneCosts while one of them mints, and little more
// while none does.
func TestAThousandProjectsCostWhatOneCosts(t *testing.T) {
	p := &askedProjects{ids: many(1000), mint: map[string]bool{"project_310": true}}
	var s search
	searches := 1
	for ; s.any(t.Context(), p.list, p.mints) != nil; searches++ {
		if searches > 1000/searched {
			t.Fatalf("got no project in %d searches, want one", searches)
		}
		if len(p.asked) > searched*searches {
			t.Fatalf("got %d questions in %d searches, want at most %d each", len(p.asked), searches, searched)
		}
	}
	p.asked, p.lists = nil, 0
	for range 10 {
		if err := s.any(t.Context(), p.list, p.mints); err != nil {
			t.Errorf("got %v, want no error", err)
		}
	}
	if len(p.asked) != 10 || p.lists != 0 {
		t.Errorf("ten searches with a project that mints: got %d questions and %d lists, want 10 and 0", len(p.asked), p.lists)
	}
}
