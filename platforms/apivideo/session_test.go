package apivideo_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/keyrotation"
	"playtoken/platforms"
	"playtoken/platforms/apivideo/apivideotest"
	"playtoken/platforms/standin"
	"playtoken/signer"
)

func bubble(t *testing.T, name string, test func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}

func TestASessionIsRenewedBeforeItEnds(t *testing.T) {
	bubble(t, "by its refresh token", func(t *testing.T) {
		w := newWorld(t)
		w.must(t)
		since := w.counts(authenticate, refresh)
		time.Sleep(apivideotest.BearerLife * 8 / 10)
		w.must(t)
		if got := since(); !slices.Equal(got, []int{0, 0}) {
			t.Errorf("before it is due: %v", got)
		}
		for range 3 { // each refresh brings the next refresh token
			time.Sleep(apivideotest.BearerLife * 9 / 10)
			w.must(t)
		}
		if got := since(); !slices.Equal(got, []int{0, 3}) {
			t.Errorf("when it was due three times: %v", got)
		}
	})
	for name, trouble := range map[string]standin.Fault{
		"the answer is lost":        {Response: standin.Lost},
		"the request is lost":       {Response: standin.Lost, Effect: standin.Never},
		"it is answered 401":        standin.Refuse(401),
		"it is answered 500":        standin.Refuse(500),
		"the answer makes no sense": {Response: standin.InvalidUTF8},
	} {
		bubble(t, "by a login when "+name, func(t *testing.T) {
			w := newWorld(t)
			w.must(t)
			w.Script(refresh, trouble)
			since := w.counts(authenticate, refresh)
			time.Sleep(apivideotest.BearerLife * 9 / 10)
			w.must(t)
			w.must(t)
			if got := since(); !slices.Equal(got, []int{1, 1}) {
				t.Errorf("got %v calls of the routes, want {1, 1}", got)
			}
		})
	}
	bubble(t, "later when it is throttled", func(t *testing.T) {
		w := newWorld(t)
		w.must(t)
		w.Script(refresh, standin.Throttle("5"))
		since := w.counts(authenticate, refresh)
		time.Sleep(apivideotest.BearerLife * 9 / 10)
		w.must(t)
		if got := since(); !slices.Equal(got, []int{0, 1}) {
			t.Errorf("got %v calls of the routes, want {0, 1}", got)
		}
		time.Sleep(10 * time.Second)
		w.must(t)
		if got := since(); !slices.Equal(got, []int{0, 2}) {
			t.Errorf("got %v calls of the routes, want {0, 2}", got)
		}
	})
	bubble(t, "by a login when the refresh token is dead", func(t *testing.T) {
		w := newWorld(t)
		w.must(t)
		w.Expire(true)
		since := w.counts(authenticate, refresh)
		time.Sleep(apivideotest.BearerLife * 9 / 10)
		w.must(t)
		if got := since(); !slices.Equal(got, []int{1, 1}) {
			t.Errorf("got %v calls of the routes, want {1, 1}", got)
		}
	})
}

// A renewal that fails must not make a mint fail as long as the
// session is good.
func TestNoFailureEndsASessionBeforeItsTime(t *testing.T) {
	for name, fault := range map[string]standin.Fault{
		"unavailable": standin.Refuse(503), "silent": {Response: standin.Silent}, "throttled": standin.Throttle("600"), "rejected": standin.Refuse(401),
	} {
		bubble(t, name, func(t *testing.T) {
			w := newWorld(t)
			w.must(t)
			broken := slices.Repeat([]standin.Fault{fault}, 1000)
			w.Script(authenticate, broken...)
			w.Script(refresh, broken...)
			made := time.Now()
			time.Sleep(apivideotest.BearerLife * 9 / 10)
			for time.Since(made) < apivideotest.BearerLife-10*time.Second {
				w.must(t)
				time.Sleep(10 * time.Second)
			}
			time.Sleep(time.Minute)
			if _, err := w.mint(t.Context(), film); !errors.Is(err, signer.ErrUnavailable) {
				t.Errorf("after its time: %v", err)
			}
		})
	}
}

func TestACrowdLogsInOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		since := w.counts(authenticate, refresh)
		crowd := func() {
			var wg sync.WaitGroup
			for range 30 {
				wg.Go(func() { w.must(t) })
			}
			wg.Wait()
		}
		crowd()
		if got := since(); !slices.Equal(got, []int{1, 0}) {
			t.Errorf("at first: %v", got)
		}
		time.Sleep(apivideotest.BearerLife * 9 / 10)
		crowd()
		if got := since(); !slices.Equal(got, []int{1, 1}) {
			t.Errorf("when it is due: %v", got)
		}
		w.Expire(false)
		crowd()
		if got := since(); !slices.Equal(got, []int{2, 1}) {
			t.Errorf("when it is refused: %v", got)
		}
		time.Sleep(2 * apivideotest.BearerLife)
		crowd()
		if got := since(); got[0]+got[1] != 4 {
			t.Errorf("long after its end: %v", got)
		}
	})
}

func TestARefusedReadIsMadeOnceMoreAfterOneLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.must(t)
		w.Expire(true)
		since := w.counts(authenticate, refresh, show)
		w.must(t)
		// Two reads, one or both of which found out.
		if got := since(); got[0] != 1 || got[1] != 0 || got[2] < 3 || got[2] > 4 {
			t.Errorf("a session that ended early: %v", got)
		}
		since = w.counts(authenticate, refresh, show)
		w.Script(show, slices.Repeat([]standin.Fault{standin.Refuse(401)}, 4)...)
		if _, err := w.mint(t.Context(), film); !errors.Is(err, keyrotation.ErrUnauthorized) || !errors.Is(err, signer.ErrUnavailable) {
			t.Errorf("a key that may log in and nothing else: %v", err)
		}
		if got := since(); got[0] != 1 || got[2] > 4 {
			t.Errorf("it logged in and asked %v", got)
		}
		since = w.counts(authenticate, refresh, show)
		for range 20 {
			w.mint(t.Context(), film)
		}
		if got := since(); !slices.Equal(got, []int{0, 0, 0}) {
			t.Errorf("it is tried again and again: %v", got)
		}
		w.Mend()
		time.Sleep(10 * time.Second)
		w.must(t)
	})
}

func TestOneWhoGivesUpSpoilsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Script(authenticate, standin.Fault{Response: standin.Silent})
		ctx, cancel := context.WithCancel(t.Context())
		var crowd sync.WaitGroup
		crowd.Go(func() {
			if _, err := w.mint(ctx, film); !errors.Is(err, context.Canceled) {
				t.Errorf("Mint = %v, want canceled", err)
			}
		})
		synctest.Wait()
		for range 5 {
			crowd.Go(func() { w.must(t) })
		}
		synctest.Wait()
		cancel()
		crowd.Wait()
	})
}

func TestADeadKeyDoesNotLogInForEachToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Script(authenticate, slices.Repeat([]standin.Fault{standin.Refuse(401)}, 100)...)
		for range 50 {
			if _, err := w.mint(t.Context(), film); !errors.Is(err, keyrotation.ErrUnauthorized) || !errors.Is(err, signer.ErrUnavailable) {
				t.Fatal(err)
			}
		}
		if n := w.Count(authenticate); n != 1 {
			t.Errorf("%d logins", n)
		}
	})
}

func TestBasicNeverLogsIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "authentication", "basic")
		w.must(t)
		w.Script(show, standin.Refuse(401), standin.Refuse(401))
		since := w.counts(show)
		if _, err := w.mint(t.Context(), film); !errors.Is(err, keyrotation.ErrUnauthorized) {
			t.Errorf("Mint after two refusals = %v, want ErrUnauthorized", err)
		}
		if _, err := w.platform.Check(t.Context()); err != nil || w.Count(authenticate)+w.Count(refresh) != 0 || since()[0] != 2 {
			t.Errorf("%v, %d logins, asked %v", err, w.Count(authenticate), since())
		}
	})
}

func TestTheActiveKeyLogsIn(t *testing.T) {
	bubble(t, "and the one before it is dropped", func(t *testing.T) {
		w := newWorld(t, "issued", "yes")
		w.must(t)
		old := w.active
		next := w.keys.AddIssued("next")
		w.activate(next)
		since := w.counts(authenticate, refresh)
		w.must(t)
		w.keys.Remove(old.ID) // and its sessions with it
		w.must(t)
		if got := since(); !slices.Equal(got, []int{1, 0}) {
			t.Errorf("got %v calls of the routes, want {1, 0}", got)
		}
	})
	bubble(t, "as soon as it can, and until then the one before serves", func(t *testing.T) {
		w := newWorld(t, "issued", "yes")
		w.must(t)
		w.activate(w.keys.AddIssued("next"))
		w.Script(authenticate, slices.Repeat([]standin.Fault{standin.Refuse(401)}, 2)...)
		since := w.counts(authenticate)
		for range 30 {
			w.must(t)
			time.Sleep(time.Second)
		}
		if got := since(); !slices.Equal(got, []int{3}) {
			t.Errorf("got %v calls of the routes, want {3}", got)
		}
	})
	bubble(t, "even while the one before it may not", func(t *testing.T) {
		w := newWorld(t, "issued", "yes")
		w.keys.Remove(w.active.ID)
		if _, err := w.mint(t.Context(), film); !errors.Is(err, keyrotation.ErrUnauthorized) {
			t.Errorf("Mint with a deleted API key = %v, want ErrUnauthorized", err)
		}
		w.activate(w.keys.AddIssued("next"))
		w.must(t)
	})
	bubble(t, "or there is no source of keys", func(t *testing.T) {
		w := newWorld(t, "issued", "yes")
		w.account.Issued = func(context.Context) (platforms.IssuedKey, error) {
			return platforms.IssuedKey{}, &signer.NoActiveKey{}
		}
		w.platform = w.open(t)
		var none *signer.NoActiveKey
		if _, err := w.mint(t.Context(), film); !errors.As(err, &none) {
			t.Errorf("Mint without an active key = %v, want NoActiveKey", err)
		}
		if health, err := w.platform.Check(t.Context()); err != nil {
			t.Errorf("Check without an active key = %+v, %v, want success", health, err)
		}
		w.account.Issued = nil
		w.platform = w.open(t)
		if _, err := w.mint(t.Context(), film); !errors.Is(err, signer.ErrUnavailable) {
			t.Errorf("Mint without a source of keys = %v, want ErrUnavailable", err)
		}
	})
}

// A login response makes a session only if it is usable.
func FuzzGrant(f *testing.F) {
	f.Add(`{"token_type":"Bearer","expires_in":3600,"access_token":"eyJ0.eXAi.OiJK","refresh_token":"def50200"}`)
	f.Add(`{"token_type":"bearer","expires_in":1,"access_token":"a"}`)
	f.Add(`{"token_type":"Bearer","expires_in":9223372036854775807,"access_token":"a\r\nX: y"}`)
	f.Add(`{"token_type":"Bearer","expires_in":-1,"access_token":"a","access_token":"b"}`)
	f.Fuzz(func(t *testing.T, body string) {
		w := newWorld(t)
		w.account.Transport = grants{direct{w.Standin}, body}
		w.platform = w.open(t)
		if token, err := w.mint(t.Context(), film); err == nil || token.Value != "" {
			t.Errorf("Mint after the login response %q = %+v, want an error", body, token)
		}
	})
}

// grants is the stand-in, but for what a login is answered: no session of its.
type grants struct {
	direct
	body string
}

func (g grants) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.ContainsAny(r.Header.Get("Authorization"), "\r\n") || r.Header.Get("Authorization") == "Bearer " {
		panic("that is no header")
	}
	if r.URL.Path != "/auth/api-key" {
		return g.direct.RoundTrip(r)
	}
	answer := httptest.NewRecorder()
	answer.WriteString(g.body)
	return answer.Result(), nil
}
