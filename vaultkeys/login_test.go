package vaultkeys_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/store"
	"playtoken/vaultkeys"
)

// read makes one request.
func read(ctx context.Context, s *vaultkeys.Store) error {
	_, err := s.Read(ctx, "ring/default")
	return err
}

func TestLoginsAndRenewalsLeaveNoGap(t *testing.T) {
	for what, f := range map[string]*fakeTokens{
		"renewed until the maximum":         {ttl: time.Hour, max: 24 * time.Hour, mayRenew: true},
		"not renewable":                     {ttl: time.Hour, max: 24 * time.Hour},
		"seconds":                           {ttl: 2 * time.Second, max: 10 * time.Second, mayRenew: true},
		"the response to a renewal is lost": {ttl: time.Hour, max: 3 * time.Hour, mayRenew: true, lost: 1},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := f.open(t, byAppRole)
				synctest.Wait()
				f.set(func() { f.lost = 0 })
				time.Sleep(longestPause) // until the lost renewal is repeated
				for range 500 {
					if err := read(t.Context(), s); err != nil {
						t.Fatal(err)
					}
					time.Sleep(3 * f.ttl / 20)
				}
				if state := s.Login(); state.Failures != 0 || state.Method != "approle" || time.Until(state.ExpiresAt) <= 0 || time.Since(state.At) > f.max {
					t.Errorf("Login() = %+v, want an AppRole login without failures, valid and not older than %s", state, f.max)
				}
				lives := int(75 * f.ttl / f.max) // of tokens that are renewed until their maximum
				if !f.mayRenew {
					lives = 75
				}
				if n := f.times("/login"); n < lives || n > 2*lives+2 {
					t.Errorf("got %d logins, want about %d", n, lives)
				}
				if n := f.times("/data/ring/default"); n != 500 {
					t.Errorf("got %d requests for 500 reads, want 500: some carried an expired token", n)
				}
			})
		})
	}
}

const longestPause = 2 * time.Second

func TestConcurrentRequestsWithAnExpiredTokenLogInOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeTokens{ttl: time.Hour, max: time.Hour}
		s := f.open(t, byAppRole)
		for range 5 {
			before := f.times("/login")
			var all sync.WaitGroup
			for range 100 {
				all.Go(func() {
					_, err := s.Write(t.Context(), "ring/default", []byte("{}"), 0)
					if err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			if n := f.times("/login") - before; n != 1 {
				t.Errorf("got %d logins for 100 requests, want 1", n)
			}
			f.set(func() { clear(f.tokens) }) // revoked
		}
	})
}

func TestLoginsToAVaultThatIsDownAreFewAndSucceedOnceItIsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeTokens{ttl: time.Hour, max: 24 * time.Hour, mayRenew: true, down: true}
		s := f.open(t, byAppRole)
		for range 3 {
			for range 3600 { // impatient callers for two hours: no token outlives that
				if err := read(t.Context(), s); !errors.Is(err, store.ErrUnavailable) {
					t.Fatal(err)
				}
				time.Sleep(2 * time.Second)
			}
			if n := s.Login().Failures; n < 100 {
				t.Errorf("Login().Failures = %d, want at least 100", n)
			}
			f.set(func() { f.down = false })
			time.Sleep(longestPause)
			if err := read(t.Context(), s); err != nil {
				t.Error(err)
			}
			f.set(func() { f.down = true })
		}
		if n := f.times("/login") + f.times("/renew-self"); n > 3*2*7200 {
			t.Errorf("got %d attempts in six hours, want one a second at most", n)
		}
		if n := strings.Count(f.log.String(), "failed"); n > 60 {
			t.Errorf("got %d lines about failures in the log, want 60 at most", n)
		}
	})
}

func TestAPolicyThatForbidsCostsFewLogins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeTokens{ttl: time.Hour, max: 24 * time.Hour, mayRenew: true, forbidden: true}
		s := f.open(t, byAppRole)
		for range 600 {
			if err := read(t.Context(), s); !errors.Is(err, vaultkeys.ErrForbidden) {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if n := f.times("/login"); n > 3 {
			t.Errorf("got %d logins within a minute, want 3 at most", n)
		}
	})
}

// A request whose token was rejected had no effect and is sent again. A request
// that was lost may have had one, and is not.
func TestOnlyRequestsWithARejectedTokenAreRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeTokens{ttl: time.Hour, max: time.Hour}
		s := f.open(t, byAppRole)
		if err := read(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		write := func() error {
			_, err := s.Write(t.Context(), "ring/another", []byte("{}"), 0)
			return err
		}
		f.set(func() { clear(f.tokens) })
		if err := write(); err != nil || f.times("/ring/another") != 2 {
			t.Errorf("Write with a revoked token = %v after %d requests, want success after 2", err, f.times("/ring/another"))
		}
		f.set(func() { f.down = true })
		if err := write(); !errors.Is(err, store.ErrUnavailable) || f.times("/ring/another") != 3 {
			t.Errorf("lost Write = %v after %d requests, want unavailable after 1", err, f.times("/ring/another")-2)
		}
	})
}

func TestAConfiguredTokenIsRenewedUntilItsMaximum(t *testing.T) {
	const day = 24 * time.Hour
	for what, c := range map[string]struct {
		f                  *fakeTokens
		endless            bool
		renewals, lookups  int
		alive              bool // after three days
		expires, complains bool
	}{
		"renewable":         {f: &fakeTokens{ttl: time.Hour, max: 30 * day, mayRenew: true}, renewals: 108, lookups: 1, alive: true, expires: true},
		"until its maximum": {f: &fakeTokens{ttl: time.Hour, max: day, mayRenew: true}, renewals: 36, lookups: 1, expires: true, complains: true},
		"not renewable":     {f: &fakeTokens{ttl: time.Hour, max: day}, lookups: 1, expires: true, complains: true},
		"without an end":    {f: &fakeTokens{}, endless: true, lookups: 1, alive: true},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := c.f
				made := &fakeToken{made: time.Now(), ends: time.Now().Add(f.ttl)}
				if c.endless {
					made.ends = time.Time{}
				}
				f.tokens, f.seen = map[string]*fakeToken{token: made}, map[string][]time.Time{}
				s := f.open(t, vaultkeys.Login{})
				if err := read(t.Context(), s); err != nil || f.times("") != 1 {
					t.Errorf("Read = %v after %d requests, want success after 1", err, f.times(""))
				}
				time.Sleep(3 * day)
				err := read(t.Context(), s)
				if alive := err == nil; alive != c.alive || !alive && !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("Read after three days = %v, want success: %v", err, c.alive)
				}
				if n := f.times("/renew-self"); n < c.renewals*9/10 || n > c.renewals*5/4 {
					t.Errorf("got %d renewals, want about %d", n, c.renewals)
				}
				if n := f.times("/lookup-self"); n != c.lookups || f.times("/login") != 0 {
					t.Errorf("got %d lookups and %d logins, want %d and 0", n, f.times("/login"), c.lookups)
				}
				if state := s.Login(); state.ExpiresAt.IsZero() == c.expires || state.Method != "token" {
					t.Errorf("Login() = %+v, want method token and an expiry: %v", state, c.expires)
				}
				if logged := strings.Contains(f.log.String(), "not renewed"); logged != c.complains || strings.Contains(f.log.String(), "canary") {
					t.Errorf("the log is %s, want it to say \"not renewed\": %v", f.log.String(), c.complains)
				}
			})
		})
	}
}

func TestKubernetesTokensAreReadAtEveryLogin(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	synctest.Test(t, func(t *testing.T) {
		f := &fakeTokens{ttl: time.Hour, max: time.Hour}
		s := f.open(t, vaultkeys.Login{Method: "kubernetes", Path: "k8s/eu", Role: "r", JWTFile: file})
		for what, text := range map[string]string{"no file": "", "empty": "\n", "a control character": "a\x01b", "long": strings.Repeat("x", 65<<10)} {
			if text != "" {
				writeFile(t, file, text)
			}
			time.Sleep(10 * time.Second)
			if err := read(t.Context(), s); !errors.Is(err, store.ErrUnavailable) || strings.Contains(err.Error(), file) {
				t.Errorf("%s: Read = %v, want unavailable, without the path", what, err)
			}
			os.Remove(file)
		}
		for _, jwt := range []string{"first.jwt.x", "second.jwt.y"} {
			writeFile(t, file, jwt+"\n")
			time.Sleep(50 * time.Minute)
			if err := read(t.Context(), s); err != nil {
				t.Error(err)
			}
			var last string
			f.set(func() { last = f.said[len(f.said)-1] })
			if last != `{"jwt":"`+jwt+`","role":"r"}` && last != `{"role":"r","jwt":"`+jwt+`"}` {
				t.Errorf("logged in with %s, want the token %s", last, jwt)
			}
		}
		f.set(func() {
			if n := len(f.seen["/v1/auth/k8s/eu/login"]); n != len(f.said) {
				t.Errorf("got %d of %d logins at auth/k8s/eu, want all", n, len(f.said))
			}
			f.refusal = 403
			clear(f.tokens)
		})
		if err := read(t.Context(), s); !errors.Is(err, store.ErrUnavailable) || strings.Contains(err.Error(), "second.jwt") {
			t.Error(err)
		}
	})
}

// writeFile replaces a file as Kubernetes does: a concurrent reader sees the old
// or the new file.
func writeFile(t *testing.T, path, text string) {
	t.Helper()
	err := os.WriteFile(path+".new", []byte(text), 0o600)
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestCloseEndsARunningLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, vaultkeys.Config{
			Address: "http://vault.test:8200", Login: byAppRole, Transit: "transit-a", KV: "kv-a",
			Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}),
		})
		waited := make(chan error)
		go func() { waited <- read(t.Context(), s) }()
		synctest.Wait()
		began := time.Now()
		s.Close()
		if err := <-waited; !errors.Is(err, store.ErrUnavailable) || time.Since(began) != 0 {
			t.Errorf("Read = %v after %s, want unavailable at once", err, time.Since(began))
		}
		if err := read(t.Context(), s); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Read after Close = %v, want unavailable", err)
		}
	})
}

func TestOpenReportsEveryMistakeOfALogin(t *testing.T) {
	for _, c := range []struct {
		login vaultkeys.Login
		want  string
	}{
		{vaultkeys.Login{Method: "ldap"}, "jwt or cert"},
		{vaultkeys.Login{Method: "jwt", Role: "r"}, "file of a JWT"},
		{vaultkeys.Login{Method: "cert"}, "VAULT_CLIENT_CERT"},
		{vaultkeys.Login{Method: "approle", RoleID: "x"}, "secret id"},
		{vaultkeys.Login{Method: "approle", SecretID: byAppRole.SecretID}, "role id"},
		{vaultkeys.Login{Method: "kubernetes"}, "role"},
		{vaultkeys.Login{Method: "kubernetes", Role: "r", Path: "../sys"}, "login path"},
	} {
		_, err := vaultkeys.Open(t.Context(), vaultkeys.Config{Address: "http://vault.test", Transit: "a", KV: "b", Login: c.login})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Open(%+v) = %v, want an error about %s", c.login, err, c.want)
		}
	}
}
