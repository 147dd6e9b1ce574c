package approvals_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"playtoken/projects"
	"playtoken/projects/approvals"
	"playtoken/store"
	"playtoken/store/storetest"
)

var (
	ann = projects.Caller{ID: "admin_key_ann", Name: "Ann", Role: projects.RoleAdmin}
	bob = projects.Caller{ID: "admin_key_bob", Name: "Bob", Role: projects.RoleOperator}
)

func yes(approvals.Act) error { return nil }

// revocation is the act of revoking a generation.
func revocation(generation string) approvals.Act {
	return approvals.Act{
		Kind: approvals.Revoke, Name: "signing_key.revoke", Project: "default", Subject: generation, Reason: "stolen",
		Vars: map[string]string{"project_id": "default", "generation": generation}, Body: jsontext.Value(`{"reason":"stolen"}`),
	}
}

// ask lets an act wait.
func ask(t *testing.T, s *approvals.Store, act approvals.Act, by projects.Caller) approvals.Approval {
	t.Helper()
	asked, err := s.Ask(t.Context(), act, by)
	if err != nil {
		t.Fatal(err)
	}
	return asked
}

func TestAnotherOperatorClaimsAnActOnce(t *testing.T) {
	docs := storetest.NewMemory()
	s, replica := &approvals.Store{Documents: docs}, &approvals.Store{Documents: docs}
	asked := ask(t, s, revocation("3"), ann)
	if again := ask(t, replica, revocation("3"), ann); again.ID != asked.ID {
		t.Errorf("the same act asked for again: got %s, want %s", again.ID, asked.ID)
	}
	if other := ask(t, s, revocation("4"), ann); other.ID == asked.ID {
		t.Errorf("another act: got the approval of the first, want its own")
	}
	if _, err := replica.Claim(t.Context(), asked.ID, ann, yes); !errors.Is(err, approvals.ErrSameOperator) {
		t.Errorf("claim by the one who asked: got %v, want ErrSameOperator", err)
	}
	forbidden := errors.New("forbidden")
	if _, err := replica.Claim(t.Context(), asked.ID, bob, func(approvals.Act) error { return forbidden }); !errors.Is(err, forbidden) {
		t.Errorf("claim without the right: got %v, want %v", err, forbidden)
	}
	got, err := replica.Claim(t.Context(), asked.ID, bob, yes)
	if err != nil || fmt.Sprint(got) != fmt.Sprint(asked) {
		t.Errorf("claim: got %+v, %v, want %+v", got, err, asked)
	}
	if _, err := s.Claim(t.Context(), asked.ID, bob, yes); !errors.Is(err, approvals.ErrGone) {
		t.Errorf("second claim: got %v, want ErrGone", err)
	}
	if left, err := s.Waiting(t.Context()); err != nil || len(left) != 1 || left[0].Act.Subject != "4" {
		t.Errorf("what waits afterwards: got %+v, %v, want the other act", left, err)
	}
}

// TestUsersOfTheLocalCommandLineAreDifferentOperators: they share an id.
func TestUsersOfTheLocalCommandLineAreDifferentOperators(t *testing.T) {
	root, deploy := projects.Caller{ID: projects.LocalOperator, Name: "root"}, projects.Caller{ID: projects.LocalOperator, Name: "deploy"}
	renamed := projects.Caller{ID: ann.ID, Name: "Ann B."}
	for _, c := range []struct {
		asks, approves projects.Caller
		want           error
	}{
		{root, root, approvals.ErrSameOperator}, {root, deploy, nil}, {root, ann, nil}, {ann, root, nil}, {ann, renamed, approvals.ErrSameOperator},
	} {
		s := &approvals.Store{Documents: storetest.NewMemory()}
		asked := ask(t, s, revocation("1"), c.asks)
		if _, err := s.Claim(t.Context(), asked.ID, c.approves, yes); !errors.Is(err, c.want) {
			t.Errorf("%v asks, %v approves: got %v, want %v", asked.AskedBy, c.approves.Name, err, c.want)
		}
	}
}

func TestAnActWaitsForAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &approvals.Store{Documents: storetest.NewMemory()}
		first, second := ask(t, s, revocation("1"), ann), ask(t, s, revocation("2"), ann)
		if want := first.AskedAt.Add(time.Hour); !first.ExpiresAt.Equal(want) {
			t.Errorf("it expires: got %v, want %v", first.ExpiresAt, want)
		}
		time.Sleep(time.Until(first.ExpiresAt) - time.Nanosecond)
		if _, err := s.Claim(t.Context(), first.ID, bob, yes); err != nil {
			t.Errorf("in the last moment: got %v, want no error", err)
		}
		time.Sleep(time.Nanosecond)
		if _, err := s.Claim(t.Context(), second.ID, bob, yes); !errors.Is(err, approvals.ErrGone) {
			t.Errorf("when its time is over: got %v, want ErrGone", err)
		}
		if left, err := s.Waiting(t.Context()); err != nil || len(left) != 0 {
			t.Errorf("what waits: got %v, %v, want nothing", left, err)
		}
		if third := ask(t, s, revocation("2"), ann); third.ID == second.ID {
			t.Errorf("asked again: got the approval that is over, want a new one")
		}
	})
}

func TestABoundedNumberOfActsWaits(t *testing.T) {
	s := &approvals.Store{Documents: storetest.NewMemory()}
	long := strings.Repeat("é", 200) // the longest reason
	for n := range approvals.Most {
		act := revocation(fmt.Sprint(n))
		act.Reason = long
		ask(t, s, act, ann)
	}
	if _, err := s.Ask(t.Context(), revocation("one more"), bob); !errors.Is(err, approvals.ErrFull) {
		t.Errorf("one more: got %v, want ErrFull", err)
	}
	ask(t, s, approvals.Act{Name: "signing_key.revoke", Vars: revocation("7").Vars, Body: revocation("7").Body}, ann) // it waits already
}

// racing is a store where another claim is made between a claim's reading and its
// writing, which fails without an answer.
type racing struct {
	*storetest.Memory
	other func()
}

func (r *racing) Write(context.Context, string, []byte, int64) (int64, error) {
	r.other()
	return 0, store.ErrUnavailable
}

// TestALostAnswerIsNotTakenForAnothersWrite: both would write the same list.
func TestALostAnswerIsNotTakenForAnothersWrite(t *testing.T) {
	docs := storetest.NewMemory()
	s := &approvals.Store{Documents: docs}
	asked := ask(t, s, revocation("3"), ann)
	won := 0
	loser := &approvals.Store{Documents: &racing{Memory: docs, other: func() {
		if _, err := s.Claim(t.Context(), asked.ID, bob, yes); err == nil {
			won++
		}
	}}}
	if _, err := loser.Claim(t.Context(), asked.ID, bob, yes); !errors.Is(err, store.ErrUnavailable) || won != 1 {
		t.Errorf("claim whose write was not made: got %v, and %d other claims; want ErrUnavailable and 1", err, won)
	}
}

// TestManyClaimAtOnceAndOneWins on many replicas.
func TestManyClaimAtOnceAndOneWins(t *testing.T) {
	docs := storetest.NewMemory()
	asked := ask(t, &approvals.Store{Documents: docs}, revocation("3"), ann)
	var won atomic.Int32
	var group sync.WaitGroup
	for n := range 8 {
		group.Go(func() {
			by := projects.Caller{ID: fmt.Sprint("operator_", n), Role: projects.RoleOperator}
			_, err := (&approvals.Store{Documents: docs}).Claim(t.Context(), asked.ID, by, yes)
			if err == nil {
				won.Add(1)
			} else if !errors.Is(err, approvals.ErrGone) {
				t.Errorf("a claim that lost: got %v, want ErrGone", err)
			}
		})
	}
	group.Wait()
	if won.Load() != 1 {
		t.Errorf("claims that won: got %d, want 1", won.Load())
	}
}

// TestEveryCallOfTheStoreMayFail: an act is asked for and claimed, with a fault in
// each call of the store in turn. However it fails, at most one claim is told to
// carry it out.
func TestEveryCallOfTheStoreMayFail(t *testing.T) {
	for _, fault := range []storetest.Fault{storetest.NotDone, storetest.Unheard} {
		for at := 1; at <= 6; at++ {
			docs := storetest.NewMemory()
			s, calls := &approvals.Store{Documents: docs}, 0
			docs.Break(func(string) storetest.Fault {
				if calls++; calls == at {
					return fault
				}
				return storetest.Fine
			})
			asked, err := s.Ask(t.Context(), revocation("3"), ann)
			if err != nil {
				asked = ask(t, s, revocation("3"), ann) // as people do
			}
			carriedOut := 0
			for range 3 {
				if _, err := s.Claim(t.Context(), asked.ID, bob, yes); err == nil {
					carriedOut++
				}
			}
			if carriedOut != 1 {
				t.Errorf("fault %d in call %d: got %d claims that may carry the act out, want 1", fault, at, carriedOut)
			}
			if left, err := s.Waiting(t.Context()); err != nil || len(left) != 0 {
				t.Errorf("fault %d in call %d: what waits: got %v, %v, want nothing", fault, at, left, err)
			}
		}
	}
}

func TestAProcessWithoutTheRightsNeitherAsksNorClaims(t *testing.T) {
	docs, forbidden := storetest.NewMemory(), errors.New("may only sign")
	asked := ask(t, &approvals.Store{Documents: docs}, revocation("3"), ann)
	s := &approvals.Store{Documents: docs, Permit: func(context.Context) error { return forbidden }}
	_, errAsk := s.Ask(t.Context(), revocation("4"), ann)
	_, errClaim := s.Claim(t.Context(), asked.ID, bob, yes)
	_, errList := s.Waiting(t.Context())
	for what, err := range map[string]error{"ask": errAsk, "claim": errClaim, "list": errList} {
		if !errors.Is(err, forbidden) {
			t.Errorf("%s: got %v, want %v", what, err, forbidden)
		}
	}
}

func TestADocumentOfANewerVersionIsNotTouched(t *testing.T) {
	docs := storetest.NewMemory()
	if _, err := docs.Write(t.Context(), "approvals/waiting", []byte(`{"stamp":"x","acts":[],"later":1}`), 0); err != nil {
		t.Fatal(err)
	}
	s := &approvals.Store{Documents: docs}
	if _, err := s.Ask(t.Context(), revocation("3"), ann); !errors.Is(err, store.ErrUnavailable) || docs.Calls("write") != 1 {
		t.Errorf("ask: got %v after %d writes, want ErrUnavailable and none of ours", err, docs.Calls("write"))
	}
}
