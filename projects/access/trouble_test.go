package access_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/projects"
	"playtoken/projects/access"
	"playtoken/signer"
	"playtoken/store"
)

// lockstep is a store whose readers of a family wait for each other.
type lockstep struct {
	*memory
	waiting chan struct{} // one value for each who has read
	goOn    chan struct{}
}

func (l *lockstep) Read(ctx context.Context, name string) (store.Document, error) {
	doc, err := l.memory.Read(ctx, name)
	select {
	case l.waiting <- struct{}{}:
		<-l.goOn
	case <-l.goOn:
	}
	return doc, err
}

// TestOfTwoInLockstepOneRedeemsAndBothLose: the loser of the race revokes the
// family of the winner's tokens at once.
func TestOfTwoInLockstepOneRedeemsAndBothLose(t *testing.T) {
	docs, keys := newMemory(), newCallers()
	token := exchange(t, replica(t, docs, keys, unsigned{})).Refresh
	slow := &lockstep{docs, make(chan struct{}, 2), make(chan struct{})}
	var answers [2]access.Tokens
	var errs [2]error
	done := make(chan struct{})
	for n := range 2 {
		a := replica(t, slow, keys, unsigned{})
		go func() {
			answers[n], errs[n] = a.Refresh(t.Context(), token)
			done <- struct{}{}
		}()
	}
	<-slow.waiting
	<-slow.waiting
	close(slow.goOn) // both have read that the token is good
	<-done
	<-done
	won := 0
	if errs[0] != nil {
		won = 1
	}
	if errs[won] != nil {
		t.Fatalf("got %v and %v, want one to succeed", errs[0], errs[1])
	}
	refused(t, "the loser", errs[1-won])
	_, err := replica(t, docs, keys, unsigned{}).Refresh(t.Context(), answers[won].Refresh)
	refused(t, "the winner's successor", err)
}

// TestARevocationIsTriedUntilItIsDone, and said to be open if it could not be.
func TestARevocationIsTriedUntilItIsDone(t *testing.T) {
	for outage, done := range map[time.Duration]bool{3 * time.Second: true, 10 * time.Second: false} {
		synctest.Test(t, func(t *testing.T) {
			docs := newMemory()
			a := replica(t, docs, newCallers(), unsigned{})
			old := exchange(t, a).Refresh
			next, err := a.Refresh(t.Context(), old)
			if err != nil {
				t.Fatal(err)
			}
			deaf := &noWrites{docs, time.Now().Add(outage)}
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel) // the caller does not wait for it
			_, err = replica(t, deaf, newCallers(), unsigned{}).Refresh(ctx, old)
			if done {
				refused(t, "the old token", err)
			} else if !errors.Is(err, store.ErrUnavailable) || errors.Is(err, access.ErrCredentials) {
				t.Errorf("used token, while writes fail for %s: got %v, want ErrUnavailable", outage, err)
			}
			if _, err = a.Refresh(t.Context(), next.Refresh); done != (err != nil) {
				t.Errorf("newest token afterwards: got %v, want an error only once the family is revoked", err)
			}
		})
	}
}

// noWrites is a store that can be read only, until a time.
type noWrites struct {
	*memory
	until time.Time
}

func (n *noWrites) Write(ctx context.Context, name string, data []byte, version int64) (int64, error) {
	if time.Now().Before(n.until) {
		return 0, errLost
	}
	return n.memory.Write(ctx, name, data, version)
}

// recorder keeps the claims that it was to sign.
type recorder struct{ claims map[string]any }

func (r *recorder) Sign(_ context.Context, typ string, ttl time.Duration, claims func(issued, expires time.Time) map[string]any) (signer.Token, error) {
	now := time.Now()
	r.claims = claims(now, now.Add(ttl))
	return signer.Token{Value: typ, IssuedAt: now, ExpiresAt: now.Add(ttl)}, nil
}

func TestARefreshGivesNoMoreThanWasGrantedAndIsStillGiven(t *testing.T) {
	keys, signs := newCallers(), &recorder{}
	a := replica(t, newMemory(), keys, signs)
	got := exchange(t, a)
	first := signs.claims
	if first["scope"] != "mint read" || first["sub"] != keyID || first["iss"] != "playtoken" || first["aud"] != "playtoken" {
		t.Errorf("got the claims %v, want scope, sub, iss and aud", first)
	}
	iat, exp, nbf := first["iat"].(int64), first["exp"].(int64), first["nbf"].(int64)
	if exp-iat != 3600 || iat-nbf != 60 {
		t.Errorf("got iat %d, exp %d, nbf %d, want one hour and a minute of skew", iat, exp, nbf)
	}
	keys.change(func(c *callers) {
		k := c.keys[apiKey.Reveal()]
		k.Scopes = []projects.Scope{"keys", "read"}
		c.keys[apiKey.Reveal()] = k
	})
	if _, err := a.Refresh(t.Context(), got.Refresh); err != nil || signs.claims["scope"] != "read" {
		t.Errorf("Refresh: got the claims %v, %v, want the scope read", signs.claims, err)
	}
	if first["jti"] == signs.claims["jti"] || len(first["jti"].(string)) < 20 {
		t.Errorf("jti: got %v, then %v, want two different ones", first["jti"], signs.claims["jti"])
	}
	names := []string{}
	for name := range signs.claims {
		names = append(names, name)
	}
	slices.Sort(names)
	if !slices.Equal(names, []string{"aud", "exp", "iat", "iss", "jti", "nbf", "scope", "sub"}) {
		t.Errorf("got the claims %v, want aud, exp, iat, iss, jti, nbf, scope and sub", names)
	}
}

func TestAStoreThatIsAwayIsAskedSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docs := newMemory()
		a := replica(t, docs, newCallers(), unsigned{})
		docs.faulty(100, 0, 0)
		for range 100 {
			if _, err := a.JWKS(t.Context()); !errors.Is(err, store.ErrUnavailable) {
				t.Error(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if docs.calls > 11 {
			t.Errorf("got %d calls of the store in ten seconds, want at most 11", docs.calls)
		}
		// A caller who gives up says nothing about the store.
		docs.faulty(0, 0, 0)
		time.Sleep(time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := a.JWKS(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("JWKS with a cancelled context: got %v, want context.Canceled", err)
		}
		if _, err := a.JWKS(t.Context()); err != nil {
			t.Errorf("next JWKS: got %v, want no error", err)
		}
	})
}

// mute is a store that may stop answering.
type mute struct {
	*memory
	silent atomic.Bool
}

func (m *mute) Read(ctx context.Context, name string) (store.Document, error) {
	if m.silent.Load() {
		<-ctx.Done()
		return store.Document{}, ctx.Err()
	}
	return m.memory.Read(ctx, name)
}

// TestNoCallerWaitsForAHangingStore: the cached keys are used, and frequent callers
// do not wait.
func TestNoCallerWaitsForAHangingStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docs := &mute{memory: newMemory()}
		a := replica(t, docs, newCallers(), unsigned{})
		kid := publish(t, docs, ours())
		token := sign(ours(), header(kid), claims(-60, 36000))
		took := func() time.Duration {
			start := time.Now()
			if _, err := a.Identify(t.Context(), token); err != nil {
				t.Error(err)
			}
			if _, err := a.JWKS(t.Context()); err != nil {
				t.Error(err)
			}
			return time.Since(start)
		}
		took()
		docs.silent.Store(true)
		for range 100 {
			if d := took(); d != 0 {
				t.Errorf("caller waited %s, want 0s", d)
			}
			time.Sleep(time.Second)
		}
		// After a pause the store counts as available again: one read is waited for.
		time.Sleep(time.Minute)
		if d := took(); d != 2*time.Second {
			t.Errorf("first caller after a pause waited %s, want 2s", d)
		}
		if d := took(); d != 0 {
			t.Errorf("next caller waited %s, want 0s", d)
		}
		docs.silent.Store(false)
		time.Sleep(2 * time.Second)
		if err := access.NewPublished(docs).Delete(t.Context(), kid); err != nil {
			t.Fatal(err)
		}
		time.Sleep(viewAge + time.Second)
		_, err := a.Identify(t.Context(), token)
		refused(t, "a key that was withdrawn once the store answers again", err)
	})
}
