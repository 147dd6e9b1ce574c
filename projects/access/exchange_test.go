package access_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/projects"
	"playtoken/projects/access"
	"playtoken/secret"
	"playtoken/signer"
	"playtoken/store"
)

func TestEachRefreshTokenWorksOnce(t *testing.T) {
	docs := newMemory()
	a := replica(t, docs, newCallers(), unsigned{})
	got := exchange(t, a)
	if got.Access.Reveal() != "at+jwt-canary" || got.ExpiresIn != time.Hour || !strings.HasPrefix(got.Refresh.Reveal(), "ptr_") {
		t.Errorf("Exchange: got %q, %q, %s, want the signer's token, a refresh token and one hour", got.Access.Reveal(), got.Refresh.Reveal(), got.ExpiresIn)
	}
	seen := map[string]bool{got.Refresh.Reveal(): true}
	used := got.Refresh
	for range 10 {
		next, err := a.Refresh(t.Context(), got.Refresh)
		if err != nil || next.ExpiresIn != time.Hour || next.Access.IsZero() || seen[next.Refresh.Reveal()] {
			t.Fatalf("Refresh: got %q, %s, %v, want a new refresh token and one hour", next.Refresh.Reveal(), next.ExpiresIn, err)
		}
		seen[next.Refresh.Reveal()] = true
		used, got = got.Refresh, next
	}
	other := exchange(t, a)
	_, err := a.Refresh(t.Context(), used)
	refused(t, "a token that was used", err)
	if !errors.Is(err, access.ErrReused) {
		t.Errorf("a token that was used: got %v, want ErrReused", err)
	}
	_, err = a.Refresh(t.Context(), got.Refresh)
	refused(t, "the newest of its family", err)
	if _, err := a.Refresh(t.Context(), other.Refresh); err != nil {
		t.Errorf("another family of the same API key: got %v, want no error", err)
	}
}

// TestTheOwnerOfARefreshTokenIsItsAPIKey: the owner is charged for a refresh, and
// named on the record if the token was used before.
func TestTheOwnerOfARefreshTokenIsItsAPIKey(t *testing.T) {
	keys := newCallers()
	a := replica(t, newMemory(), keys, unsigned{})
	token := exchange(t, a).Refresh
	want, err := keys.Identify(t.Context(), apiKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, when := range []string{"before its use", "after its use"} {
		got, err := a.Owner(t.Context(), token)
		if err != nil || got.ID != want.ID || got.ProjectID != want.ProjectID || len(got.Scopes) > 0 || got.Role != "" {
			t.Errorf("owner %s: got %+v, %v, want %s of %s, without any right", when, got, err, want.ID, want.ProjectID)
		}
		if _, err := a.Refresh(t.Context(), token); err != nil && when == "before its use" {
			t.Fatal(err)
		}
	}
	_, err = a.Owner(t.Context(), secret.New(token.Reveal()[:len(token.Reveal())-1]+"x"))
	refused(t, "the owner of a forged token", err)
	keys.change(func(c *callers) { clear(c.keys) })
	_, err = a.Owner(t.Context(), token)
	refused(t, "the owner of a token whose API key is gone", err)
}

func TestAForgedTokenEndsNothing(t *testing.T) {
	docs := newMemory()
	a := replica(t, docs, newCallers(), unsigned{})
	good := exchange(t, a).Refresh
	next, err := a.Refresh(t.Context(), good)
	if err != nil {
		t.Fatal(err)
	}
	good = next.Refresh // number 1 of its family
	part := strings.Split(good.Reveal(), "_")
	calls := docs.calls
	for _, forged := range []string{
		"", "ptr_", good.Reveal() + "0", good.Reveal()[:len(good.Reveal())-1], " " + good.Reveal(), good.Reveal() + "\n",
		strings.ToUpper(good.Reveal()), "ptr_" + part[1] + "_0_" + part[3], "ptr_" + part[1] + "_2_" + part[3],
		"ptr_" + part[1] + "_01_" + part[3], "ptr_" + part[1] + "_-1_" + part[3], "ptr_" + part[1] + "_1_" + strings.Repeat("0", 64),
		"ptr_" + strings.Repeat("a", 26) + "_1_" + part[3], "ptr_" + part[1] + "_99999999999999999999_" + part[3],
		"pt_" + strings.TrimPrefix(good.Reveal(), "ptr_"), next.Access.Reveal(), apiKey.Reveal(),
	} {
		_, err := a.Refresh(t.Context(), secret.New(forged))
		refused(t, forged, err)
	}
	if docs.calls != calls {
		t.Errorf("forged tokens: got %d calls of the store, want 0", docs.calls-calls)
	}
	if _, err := a.Refresh(t.Context(), good); err != nil {
		t.Errorf("genuine token after forged ones: got %v, want no error", err)
	}
}

func FuzzRefreshTokens(f *testing.F) {
	docs := newMemory()
	a := replica(f, docs, newCallers(), unsigned{})
	good := exchange(f, a).Refresh
	f.Add(good.Reveal())
	f.Add("ptr_aaaaaaaaaaaaaaaaaaaaaaaaaa_0_" + strings.Repeat("0", 64))
	f.Add("ptr__0_")
	before := docs.named("family")
	f.Fuzz(func(t *testing.T, text string) {
		if text == good.Reveal() {
			return
		}
		_, err := a.Refresh(t.Context(), secret.New(text))
		refused(t, text, err)
		if now := docs.named("family"); len(now) != 1 || now[0] != before[0] {
			t.Errorf("token %q: got the store changed, want it unchanged", text)
		}
	})
}

func TestFamiliesEndAfterThirtyDaysHoweverOftenRefreshed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := replica(t, newMemory(), newCallers(), unsigned{})
		got := exchange(t, a)
		unused := exchange(t, a)
		for range 29 {
			time.Sleep(24 * time.Hour)
			next, err := a.Refresh(t.Context(), got.Refresh)
			if err != nil {
				t.Fatal(err)
			}
			got = next
		}
		time.Sleep(24*time.Hour - 2*time.Second)
		last, err := a.Refresh(t.Context(), got.Refresh)
		if err != nil {
			t.Errorf("in the last second: got %v, want no error", err)
		}
		time.Sleep(2 * time.Second)
		for what, token := range map[string]secret.Value{"refreshed often": last.Refresh, "never refreshed": unused.Refresh} {
			_, err := a.Refresh(t.Context(), token)
			refused(t, what, err)
		}
	})
}

func TestAnAPIKeyHasAHundredFamilies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docs := newMemory()
		replicas := trio(t, docs, docs, docs)
		first, second := exchange(t, replicas[0]), exchange(t, replicas[1])
		for n := range 99 {
			exchange(t, replicas[n%3])
		}
		if n := len(docs.named("family")); n != 100 {
			t.Errorf("%d families, want 100", n)
		}
		_, err := replicas[2].Refresh(t.Context(), first.Refresh)
		refused(t, "the oldest of 101", err)
		if _, err := replicas[2].Refresh(t.Context(), second.Refresh); err != nil {
			t.Errorf("second oldest family: got %v, want no error", err)
		}
		// And of many who come at once, none is lost or left over.
		var wg sync.WaitGroup
		var mu sync.Mutex
		var made []access.Tokens
		for n := range 150 {
			wg.Go(func() {
				got, err := replicas[n%3].Exchange(t.Context(), apiKey)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				made = append(made, got)
			})
		}
		wg.Wait()
		good := 0
		for _, m := range made {
			if _, err := replicas[0].Refresh(t.Context(), m.Refresh); err == nil {
				good++
			}
		}
		if n := len(docs.named("family")); n != 100 || good != 100 {
			t.Errorf("%d families, %d good refresh tokens, want 100", n, good)
		}
		time.Sleep(31 * 24 * time.Hour)
		exchange(t, replicas[0])
		if n := len(docs.named("family")); n != 1 {
			t.Errorf("after all but one expired: got %d families, want 1", n)
		}
	})
}

func TestADeletedAPIKeyRefreshesNothing(t *testing.T) {
	keys, docs := newCallers(), newMemory()
	a := replica(t, docs, keys, unsigned{})
	got := exchange(t, a)
	exchange(t, a)
	keys.change(func(c *callers) { clear(c.keys) })
	_, err := a.Refresh(t.Context(), got.Refresh)
	refused(t, "Refresh", err)
	_, err = a.Exchange(t.Context(), apiKey)
	refused(t, "Exchange", err)
	for range 2 {
		if err := access.Forget(t.Context(), docs, keyID); err != nil || len(docs.docs) != 0 {
			t.Errorf("Forget: got %v, %d documents left, want none", err, len(docs.docs))
		}
	}
}

func TestTheStoreHoldsNoToken(t *testing.T) {
	docs := newMemory()
	a := replica(t, docs, newCallers(), unsigned{})
	got := exchange(t, a)
	next, err := a.Refresh(t.Context(), got.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(append(docs.named("family"), docs.named("families")...), "\n")
	if !strings.Contains(text, keyID) {
		t.Fatalf("document: got %s, want one with the API key's id", text)
	}
	for _, token := range []secret.Value{got.Refresh, next.Refresh, got.Access, apiKey} {
		for part := range strings.SplitSeq(token.Reveal(), "_") {
			if len(part) > 30 && strings.Contains(text, part) {
				t.Errorf("got the part %q of a token in %s, want it nowhere", part, text)
			}
		}
		if strings.Contains(text, "canary") || strings.Contains(text, token.Reveal()) {
			t.Errorf("got a token in %s, want it nowhere", text)
		}
	}
}

func TestOnlyAPIKeysAreExchanged(t *testing.T) {
	keys := newCallers()
	a := replica(t, newMemory(), access.WithEnvironment(keys, always(environment), secrets{}), unsigned{})
	got := exchange(t, a)
	for what, credential := range map[string]secret.Value{
		"nothing": {}, "unknown": secret.New("pt_x_y"), "an access token": got.Access, "a refresh token": got.Refresh,
		"the admin key": environment.AdminKey,
	} {
		_, err := a.Exchange(t.Context(), credential)
		refused(t, what, err)
	}
	if _, err := a.Exchange(t.Context(), environment.APIKey); err != nil {
		t.Errorf("API key of the environment: got %v, want no error", err)
	}
}

// If a part is unavailable no token is returned, and the error does not blame the
// caller's credential.
func TestTroubleIsNotTheCallersFault(t *testing.T) {
	away := errors.Join(store.ErrUnavailable)
	docs, keys := newMemory(), newCallers()
	token := exchange(t, replica(t, docs, keys, unsigned{})).Refresh
	config := access.Config{Documents: docs, Keys: keys, Secrets: secrets{}, Signer: unsigned{}, ViewAge: viewAge}
	for what, breaks := range map[string]func(*access.Config){
		"store":   func(c *access.Config) { dead := newMemory(); dead.notDone = 100; c.Documents = dead },
		"keys":    func(c *access.Config) { c.Keys = &callers{err: away} },
		"secrets": func(c *access.Config) { c.Secrets = secrets{away} },
		"signer":  func(c *access.Config) { c.Signer = unsigned{signer.ErrUnavailable} },
		"no key":  func(c *access.Config) { c.Signer = unsigned{&signer.NoActiveKey{}} },
	} {
		broken := config
		breaks(&broken)
		a, err := access.New(broken)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(a.Close)
		_, exchanged := a.Exchange(t.Context(), apiKey)
		_, refreshed := a.Refresh(t.Context(), token)
		for _, err := range []error{exchanged, refreshed} {
			var none *signer.NoActiveKey
			known := errors.Is(err, store.ErrUnavailable) || errors.Is(err, signer.ErrUnavailable) || errors.As(err, &none)
			if !known || errors.Is(err, access.ErrCredentials) || strings.Contains(err.Error(), "canary") {
				t.Errorf("%s: got %v, want the cause, not ErrCredentials", what, err)
			}
		}
	}
	// The signer was away before anything was written: the token is still good.
	if _, err := replica(t, docs, keys, unsigned{}).Refresh(t.Context(), token); err != nil {
		t.Errorf("after the trouble: got %v, want no error", err)
	}
}

var environment = projects.EnvironmentKeys{
	AdminKey: secret.New("admin key of thirty-two characters"), APIKey: secret.New("frontend's key of thirty-two chars"),
}

// always are keys that are not replaced.
func always(keys projects.EnvironmentKeys) func() projects.EnvironmentKeys {
	return func() projects.EnvironmentKeys { return keys }
}

func TestAnotherKeyInTheEnvironmentEndsTheTokensOfTheOld(t *testing.T) {
	docs, keys := newMemory(), newCallers()
	with := func(e projects.EnvironmentKeys) *access.Access {
		return replica(t, docs, access.WithEnvironment(keys, always(e), secrets{}), unsigned{})
	}
	got, err := with(environment).Exchange(t.Context(), environment.APIKey)
	if err != nil {
		t.Fatal(err)
	}
	next, err := with(environment).Refresh(t.Context(), got.Refresh)
	if err != nil {
		t.Errorf("token of the unchanged key: got %v, want no error", err)
	}
	changed := environment
	changed.APIKey = secret.New("another key of thirty-two characters")
	for _, e := range []projects.EnvironmentKeys{changed, {AdminKey: environment.AdminKey}} {
		_, err = with(e).Refresh(t.Context(), next.Refresh)
		refused(t, "another key, or none", err)
	}
	exchange(t, with(changed)) // the store's own are not concerned
}
