package keyrotation_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"playtoken/keyrotation"
	"playtoken/store"
)

func TestStatusChangesNothingAndTellsWhatIsDue(t *testing.T) {
	for _, tt := range []struct {
		name string
		set  func(*testing.T) *stage
		wait time.Duration
		due  string // the first move; empty if none is due
	}{
		{"an empty project", newStage, 0, "plan"},
		{"a settled one", bootstrapped, 0, ""},
		{"a look alone is nothing to tell", bootstrapped, time.Minute, ""},
		{"just before a rotation", bootstrapped, interval - propagation - time.Nanosecond, ""},
		{"at a rotation", bootstrapped, interval - propagation, "activate 2"},
		{"at a deletion", rotated, overlap - propagation, "delete 1"},
		{"after a lost answer", stoppedBy("register", fate{happens: 1, dies: true}), 0, "adopt 3"},
		{"an empty project, issued keys", newIssuingStage, 0, "plan"},
		{"a settled one, issued keys", issued, 0, ""},
		{"at a rotation, issued keys", issued, interval - propagation, "activate 2"},
		{"at a deletion, issued keys", issuedRotated, 0, "delete 1"},
		{"after a lost answer, issued keys", func(t *testing.T) *stage {
			s := unissued(t, "issue", fate{happens: 1, dies: true})
			s.pass()
			return s
		}, settle, "discard 3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tt.set(t)
			s.wait(tt.wait)
			s.as("")
			st, err := ask(s, (*keyrotation.Rotator).Status)
			s.must(err)
			if n := s.count("mutating") + s.count("write"); n != 0 {
				t.Errorf("the dry run made %d calls that change something: %v", n, s.calls)
			}
			if st.Due != (tt.due != "") || st.Overdue {
				t.Errorf("due: %t, overdue: %t, plan %+v", st.Due, st.Overdue, st.Plan)
			}
			if st.Due && !strings.HasPrefix(moveName(st.Plan[0]), tt.due) {
				t.Errorf("first: %s, want %s", moveName(st.Plan[0]), tt.due)
			}
			if !st.Due && st.NextActionAt.IsZero() {
				t.Errorf("nothing is planned: %+v", st)
			}
		})
	}
}

func TestStatusSaysWhenARotationIsOverdue(t *testing.T) {
	s := bootstrapped(t)
	grace := simPolicy().ObserveEvery + settle
	due := s.store.ring().NextAction
	s.wait(due.Add(grace).Sub(s.now))
	if st, err := ask(s, (*keyrotation.Rotator).Status); err != nil || !st.Due || st.Overdue {
		t.Errorf("within the grace: %+v, %v", st, err)
	}
	s.wait(time.Nanosecond)
	if st, err := ask(s, (*keyrotation.Rotator).Status); err != nil || !st.Overdue {
		t.Errorf("after it: %+v, %v", st, err)
	}
	s.must(s.pass())
	if st, err := ask(s, (*keyrotation.Rotator).Status); err != nil || st.Overdue || st.LastRun.Outcome != "ok" {
		t.Errorf("after the rotation: %+v, %v", st, err)
	}
}

func TestStatusTellsOfTrouble(t *testing.T) {
	s := stoppedBy("register", fate{err: keyrotation.ErrRefused})(t)
	st, err := ask(s, (*keyrotation.Rotator).Status)
	s.must(err)
	if st.LastRun.Outcome != "failed" || st.LastRun.Error == "" || st.LastRun.SuccessAt.IsZero() {
		t.Errorf("last run: %+v", st.LastRun)
	}
	s.as("read", fate{err: store.ErrUnavailable})
	_, err = ask(s, (*keyrotation.Rotator).Status)
	s.mustFail(err, store.ErrUnavailable)
}

func TestAReconcileWithNothingToDoReadsOneDocument(t *testing.T) {
	s := bootstrapped(t)
	s.as("")
	s.must(s.pass())
	if len(s.calls) != 1 || s.calls[0] != "read" {
		t.Errorf("calls: %v", s.calls)
	}
	res, err := ask(s, func(r *keyrotation.Rotator, ctx context.Context) (keyrotation.Result, error) {
		return r.Reconcile(ctx, keyrotation.Order{})
	})
	if err != nil || res.Changed || res.Reason == "" || !res.NextActionAt.Equal(s.key(1).ActivatedAt.Add(interval)) {
		t.Errorf("got %+v, %v", res, err)
	}
}
