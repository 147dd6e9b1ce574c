package operators_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"playtoken/projects"
	"playtoken/projects/operators"
	"playtoken/secret"
	"playtoken/store"
	"playtoken/store/storetest"
)

// signedIn is the session of a person who signed in.
func signedIn(t *testing.T, p *provider, s *operators.SignIn, subject string) secret.Value {
	t.Helper()
	p.claims["groups"] = []string{"admins"}
	a := begin(t, p, s, subject)
	code, problem := a.finish()
	if problem != "" {
		t.Fatal(problem)
	}
	began, err := s.Redeem(t.Context(), code, a.verifier)
	if err != nil {
		t.Fatal(err)
	}
	return began.Token
}

// accepts reports whether a session is accepted, and by whom it is.
func accepts(t *testing.T, s *operators.SignIn, token secret.Value) (id string, ok bool) {
	t.Helper()
	caller, err := s.Identify(t.Context(), token)
	if err != nil && !errors.Is(err, projects.ErrUnknownCaller) {
		t.Fatal(err)
	}
	return caller.ID, err == nil
}

// together are two replicas of a deployment, one of which does not look again soon.
func together(t *testing.T, p *provider) (one, other *operators.SignIn, docs *storetest.Memory) {
	t.Helper()
	docs = storetest.NewMemory()
	share := func(age time.Duration) *operators.SignIn {
		return newSignIn(t, p, func(c *operators.Config) { c.Documents, c.ViewAge, c.Staleness = docs, age, time.Hour })
	}
	return share(time.Hour), share(time.Nanosecond), docs
}

func TestASessionEndsAlone(t *testing.T) {
	p := newProvider(t)
	one, other, docs := together(t, p)
	ended, kept := signedIn(t, p, one, "ole"), signedIn(t, p, one, "ole")
	accepts(t, one, ended) // it is cached that none has ended
	if err := one.End(t.Context(), ended); err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]*operators.SignIn{"the process that ended it": one, "another replica": other} {
		if _, ok := accepts(t, s, ended); ok {
			t.Errorf("%s: got the ended session accepted, want it refused", name)
		}
		if _, ok := accepts(t, s, kept); !ok {
			t.Errorf("%s: got the person's other session refused, want it accepted", name)
		}
	}
	if err := one.End(t.Context(), ended); !errors.Is(err, projects.ErrUnknownCaller) {
		t.Errorf("the end of a session that is over: got %v, want ErrUnknownCaller", err)
	}
	doc, err := docs.Read(t.Context(), "families/ended_operator_sessions")
	if err != nil || strings.Contains(string(doc.Data), "pts_") || strings.Contains(string(doc.Data), ended.Reveal()[10:20]) {
		t.Errorf("document: got %s, %v, want no token in it", doc.Data, err)
	}
}

// TestAllSessionsOfAPersonEnd, and they can sign in again at once: no clocks are
// compared.
func TestAllSessionsOfAPersonEnd(t *testing.T) {
	p := newProvider(t)
	one, other, _ := together(t, p)
	first, second, foreign := signedIn(t, p, one, "ole"), signedIn(t, p, other, "ole"), signedIn(t, p, one, "ada")
	id, _ := accepts(t, one, first)
	for _, wrong := range []string{"ole", "operator_", "admin", id + "x", "operator_../x"} {
		if err := one.EndAll(t.Context(), wrong); !errors.Is(err, projects.ErrNotFound) {
			t.Errorf("sessions of %q: got %v, want ErrNotFound", wrong, err)
		}
	}
	for round := range 2 {
		if err := one.EndAll(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		for _, s := range []*operators.SignIn{one, other} {
			for name, token := range map[string]secret.Value{"first": first, "second": second} {
				if _, ok := accepts(t, s, token); ok {
					t.Errorf("round %d: got the %s session accepted, want it refused", round, name)
				}
			}
			if _, ok := accepts(t, s, foreign); !ok {
				t.Errorf("round %d: got another person's session refused, want it accepted", round)
			}
		}
		first, second = signedIn(t, p, one, "ole"), signedIn(t, p, other, "ole")
		if _, ok := accepts(t, one, first); !ok {
			t.Errorf("round %d: got the session after it refused, want it accepted", round)
		}
	}
}

// TestEndsAreBoundedAndNoneIsForgotten: when there is no room, all sessions end.
func TestEndsAreBoundedAndNoneIsForgotten(t *testing.T) {
	p := newProvider(t)
	one, other, docs := together(t, p)
	ended, bystander := signedIn(t, p, one, "ole"), signedIn(t, p, one, "ada")
	if err := one.End(t.Context(), ended); err != nil {
		t.Fatal(err)
	}
	for n := range 1_001 {
		id := "operator_" + strings.NewReplacer("0", "a", "1", "b").Replace(fmt.Sprintf("%026b", n))
		if err := one.EndAll(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	for name, token := range map[string]secret.Value{"that was ended": ended, "of a bystander": bystander} {
		if _, ok := accepts(t, other, token); ok {
			t.Errorf("session %s: got it accepted, want it refused", name)
		}
	}
	if _, ok := accepts(t, other, signedIn(t, p, one, "ada")); !ok {
		t.Error("session that began afterwards: got it refused, want it accepted")
	}
	if doc, err := docs.Read(t.Context(), "families/ended_operator_sessions"); err != nil || len(doc.Data) > 256<<10 {
		t.Errorf("document: got %d bytes, %v, want few", len(doc.Data), err)
	}
}

// TestEndsThatCannotBeStoredOrRead: none is reported that is not stored, and while
// the store is away sessions are accepted only on a view that is young enough.
func TestEndsThatCannotBeStoredOrRead(t *testing.T) {
	p := newProvider(t)
	one, other, docs := together(t, p)
	token := signedIn(t, p, one, "ole")
	accepts(t, other, token)
	docs.Break(func(call string) storetest.Fault {
		if call == "write" {
			return storetest.NotDone
		}
		return storetest.Fine
	})
	if err := one.End(t.Context(), token); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("End while nothing can be written: got %v, want ErrUnavailable", err)
	}
	docs.Break(storetest.Away)
	fresh := newSignIn(t, p, func(c *operators.Config) { c.Documents = docs })
	if _, err := fresh.Identify(t.Context(), token); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a replica that never read: got %v, want ErrUnavailable", err)
	}
	if _, ok := accepts(t, other, token); !ok {
		docs.Break(nil)
		t.Error("a replica with a view of a moment ago: got it refused, want it accepted")
	}
}
