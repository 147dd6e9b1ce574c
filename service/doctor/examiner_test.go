package doctor

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/handlers"
	"playtoken/projects"
)

// slow is an examination that takes ten seconds and counts how often it was made, and
// how often at the same time.
type slow struct{ made, now, most atomic.Int32 }

func (s *slow) examine(ctx context.Context, about handlers.Subject) ([]Finding, error) {
	s.made.Add(1)
	s.most.Store(max(s.most.Load(), s.now.Add(1)))
	defer s.now.Add(-1)
	select {
	case <-time.After(10 * time.Second):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if about.ProjectID == "gone" {
		return nil, projects.ErrNotFound
	}
	return []Finding{{Code: StoreAnswers}}, nil
}

func TestAnImpatientOperatorGetsOneExamination(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{}
		e := newExaminer(s.examine)
		defer e.Close()
		impatient, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		if _, err := e.Examine(impatient, handlers.Subject{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a caller who leaves: got %v, want %v", err, context.DeadlineExceeded)
		}
		for range 5 {
			go e.Examine(t.Context(), handlers.Subject{})
		}
		report, err := e.Examine(t.Context(), handlers.Subject{})
		if err != nil || len(report.Findings) != 1 || s.made.Load() != 1 {
			t.Errorf("seven callers: got %+v, %v and %d examinations, want one that the caller who left had begun", report, err, s.made.Load())
		}
		time.Sleep(keptFor - time.Second)
		if again, err := e.Examine(t.Context(), handlers.Subject{}); err != nil || !again.At.Equal(report.At) {
			t.Errorf("a moment later: got a report of %s, %v, want that of %s", again.At, err, report.At)
		}
		time.Sleep(time.Second)
		if again, err := e.Examine(t.Context(), handlers.Subject{}); err != nil || !again.At.After(report.At) || s.made.Load() != 2 {
			t.Errorf("after %s: got a report of %s, %v, want a new one", keptFor, again.At, err)
		}
	})
}

func TestFewExaminationsRunSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{}
		e := newExaminer(s.examine)
		for _, id := range []string{"a", "b", "c", "d", "e"} {
			go e.Examine(t.Context(), handlers.Subject{ProjectID: id})
		}
		if _, err := e.Examine(t.Context(), handlers.Subject{ProjectID: "gone"}); !errors.Is(err, projects.ErrNotFound) {
			t.Errorf("a project that is gone: got %v, want %v", err, projects.ErrNotFound)
		}
		time.Sleep(time.Minute) // now all have ended
		if s.made.Load() != 6 || s.most.Load() != sideBySide {
			t.Errorf("got %d examinations of six subjects, %d at a time, want six, %d at a time", s.made.Load(), s.most.Load(), sideBySide)
		}
		before := s.made.Load()
		go e.Examine(t.Context(), handlers.Subject{ProjectID: "gone"}) // an error is not kept
		time.Sleep(time.Second)
		if s.made.Load() != before+1 {
			t.Errorf("after an error: got %d further examinations, want one", s.made.Load()-before)
		}
		go e.Examine(t.Context(), handlers.Subject{WithoutProjects: true})
		time.Sleep(time.Second)
		e.Close() // does not wait for what takes ten seconds
		synctest.Wait()
		if s.now.Load() != 0 {
			t.Errorf("after the end: got %d examinations that run, want none", s.now.Load())
		}
	})
}
