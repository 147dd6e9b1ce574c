package access_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/keyrotation"
	"playtoken/projects/access"
	"playtoken/secret"
	"playtoken/store"
)

// tokenNamed is an access token with an id of its own.
func tokenNamed(kid, id string, from, to int) secret.Value {
	return sign(ours(), header(kid), strings.Replace(claims(from, to), `"jti":"x"`, `"jti":"`+id+`"`, 1))
}

// TestAnEndedAccessTokenIsRefused: at once by the process that ended it, within the
// view age by others, which then read the store no more than before.
func TestAnEndedAccessTokenIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docs := newMemory()
		kid := publish(t, docs, ours())
		a, other := replica(t, docs, newCallers(), unsigned{}), replica(t, docs, newCallers(), unsigned{})
		ended, kept := tokenNamed(kid, "ended", -60, 600), tokenNamed(kid, "kept", -60, 600)
		identify := func(by *access.Access, token secret.Value) error {
			_, err := by.Identify(t.Context(), token)
			return err
		}
		for _, by := range []*access.Access{a, other} {
			if err := errors.Join(identify(by, ended), identify(by, kept)); err != nil {
				t.Fatalf("before the end: got %v, want no error", err)
			}
		}
		for range 2 { // once more changes nothing
			if err := a.EndToken(t.Context(), ended); err != nil {
				t.Fatalf("EndToken: got %v, want no error", err)
			}
		}
		refused(t, "the ended token, here", identify(a, ended))
		time.Sleep(viewAge + time.Second)
		refused(t, "the ended token, at another replica", identify(other, ended))
		if err := errors.Join(identify(a, kept), identify(other, kept)); err != nil {
			t.Errorf("another token of the API key: got %v, want no error", err)
		}
		synctest.Wait()
		calls := docs.calls
		for range 100 {
			refused(t, "the ended token", identify(other, ended))
		}
		if docs.calls != calls {
			t.Errorf("reads of the store for a hundred requests: got %d, want none", docs.calls-calls)
		}
	})
}

// TestWhichAccessTokensCanBeEnded: those that were made here, over or not.
func TestWhichAccessTokensCanBeEnded(t *testing.T) {
	docs := newMemory()
	kid := publish(t, docs, ours())
	a := replica(t, docs, newCallers(), unsigned{})
	good, over := tokenNamed(kid, "good", -60, 600), tokenNamed(kid, "over", -600, -60)
	forged := secret.New(good.Reveal()[:len(good.Reveal())-8] + "AAAAAAAA")
	for name, token := range map[string]secret.Value{"forged": forged, "an API key": apiKey, "nothing": secret.New("")} {
		refused(t, name, a.EndToken(t.Context(), token))
		_, err := a.TokenOwner(t.Context(), token)
		refused(t, "owner of "+name, err)
	}
	for name, token := range map[string]secret.Value{"over": over, "good": good, "ended": good} {
		owner, err := a.TokenOwner(t.Context(), token)
		if err != nil || owner.ID != keyID || len(owner.Scopes) > 0 {
			t.Errorf("owner of a token that is %s: got %+v, %v, want the API key without scopes", name, owner, err)
		}
		if err := a.EndToken(t.Context(), token); err != nil {
			t.Errorf("EndToken of one that is %s: got %v, want no error", name, err)
		}
	}
	if held := docs.named("families"); len(held) != 1 || strings.Contains(held[0], "over") || strings.Contains(held[0], good.Reveal()) {
		t.Errorf("documents: got %s, want one with the good token's id alone", held)
	}
}

// TestEndedTokensAreBoundedAndForgotten with their time; one too many is not ended.
func TestEndedTokensAreBoundedAndForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docs := newMemory()
		kid := publish(t, docs, ours())
		a := replica(t, docs, newCallers(), unsigned{})
		for n := range 500 {
			if err := a.EndToken(t.Context(), tokenNamed(kid, fmt.Sprint(n), -60, 600)); err != nil {
				t.Fatal(err)
			}
		}
		if _, full := errors.AsType[*keyrotation.Guard](a.EndToken(t.Context(), tokenNamed(kid, "more", -60, 600))); !full {
			t.Error("one too many: got it ended, want a guard")
		}
		time.Sleep(15 * time.Minute)
		if err := a.EndToken(t.Context(), tokenNamed(kid, "later", -60, 600)); err != nil {
			t.Errorf("when the others have expired: got %v, want no error", err)
		}
		if held := docs.named("families"); len(held) != 1 || strings.Count(held[0], "jti") != 1 {
			t.Errorf("documents: got %.200s, want the newest alone", held)
		}
	})
}

// TestTheEndOfATokenIsTriedAgain where the store fails, and reported only if it is
// stored.
func TestTheEndOfATokenIsTriedAgain(t *testing.T) {
	docs := newMemory()
	kid := publish(t, docs, ours())
	a := replica(t, docs, newCallers(), unsigned{})
	for n := range 50 {
		token := tokenNamed(kid, fmt.Sprint(n), -60, 600)
		if _, err := a.Identify(t.Context(), token); err != nil {
			t.Fatal(err)
		}
		docs.faulty(20, 20, 0)
		err := a.EndToken(t.Context(), token)
		docs.faulty(0, 0, 0)
		if err != nil && !errors.Is(err, store.ErrUnavailable) {
			t.Fatalf("EndToken: got %v, want ErrUnavailable at most", err)
		}
		if _, after := a.Identify(t.Context(), token); err == nil && after == nil {
			t.Error("a token whose end was reported: got it accepted, want it refused")
		}
	}
}

// TestEndedTokensAreForgottenWithTheirAPIKey, like its families.
func TestEndedTokensAreForgottenWithTheirAPIKey(t *testing.T) {
	docs := newMemory()
	a := replica(t, docs, newCallers(), unsigned{})
	if err := a.EndToken(t.Context(), tokenNamed(publish(t, docs, ours()), "x", -60, 600)); err != nil {
		t.Fatal(err)
	}
	if err := access.Forget(t.Context(), docs, keyID); err != nil || len(docs.named("families")) != 0 {
		t.Errorf("Forget: got %v and left %v, want nothing left", err, docs.named("families"))
	}
}
