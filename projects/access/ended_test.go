package access_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/projects"
	"playtoken/projects/access"
	"playtoken/store"
)

// behind is the keys of a replica that has not noticed the newest change yet.
type behind struct {
	*callers
	now *callers
}

func (b behind) NewestKey(ctx context.Context, id string) (projects.APIKey, error) {
	return b.now.Key(ctx, id)
}

// endTokens is the end of all tokens so far.
func (c *callers) endTokens() {
	c.change(func(c *callers) {
		k := c.keys[apiKey.Reveal()]
		k.TokensEnded++
		c.keys[apiKey.Reveal()] = k
	})
}

// TestEndedRefreshTokensAreRefused: by every replica at once; those made after are
// accepted even by a replica that does not know of the end yet.
func TestEndedRefreshTokensAreRefused(t *testing.T) {
	docs, now := newMemory(), newCallers()
	late, fresh := replica(t, docs, behind{newCallers(), now}, unsigned{}), replica(t, docs, now, unsigned{})
	before := exchange(t, late)
	now.endTokens()
	for _, a := range []*access.Access{late, fresh} {
		_, err := a.Refresh(t.Context(), before.Refresh)
		refused(t, "refresh token from before", err)
	}
	next, err := late.Refresh(t.Context(), exchange(t, late).Refresh)
	if err != nil {
		t.Fatalf("refresh token from after, at the late replica: got %v, want no error", err)
	}
	if _, err := fresh.Refresh(t.Context(), next.Refresh); err != nil {
		t.Errorf("refresh token from after: got %v, want no error", err)
	}
}

func TestEndedAccessTokensAreRefused(t *testing.T) {
	docs, keys := newMemory(), newCallers()
	kid := publish(t, docs, ours())
	a := replica(t, docs, keys, unsigned{})
	of := func(ended string) error {
		text := strings.Replace(claims(-60, 600), `"jti"`, ended+`"jti"`, 1)
		_, err := a.Identify(t.Context(), sign(ours(), header(kid), text))
		return err
	}
	if err := errors.Join(of(""), of(`"ended":1,`)); err != nil { // this replica may be behind
		t.Errorf("before the end: got %v, want no error", err)
	}
	keys.endTokens()
	refused(t, "token from before", of(""))
	if err := of(`"ended":1,`); err != nil {
		t.Errorf("token from after: got %v, want no error", err)
	}
	keys.endTokens()
	refused(t, "token from between", of(`"ended":1,`))
}

// TestARevokedRefreshTokenEndsItsFamily: whether it was used or not, and although
// the answer of the store was lost.
func TestARevokedRefreshTokenEndsItsFamily(t *testing.T) {
	a := replica(t, newMemory(), newCallers(), unsigned{})
	used, other := exchange(t, a), exchange(t, a)
	newest, err := a.Refresh(t.Context(), used.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := a.Revoke(t.Context(), used.Refresh); err != nil {
			t.Errorf("Revoke: got %v, want no error", err)
		}
	}
	_, err = a.Refresh(t.Context(), newest.Refresh)
	refused(t, "the newest of the revoked family", err)
	if _, err := a.Refresh(t.Context(), other.Refresh); err != nil {
		t.Errorf("another family: got %v, want no error", err)
	}
	refused(t, "a token that was not made here", a.Revoke(t.Context(), apiKey))
}

func TestARevocationOutlivesItsCaller(t *testing.T) {
	a := replica(t, newMemory(), newCallers(), unsigned{})
	token := exchange(t, a).Refresh
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.Revoke(ctx, token); err != nil {
		t.Errorf("Revoke for a caller that has gone: got %v, want no error", err)
	}
	_, err := a.Refresh(t.Context(), token)
	refused(t, "the revoked token", err)
}

// TestARevocationThatIsNotStoredIsNotReported: the caller can send it again.
func TestARevocationThatIsNotStoredIsNotReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docs := newMemory()
		token := exchange(t, replica(t, docs, newCallers(), unsigned{})).Refresh
		err := replica(t, &noWrites{memory: docs, until: time.Now().Add(time.Hour)}, newCallers(), unsigned{}).Revoke(t.Context(), token)
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Revoke while nothing can be written: got %v, want ErrUnavailable", err)
		}
	})
}
