package operators_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"playtoken/projects"
	"playtoken/projects/operators"
	"playtoken/secret"
	"playtoken/store"
	"playtoken/store/storetest"
)

// keyring is the admin keys of a deployment: a key's mark is its value.
type keyring struct {
	held map[string]projects.Caller
	used map[string]int
}

func (k keyring) Operator(_ context.Context, id string) (projects.Caller, []byte, error) {
	caller, ok := k.held[id]
	if !ok {
		return projects.Caller{}, nil, projects.ErrNotFound
	}
	return caller, []byte(caller.Name + " has a key"), nil
}

func (k keyring) Used(id string) { k.used[id]++ }

// browsers is a deployment with one admin key and a clock that a test sets.
type browsers struct {
	*testing.T
	keys keyring
	at   time.Time
	docs *storetest.Memory
}

func newBrowsers(t *testing.T) *browsers {
	return &browsers{T: t, at: time.Now(), docs: storetest.NewMemory(), keys: keyring{
		held: map[string]projects.Caller{"admin_key_ole": {ID: "admin_key_ole", Name: "Ole", Role: projects.RoleOperator}}, used: map[string]int{},
	}}
}

// replica is one process of it.
func (b *browsers) replica(signIn *operators.SignIn) *operators.Browsers {
	made := operators.NewBrowsers(operators.BrowserConfig{
		Secrets: secrets{}, Documents: b.docs, AdminKeys: b.keys, SignIn: signIn, Staleness: time.Hour, Clock: func() time.Time { return b.at },
	})
	b.Cleanup(made.Close)
	return made
}

func (b *browsers) begin(on *operators.Browsers) secret.Value {
	b.Helper()
	cookie, err := on.BeginWithKey(b.Context(), "admin_key_ole")
	if err != nil {
		b.Fatal(err)
	}
	return cookie
}

// wantOver checks that a session is refused, or that it is not.
func (b *browsers) wantOver(on *operators.Browsers, cookie secret.Value, over bool, why string) {
	b.Helper()
	session, err := on.Resume(b.Context(), cookie)
	if over != errors.Is(err, projects.ErrUnknownCaller) || !over && err != nil {
		b.Errorf("%s: got %+v, %v, want over: %v", why, session.Caller, err, over)
	}
}

// TestAPageThatIsOpenIsNoUse: only what a person does lengthens a session, and is a
// use of their key.
func TestAPageThatIsOpenIsNoUse(t *testing.T) {
	b := newBrowsers(t)
	on := b.replica(nil)
	cookie := b.begin(on)
	b.at = b.at.Add(operators.BrowserIdle / 2)
	session, err := on.Look(t.Context(), cookie)
	if err != nil || session.Caller.Name != "Ole" || !session.Renewed.IsZero() || b.keys.used["admin_key_ole"] != 0 {
		t.Errorf("a look: got %+v, %v and %d uses of the key, want Ole's session, not renewed, and none", session, err, b.keys.used["admin_key_ole"])
	}
	if _, err := on.Identify(t.Context(), cookie); err != nil || b.keys.used["admin_key_ole"] != 0 {
		t.Errorf("a request of a page: got %v and %d uses of the key, want none", err, b.keys.used["admin_key_ole"])
	}
	if _, err := on.Resume(t.Context(), cookie); err != nil || b.keys.used["admin_key_ole"] != 1 {
		t.Errorf("a page that a person opens: got %v and %d uses of the key, want one", err, b.keys.used["admin_key_ole"])
	}
	b.at = b.at.Add(operators.BrowserIdle / 2)
	if _, err := on.Look(t.Context(), cookie); !errors.Is(err, projects.ErrUnknownCaller) {
		t.Errorf("a look at a session that was only looked at for half an hour: got %v, want %v", err, projects.ErrUnknownCaller)
	}
}

func TestASessionInABrowserEndsWhenItIsIdleOrOld(t *testing.T) {
	b := newBrowsers(t)
	on := b.replica(nil)
	cookie := b.begin(on)
	b.at = b.at.Add(operators.BrowserIdle - time.Second)
	b.wantOver(on, cookie, false, "just before it is idle for too long")
	session, err := on.Resume(t.Context(), cookie)
	if err != nil || session.Renewed.IsZero() {
		t.Fatalf("a session in use: got the new text %q, %v, want one", session.Renewed, err)
	}
	b.at = b.at.Add(time.Second)
	b.wantOver(on, cookie, true, "idle for half an hour")
	b.wantOver(on, session.Renewed, false, "in use until a second ago")
	began := b.at.Add(-operators.BrowserIdle)
	for kept := session.Renewed; b.at.Sub(began) < operators.BrowserLife; b.at = b.at.Add(10 * time.Minute) {
		session, err := on.Resume(t.Context(), kept)
		if err != nil {
			t.Fatalf("after %s: got %v, want a session in use to go on", b.at.Sub(began), err)
		}
		if !session.Renewed.IsZero() {
			kept = session.Renewed
		}
		cookie = kept
	}
	b.wantOver(on, cookie, true, "twelve hours after it began")
}

func TestASessionInABrowserIsForEveryReplicaAndEndsOnAll(t *testing.T) {
	b := newBrowsers(t)
	one, other := b.replica(nil), b.replica(nil)
	cookie, kept := b.begin(one), b.begin(one)
	b.wantOver(one, cookie, false, "where it began")
	b.at = b.at.Add(2 * time.Minute)
	renewed, err := one.Resume(t.Context(), cookie)
	if err != nil {
		t.Fatal(err)
	}
	if err := one.End(t.Context(), renewed.Renewed); err != nil {
		t.Fatal(err)
	}
	for name, on := range map[string]*operators.Browsers{"the process that ended it": one, "another replica": other} {
		b.wantOver(on, cookie, true, name+", its first text")
		b.wantOver(on, renewed.Renewed, true, name+", its latest text")
		b.wantOver(on, kept, false, name+", another session of the same key")
	}
	if err := one.End(t.Context(), cookie); !errors.Is(err, projects.ErrUnknownCaller) {
		t.Errorf("the end of a session that is over: got %v, want ErrUnknownCaller", err)
	}
}

func TestASessionInABrowserEndsWithItsKey(t *testing.T) {
	soon := time.Now().Add(time.Minute)
	for name, change := range map[string]func(*browsers){
		"deleted": func(b *browsers) { delete(b.keys.held, "admin_key_ole") },
		"another value": func(b *browsers) {
			b.keys.held["admin_key_ole"] = projects.Caller{ID: "admin_key_ole", Name: "Ada", Role: projects.RoleOperator}
		},
		"expired": func(b *browsers) {
			b.keys.held["admin_key_ole"] = projects.Caller{ID: "admin_key_ole", Name: "Ole", Role: projects.RoleOperator, Bounds: projects.Bounds{ExpiresAt: &soon}}
			b.at = soon
		},
	} {
		b := newBrowsers(t)
		on := b.replica(nil)
		cookie := b.begin(on)
		change(b)
		b.wantOver(on, cookie, true, "a key that is "+name)
	}
	b := newBrowsers(t)
	on := b.replica(nil)
	cookie := b.begin(on)
	b.keys.held["admin_key_ole"] = projects.Caller{ID: "admin_key_ole", Name: "Ole", Role: projects.RoleAuditor}
	if caller, err := on.Identify(t.Context(), cookie); err != nil || caller.Role != projects.RoleAuditor {
		t.Errorf("a key whose role changed: got %+v, %v, want the role that it has now", caller, err)
	}
}

func TestASessionInABrowserCannotBeMade(t *testing.T) {
	b := newBrowsers(t)
	on := b.replica(nil)
	cookie := b.begin(on).Reveal()
	if strings.Contains(cookie, "Ole") || strings.Contains(cookie, "admin_key") {
		t.Errorf("got the session %q, want it sealed", cookie)
	}
	last := cookie[len(cookie)-1]
	for name, forged := range map[string]string{
		"nothing": "", "no form of ours": "admin_key_ole", "of a program": "pts_" + strings.TrimPrefix(cookie, "ptc_"),
		"changed": cookie[:len(cookie)-1] + string('A'+(last-'A'+4)%26), "longer": cookie + "A", "too long": "ptc_" + strings.Repeat("A", 5000),
	} {
		b.wantOver(on, secret.New(forged), true, name)
	}
	if _, err := on.BeginWithKey(t.Context(), "admin_key_ada"); !errors.Is(err, projects.ErrUnknownCaller) {
		t.Errorf("a key that does not exist: got %v, want ErrUnknownCaller", err)
	}
}

func TestASessionOfASignInEndsWithIt(t *testing.T) {
	p := newProvider(t)
	signIn := newSignIn(t, p)
	b := newBrowsers(t)
	on := b.replica(signIn)
	token := signedIn(t, p, signIn, "ole")
	cookie, err := on.BeginWithToken(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	b.wantOver(on, cookie, false, "signed in with the provider")
	if err := signIn.End(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	b.wantOver(on, cookie, true, "whose sign-in was ended")
	b.wantOver(b.replica(nil), cookie, true, "on a service without a provider")
}

func TestSessionsInBrowsersWhileTheStoreIsAway(t *testing.T) {
	b := newBrowsers(t)
	seen, fresh := b.replica(nil), b.replica(nil)
	cookie := b.begin(seen)
	b.wantOver(seen, cookie, false, "while the store is there")
	b.docs.Break(storetest.Away)
	if _, err := fresh.Resume(t.Context(), cookie); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a replica that never read which sessions ended: got %v, want ErrUnavailable", err)
	}
	if err := seen.End(t.Context(), cookie); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("an end that cannot be stored: got %v, want ErrUnavailable", err)
	}
}
