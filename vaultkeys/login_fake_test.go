package vaultkeys_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"playtoken/secret"
	"playtoken/vaultkeys"
)

// fakeTokens is a Vault that knows about tokens and nothing else: how they
// live, are prolonged and end. It needs no time of its own, so in a synctest
// bubble days pass in no time.
type fakeTokens struct {
	ttl, max  time.Duration
	mayRenew  bool
	refusal   int           // status of the answer to a login, unless 0
	down      bool          // nothing is answered
	forbidden bool          // policies allow nothing
	lost      int           // so many answers to logins and renewals get lost
	hold      chan struct{} // if not nil, each login waits for an element

	mu     sync.Mutex
	tokens map[string]*fakeToken
	seen   map[string][]time.Time // when each path was asked for
	said   []string               // bodies of logins
	log    logged
}

// logged is what was logged.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

type fakeToken struct{ made, ends time.Time }

func (f *fakeTokens) RoundTrip(r *http.Request) (*http.Response, error) {
	if f.hold != nil && strings.HasSuffix(r.URL.Path, "/login") {
		<-f.hold
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.tokens == nil {
		f.tokens, f.seen = map[string]*fakeToken{}, map[string][]time.Time{}
	}
	f.seen[r.URL.Path] = append(f.seen[r.URL.Path], time.Now())
	if f.down {
		return nil, errors.New("connection refused by the test")
	}
	if strings.HasSuffix(r.URL.Path, "/login") {
		return f.login(r)
	}
	t := f.tokens[r.Header.Get("X-Vault-Token")]
	if t == nil || !t.ends.IsZero() && !time.Now().Before(t.ends) {
		return answer(r, 403, `{"errors":["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"]}`), nil
	}
	switch r.URL.Path {
	case "/v1/auth/token/renew-self":
		t.ends = time.Now().Add(min(f.ttl, time.Until(t.made.Add(f.max))))
		return f.granted(r, r.Header.Get("X-Vault-Token"), t)
	case "/v1/auth/token/lookup-self":
		ttl := max(0, int(time.Until(t.ends).Seconds()))
		return answer(r, 200, fmt.Sprintf(`{"data":{"ttl":%d,"renewable":%v}}`, ttl, f.mayRenew)), nil
	}
	if f.forbidden {
		return answer(r, 403, `{"errors":["1 error occurred:\n\t* permission denied\n\n"]}`), nil
	}
	return answer(r, 200, `{"data":{"version":1,"data":{"document":"{}"},"metadata":{"version":1}}}`), nil
}

// login accepts every credential, unless refusal is set.
func (f *fakeTokens) login(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	f.said = append(f.said, string(body))
	if f.refusal == http.StatusForbidden { // as of a locked role
		return answer(r, f.refusal, `{"errors":["permission denied"]}`), nil
	}
	if f.refusal != 0 { // and it repeats what it was told, as it should not
		return answer(r, f.refusal, `{"errors":["invalid role or secret ID: `+strings.ReplaceAll(string(body), `"`, `'`)+`"]}`), nil
	}
	name := fmt.Sprintf("%s-%d", token, len(f.seen[r.URL.Path]))
	f.tokens[name] = &fakeToken{made: time.Now(), ends: time.Now().Add(f.ttl)}
	return f.granted(r, name, f.tokens[name])
}

func (f *fakeTokens) granted(r *http.Request, name string, t *fakeToken) (*http.Response, error) {
	if f.lost > 0 {
		f.lost--
		return nil, errors.New("connection reset by the test")
	}
	return answer(r, 200, fmt.Sprintf(`{"auth":{"client_token":%q,"lease_duration":%d,"renewable":%v}}`,
		name, int(time.Until(t.ends).Seconds()), f.mayRenew)), nil
}

// times returns how often a path that ends like this was asked for.
func (f *fakeTokens) times(path string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for seen, at := range f.seen {
		if strings.HasSuffix(seen, path) {
			n += len(at)
		}
	}
	return n
}

// set changes what it does from now on.
func (f *fakeTokens) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

const secretID = "canary-secret-id"

var byAppRole = vaultkeys.Login{Method: "approle", RoleID: "role-1", SecretID: secret.New(secretID)}

// open opens a store that logs in to it.
func (f *fakeTokens) open(t testing.TB, login vaultkeys.Login) *vaultkeys.Store {
	t.Helper()
	return open(t, vaultkeys.Config{
		Address: "http://vault.test:8200", Token: secret.New(token), Login: login,
		Transit: "transit-a", KV: "kv-a", Transport: f, Log: slog.New(slog.NewTextHandler(&f.log, nil)),
	})
}
