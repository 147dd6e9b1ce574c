package access_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/gate/verify"
	"playtoken/keyrotation"
	"playtoken/projects"
	"playtoken/projects/access"
	"playtoken/secret"
	"playtoken/store"
)

var ours, stranger = sync.OnceValue(newKey), sync.OnceValue(newKey)

func newKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

func publicKey(t testing.TB, key *rsa.PrivateKey) string {
	t.Helper()
	text, err := keyrotation.EncodePublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// publish makes a key one of those that access tokens are verified with.
func publish(t testing.TB, documents store.Documents, key *rsa.PrivateKey) (keyID string) {
	t.Helper()
	id, err := access.NewPublished(documents).Register(t.Context(), "a test's", publicKey(t, key))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// sign spells a token exactly as told.
func sign(key *rsa.PrivateKey, header, claims string) secret.Value {
	encode := base64.RawURLEncoding.EncodeToString
	input := encode([]byte(header)) + "." + encode([]byte(claims))
	sum := sha256.Sum256([]byte(input))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return secret.New(input + "." + encode(signature))
}

func header(keyID string) string { return `{"alg":"RS256","typ":"at+jwt","kid":"` + keyID + `"}` }

// claims are those of a good token, which begins in this many seconds and ends
// in that many.
func claims(from, to int) string { return claimsOf(keyID, from, to) }

func claimsOf(subject string, from, to int) string {
	now := time.Now().Unix()
	return fmt.Sprintf(`{"iss":"playtoken","aud":"playtoken","sub":"%s","jti":"x","iat":%d,"nbf":%d,"exp":%d,"scope":"mint keys"}`,
		subject, now, now+int64(from), now+int64(to))
}

func TestAnAccessTokenIsItsAPIKey(t *testing.T) {
	docs, keys := newMemory(), newCallers()
	kid := publish(t, docs, ours())
	a := replica(t, docs, keys, unsigned{})
	token := sign(ours(), header(kid), claims(-60, 600))
	for range 2 { // the second time it is remembered
		got, err := a.Identify(t.Context(), token)
		if err != nil || got.ID != keyID || got.ProjectID != "project_a" || got.Operates() || !slices.Equal(got.Scopes, []projects.Scope{"mint"}) {
			t.Errorf("Identify: got %+v, %v, want the API key with the scope mint", got, err)
		}
	}
	// Its scopes are those that it was given and the key has now.
	keys.change(func(c *callers) {
		k := c.keys[apiKey.Reveal()]
		k.Scopes = []projects.Scope{"keys", "read"}
		c.keys[apiKey.Reveal()] = k
	})
	if got, err := a.Identify(t.Context(), token); err != nil || !slices.Equal(got.Scopes, []projects.Scope{"keys"}) {
		t.Errorf("key with other scopes: got %+v, %v, want the scope keys", got, err)
	}
	keys.change(func(c *callers) { c.err = errLost })
	if _, err := a.Identify(t.Context(), token); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, access.ErrCredentials) {
		t.Errorf("while the key cannot be read: got %v, want ErrUnavailable", err)
	}
	keys.change(func(c *callers) { c.err = nil; clear(c.keys) })
	_, err := a.Identify(t.Context(), token)
	refused(t, "after its key was deleted", err)
}

func TestOnlyWhatWeMadeForUsIsAnAccessToken(t *testing.T) {
	docs := newMemory()
	kid := publish(t, docs, ours())
	a := replica(t, docs, newCallers(), unsigned{})
	h, c := header(kid), claims(-60, 600)
	swap := func(text, old, new string) string {
		if !strings.Contains(text, old) {
			t.Fatalf("token: no %s in %s, want it there", old, text)
		}
		return strings.Replace(text, old, new, 1)
	}
	good := sign(ours(), h, c)
	for what, token := range map[string]secret.Value{
		"nothing":            {},
		"rubbish":            secret.New("a.b.c"),
		"an API key":         apiKey,
		"another key":        sign(stranger(), h, c),
		"an absent key":      sign(ours(), header("absent"), c),
		"a playback token":   sign(ours(), swap(h, "at+jwt", "JWT"), c),
		"no type":            sign(ours(), swap(h, `"typ":"at+jwt",`, ""), c),
		"type in capitals":   sign(ours(), swap(h, "at+jwt", "AT+JWT"), c),
		"another algorithm":  sign(ours(), swap(h, "RS256", "RS512"), c),
		"another issuer":     sign(ours(), h, swap(c, `"iss":"playtoken"`, `"iss":"other"`)),
		"no issuer":          sign(ours(), h, swap(c, `"iss":"playtoken",`, "")),
		"another audience":   sign(ours(), h, swap(c, `"aud":"playtoken"`, `"aud":"other"`)),
		"a list of them":     sign(ours(), h, swap(c, `"aud":"playtoken"`, `"aud":["playtoken","x"]`)),
		"no audience":        sign(ours(), h, swap(c, `"aud":"playtoken",`, "")),
		"no subject":         sign(ours(), h, swap(c, `"sub":"`+keyID+`",`, "")),
		"unknown subject":    sign(ours(), h, swap(c, keyID, "api_key_two")),
		"no scope":           sign(ours(), h, swap(c, `,"scope":"mint keys"`, "")),
		"scope is a list":    sign(ours(), h, swap(c, `"mint keys"`, `["mint"]`)),
		"no beginning":       sign(ours(), h, swap(c, `"nbf"`, `"nbg"`)),
		"no end":             sign(ours(), h, swap(c, `"exp"`, `"exq"`)),
		"over":               sign(ours(), h, claims(-60, 0)),
		"not yet":            sign(ours(), h, claims(60, 600)),
		"another spelling":   secret.New(good.Reveal() + "="),
		"altered":            secret.New(good.Reveal()[:len(good.Reveal())-8] + "AAAAAAAA"),
		"claims of another":  secret.New(strings.Join([]string{part(good, 0), part(sign(ours(), h, claims(-60, 9999)), 1), part(good, 2)}, ".")),
		"a refresh token":    exchange(t, a).Refresh,
		"longer than it may": sign(ours(), h, swap(c, `"jti":"x"`, `"jti":"`+strings.Repeat("x", 9000)+`"`)),
	} {
		t.Run(what, func(t *testing.T) {
			if _, err := a.Identify(t.Context(), good); err != nil {
				t.Fatalf("valid token: got %v, want no error", err)
			}
			for range 2 { // what was refused is not remembered as good
				_, err := a.Identify(t.Context(), token)
				refused(t, what, err)
			}
		})
	}
}

func part(token secret.Value, n int) string { return strings.Split(token.Reveal(), ".")[n] }

func TestAnAccessTokenOpensNoVideo(t *testing.T) {
	docs := newMemory()
	kid := publish(t, docs, ours())
	known := func(id string) (crypto.PublicKey, bool) { return &ours().PublicKey, id == kid }
	token := sign(ours(), header(kid), claims(-60, 600))
	if _, err := verify.Verify(token.Reveal(), keyID, time.Now(), known); err == nil {
		t.Error("access token as a playback token: got no error, want one")
	}
	if _, err := verify.Signed(token.Reveal(), "at+jwt", known); err != nil {
		t.Errorf("access token with its own type: got %v, want no error", err)
	}
}

func TestATokenEndsInItsSecondThoughItIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docs := newMemory()
		a := replica(t, docs, newCallers(), unsigned{})
		token := sign(ours(), header(publish(t, docs, ours())), claims(10, 20))
		for second := range 25 {
			_, err := a.Identify(t.Context(), token)
			if good := second >= 10 && second < 20; good != (err == nil) {
				t.Errorf("in second %d: got %v, want an error outside its time only", second, err)
			}
			time.Sleep(time.Second)
		}
	})
}

// A key that is withdrawn takes its tokens along, remembered or not, within
// the view age; a new one is known as soon as a token names it.
func TestThePublishedKeysDecide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docs := newMemory()
		a := replica(t, docs, newCallers(), unsigned{})
		old := sign(ours(), header(publish(t, docs, ours())), claims(-60, 6000))
		if _, err := a.Identify(t.Context(), old); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		kid := publish(t, docs, stranger())
		fresh := sign(stranger(), header(kid), claims(-60, 6000))
		if _, err := a.Identify(t.Context(), fresh); err != nil {
			t.Errorf("token of a key that was just published: got %v, want no error", err)
		}
		if err := access.NewPublished(docs).Delete(t.Context(), kid); err != nil {
			t.Fatal(err)
		}
		time.Sleep(viewAge + time.Second)
		_, err := a.Identify(t.Context(), fresh)
		refused(t, "a key that was withdrawn", err)
		// While the store is away, what was read last goes on for a while.
		docs.faulty(100, 0, 0)
		time.Sleep(time.Hour - time.Minute)
		if _, err := a.Identify(t.Context(), old); err != nil {
			t.Errorf("cached key while the store is unavailable: got %v, want no error", err)
		}
		if _, err := a.Identify(t.Context(), fresh); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, access.ErrCredentials) {
			t.Errorf("unknown key while the store is unavailable: got %v, want ErrUnavailable", err)
		}
		time.Sleep(time.Minute + time.Second)
		if _, err := a.Identify(t.Context(), old); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, access.ErrCredentials) {
			t.Errorf("cached key after the staleness: got %v, want ErrUnavailable", err)
		}
		docs.faulty(0, 0, 0)
		time.Sleep(2 * time.Second)
		if _, err := a.Identify(t.Context(), old); err != nil {
			t.Errorf("after the store is back: got %v, want no error", err)
		}
	})
}

func TestManyCallersAskTheStoreSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docs := newMemory()
		kid := publish(t, docs, ours())
		a := replica(t, docs, newCallers(), unsigned{})
		unknown := sign(ours(), header("unknown"), claims(-60, 600))
		before := docs.calls
		for n := range 60 { // seconds
			for range 20 {
				a.Identify(t.Context(), unknown)
			}
			if _, err := a.Identify(t.Context(), sign(ours(), header(kid), claims(-60, 600+n))); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Second)
		}
		if n := docs.calls - before; n > 61 {
			t.Errorf("unknown keys: got %d calls of the store in a minute, want at most 61", n)
		}
	})
}

// Viewers come with tokens of their own providers, which have to be known for
// such whether the store answers or not.
func TestTheStoreIsNotAskedAboutTokensOfOthers(t *testing.T) {
	docs := newMemory()
	a := replica(t, docs, newCallers(), unsigned{})
	docs.faulty(100, 0, 0)
	for _, text := range []string{`{"iss":"https://login.example","exp":1}`, `{"exp":1}`, `["playtoken"]`} {
		_, err := a.Identify(t.Context(), sign(stranger(), header("theirs"), text))
		refused(t, text, err)
	}
	if docs.calls > 0 {
		t.Errorf("tokens of other issuers: got %d calls of the store, want 0", docs.calls)
	}
	_, err := a.Identify(t.Context(), sign(stranger(), header("theirs"), claims(-60, 600)))
	if !errors.Is(err, store.ErrUnavailable) || docs.calls == 0 {
		t.Errorf("token that names this service: got %v, %d calls of the store, want ErrUnavailable and a call", err, docs.calls)
	}
}

func FuzzIdentify(f *testing.F) {
	docs := newMemory()
	kid := publish(f, docs, ours())
	a := replica(f, docs, newCallers(), unsigned{})
	good := sign(ours(), header(kid), claims(-60, 600000))
	f.Add(good.Reveal(), false)
	f.Add("a.b.c", false)
	f.Add(claims(-60, 600), true)
	f.Add(`{"exp":1e300,"nbf":null}`, true)
	f.Fuzz(func(t *testing.T, text string, signed bool) {
		token := secret.New(text)
		if signed {
			token = sign(ours(), header(kid), text)
		}
		got, err := a.Identify(t.Context(), token)
		if err == nil && (got.ID != keyID || got.Operates() || !signed && text != good.Reveal()) {
			t.Errorf("token %q: got %+v, want it refused", text, got)
		}
		if err != nil {
			refused(t, text, err)
		}
	})
}
