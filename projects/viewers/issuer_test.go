package viewers_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"playtoken/projects"
	"playtoken/projects/viewers"
	"playtoken/secret"
	"playtoken/store"
)

// inBubble runs a test against an issuer that is called without a network, in
// a time of its own.
func inBubble(t *testing.T, test func(t *testing.T, p *provider, v *viewers.Viewers)) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, "https://login.example.com", public("k1", rsaKey()))
		v, err := viewers.New(viewers.Config{Transport: p})
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		test(t, p, v)
	})
}

func (p *provider) good(t *testing.T, v *viewers.Viewers, kid string, key any) {
	t.Helper()
	if _, err := p.identify(t.Context(), v, p.token(jose.RS256, kid, key, nil)); err != nil {
		t.Errorf("token of key %s: got %v, want no error", kid, err)
	}
}

func (p *provider) bad(t *testing.T, v *viewers.Viewers, kid string, key any, want error) {
	t.Helper()
	if _, err := p.identify(t.Context(), v, p.token(jose.RS256, kid, key, nil)); !errors.Is(err, want) {
		t.Errorf("a token by %s: %v, want %v", kid, err, want)
	}
}

func TestARotationAtTheIssuerLocksNoViewerOut(t *testing.T) {
	inBubble(t, func(t *testing.T, p *provider, v *viewers.Viewers) {
		p.good(t, v, "k1", rsaKey())
		time.Sleep(viewers.Pause)
		p.set(func(p *provider) { p.keys = []jose.JSONWebKey{public("k1", rsaKey()), public("k2", otherRSA())} })
		p.good(t, v, "k2", otherRSA())
		p.good(t, v, "k1", rsaKey())
		if p.calls() != 2 {
			t.Errorf("issuer: got %d requests, want 2", p.calls())
		}
	})
}

func TestAKeyWithoutANameThatTheIssuerReplaces(t *testing.T) {
	inBubble(t, func(t *testing.T, p *provider, v *viewers.Viewers) {
		p.set(func(p *provider) { p.keys = []jose.JSONWebKey{public("", rsaKey())} })
		p.good(t, v, "", rsaKey())
		p.set(func(p *provider) { p.keys = []jose.JSONWebKey{public("", otherRSA())} })
		p.bad(t, v, "", otherRSA(), projects.ErrUnknownCaller) // the issuer was asked a moment ago
		time.Sleep(viewers.Pause)
		p.good(t, v, "", otherRSA())
		p.bad(t, v, "", rsaKey(), projects.ErrUnknownCaller)
	})
}

func TestAKeyThatTheIssuerTookBackEnds(t *testing.T) {
	inBubble(t, func(t *testing.T, p *provider, v *viewers.Viewers) {
		p.good(t, v, "k1", rsaKey())
		p.set(func(p *provider) { p.keys = []jose.JSONWebKey{public("k2", otherRSA())} })
		time.Sleep(viewers.RenewAfter)
		p.good(t, v, "k1", rsaKey()) // the viewer does not wait for the renewal…
		synctest.Wait()
		p.bad(t, v, "k1", rsaKey(), projects.ErrUnknownCaller) // …which tells
		p.set(func(p *provider) { p.keys = []jose.JSONWebKey{} })
		time.Sleep(viewers.WaitAfter)
		p.bad(t, v, "k2", otherRSA(), projects.ErrUnknownCaller) // so old that it is waited for
	})
}

func TestMadeUpKeyIDsDoNotReachTheIssuer(t *testing.T) {
	inBubble(t, func(t *testing.T, p *provider, v *viewers.Viewers) {
		p.good(t, v, "k1", rsaKey())
		began := time.Now()
		for n := range 200 {
			p.bad(t, v, fmt.Sprint("made-up-", n), otherRSA(), projects.ErrUnknownCaller)
			p.good(t, v, "k1", rsaKey())
			time.Sleep(100 * time.Millisecond)
		}
		if most := int(time.Since(began)/viewers.Pause) + 1; p.calls() > most {
			t.Errorf("issuer: got %d requests in %s, want one per pause at most", p.calls(), time.Since(began))
		}
		if p.calls() < 2 {
			t.Error("issuer: got one request, want more")
		}
	})
}

func TestManyViewersAtOnceCauseOneRequest(t *testing.T) {
	inBubble(t, func(t *testing.T, p *provider, v *viewers.Viewers) {
		p.set(func(p *provider) { p.answer = later(time.Second) })
		var all sync.WaitGroup
		for range 200 {
			all.Go(func() { p.good(t, v, "k1", rsaKey()) })
		}
		all.Wait()
		if p.calls() != 1 {
			t.Errorf("issuer: got %d requests, want 1", p.calls())
		}
	})
}

// later answers as usual, after a while.
func later(d time.Duration) func(http.ResponseWriter, *http.Request) bool {
	return func(_ http.ResponseWriter, r *http.Request) bool {
		select {
		case <-time.After(d):
			return false
		case <-r.Context().Done():
			return true
		}
	}
}

func TestAnIssuerThatIsDown(t *testing.T) {
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"refuses": down,
		"hangs":   hang,
		"fails":   func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(502); return true },
		"says nothing": func(http.ResponseWriter, *http.Request) bool {
			return true
		},
		"names another issuer": func(w http.ResponseWriter, r *http.Request) bool {
			fmt.Fprint(w, `{"issuer":"https://evil.example","jwks_uri":"https://login.example.com/keys"}`)
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, p *provider, v *viewers.Viewers) {
				p.set(func(p *provider) { p.answer = answer })
				p.bad(t, v, "k1", rsaKey(), store.ErrUnavailable) // never known
				time.Sleep(viewers.Pause)
				p.set(func(p *provider) { p.answer = nil })
				p.good(t, v, "k1", rsaKey())
				p.set(func(p *provider) { p.answer = answer })
				time.Sleep(viewers.Pause)
				p.bad(t, v, "k9", rsaKey(), store.ErrUnavailable) // it may be new
				for range int(viewers.KeepFor/time.Hour) - 1 {
					p.good(t, v, "k1", rsaKey()) // known
					time.Sleep(time.Hour)
				}
				time.Sleep(time.Hour)
				p.bad(t, v, "k1", rsaKey(), store.ErrUnavailable) // too long ago
				p.bad(t, v, "k1", otherRSA(), store.ErrUnavailable)
				p.set(func(p *provider) { p.answer = nil })
				time.Sleep(viewers.Pause)
				p.good(t, v, "k1", rsaKey())
			})
		})
	}
}

func TestUnavailableSaysWhen(t *testing.T) {
	inBubble(t, func(t *testing.T, p *provider, v *viewers.Viewers) {
		p.set(func(p *provider) { p.answer = down })
		p.bad(t, v, "k1", rsaKey(), store.ErrUnavailable)
		time.Sleep(2 * time.Second)
		_, err := p.identify(t.Context(), v, p.token(jose.RS256, "k1", rsaKey(), nil))
		unavailable, is := errors.AsType[*viewers.Unavailable](err)
		if !is || unavailable.RetryAfter() != viewers.Pause-2*time.Second {
			t.Errorf("got %v, %+v, want Unavailable until the pause ends", err, unavailable)
		}
		time.Sleep(unavailable.RetryAfter())
		p.set(func(p *provider) { p.answer = nil })
		p.good(t, v, "k1", rsaKey())
	})
}

func TestAWrongSignatureIsNobodysFaultButItsOwn(t *testing.T) {
	inBubble(t, func(t *testing.T, p *provider, v *viewers.Viewers) {
		p.good(t, v, "k1", rsaKey())
		p.set(func(p *provider) { p.answer = down })
		time.Sleep(viewers.Pause)
		p.bad(t, v, "k1", otherRSA(), projects.ErrUnknownCaller)
		if p.calls() != 1 {
			t.Errorf("issuer: got %d requests, want 1", p.calls())
		}
	})
}

func TestASlowIssuerHoldsUpItsOwnViewersOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := newProvider(t, "https://slow.example.com", public("k", rsaKey()))
		quick := newProvider(t, "https://quick.example.com", public("k", rsaKey()))
		slow.answer = hang
		both := transport(func(req *http.Request) (*http.Response, error) {
			if strings.HasPrefix(req.URL.Host, "slow") {
				return slow.RoundTrip(req)
			}
			return quick.RoundTrip(req)
		})
		v, _ := viewers.New(viewers.Config{Transport: both})
		defer v.Close()
		began := time.Now()
		var waits sync.WaitGroup
		waits.Go(func() { slow.bad(t, v, "k", rsaKey(), store.ErrUnavailable) })
		synctest.Wait()
		quick.good(t, v, "k", rsaKey())
		if time.Since(began) != 0 {
			t.Errorf("viewer of the fast issuer waited %s, want 0s", time.Since(began))
		}
		waits.Wait()
		if time.Since(began) != 5*time.Second {
			t.Errorf("viewer of the slow issuer waited %s, want 5s", time.Since(began))
		}
	})
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func TestAKnownKeyWaitsForNoSlowRenewal(t *testing.T) {
	inBubble(t, func(t *testing.T, p *provider, v *viewers.Viewers) {
		p.good(t, v, "k1", rsaKey())
		p.set(func(p *provider) { p.answer = hang })
		for _, age := range []time.Duration{viewers.RenewAfter, viewers.WaitAfter} {
			time.Sleep(age)
			began := time.Now()
			p.good(t, v, "k1", rsaKey())
			if time.Since(began) != 0 {
				t.Errorf("viewer with a cached key waited %s, want 0s", time.Since(began))
			}
			time.Sleep(10 * time.Second)
		}
	})
}

func TestACallerThatLeavesEndsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, p *provider, v *viewers.Viewers) {
		p.set(func(p *provider) { p.answer = later(2 * time.Second) })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := p.identify(ctx, v, p.token(jose.RS256, "k1", rsaKey(), nil)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Identify: got %v, want context.DeadlineExceeded", err)
		}
		p.good(t, v, "k1", rsaKey()) // the same call's answer
		if p.calls() != 1 {
			t.Errorf("issuer: got %d requests, want 1", p.calls())
		}
	})
}

func TestAClockThatWasSetBackDoesNotStopRenewals(t *testing.T) {
	p := newProvider(t, "https://login.example.com", public("k1", rsaKey()))
	var back atomic.Int64
	v := newViewers(t, viewers.Config{Transport: p, Clock: func() time.Time { return time.Now().Add(-time.Duration(back.Load())) }})
	p.good(t, v, "k1", rsaKey())
	back.Store(int64(30 * time.Second))
	p.set(func(p *provider) { p.keys = []jose.JSONWebKey{public("k2", otherRSA())} })
	p.good(t, v, "k2", otherRSA())
}

func TestCloseEndsRenewals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, "https://login.example.com", public("k1", rsaKey()))
		p.answer = hang
		v, _ := viewers.New(viewers.Config{Transport: p})
		var waits sync.WaitGroup
		waits.Go(func() { p.bad(t, v, "k1", rsaKey(), store.ErrUnavailable) })
		synctest.Wait()
		v.Close()
		waits.Wait()
		time.Sleep(viewers.Pause)
		p.bad(t, v, "k1", rsaKey(), store.ErrUnavailable)
	})
}

func TestIssuersThatMeanHarm(t *testing.T) {
	var reached atomic.Int32
	other := listen(t, everyKey()...)
	other.answer = func(http.ResponseWriter, *http.Request) bool { reached.Add(1); return false }
	endless := func(w http.ResponseWriter, _ *http.Request) bool {
		for {
			if _, err := w.Write([]byte(strings.Repeat(" ", 64<<10))); err != nil {
				return true
			}
		}
	}
	only := func(path string, answer func(http.ResponseWriter, *http.Request) bool) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool { return r.URL.Path == path && answer(w, r) }
	}
	redirect := func(w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, other.url+r.URL.Path, http.StatusTemporaryRedirect)
		return true
	}
	writes := func(text string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool { fmt.Fprint(w, text); return true }
	}
	for name, harm := range map[string]struct {
		answer   func(http.ResponseWriter, *http.Request) bool
		document map[string]any
	}{
		"endless discovery":      {answer: only(discoveryPath, endless)},
		"endless keys":           {answer: only(keysPath, endless)},
		"redirected discovery":   {answer: only(discoveryPath, redirect)},
		"redirected keys":        {answer: only(keysPath, redirect)},
		"deep discovery":         {answer: only(discoveryPath, writes(strings.Repeat("[", 200_000)))},
		"deep keys":              {answer: only(keysPath, writes(`{"keys":`+strings.Repeat("[", 200_000)))},
		"a deep key":             {answer: only(keysPath, writes(`{"keys":[{"x":`+strings.Repeat("[", 9000)+strings.Repeat("]", 9000)+`}]}`))},
		"no keys":                {answer: only(keysPath, writes(`{}`))},
		"a page instead of keys": {answer: only(keysPath, writes(`<html>`))},
		"keys at a file":         {document: map[string]any{"jwks_uri": "file:///etc/passwd"}},
		"keys at no address":     {document: map[string]any{"jwks_uri": "\x00"}},
		"no address of keys":     {document: map[string]any{}},
		"keys at the metadata":   {document: map[string]any{"jwks_uri": "http://169.254.169.254/latest/"}},
		"keys in clear":          {document: map[string]any{"jwks_uri": "http://login.example.com/keys"}},
		"keys with a password":   {document: map[string]any{"jwks_uri": strings.Replace(other.url, "//", "//a:b@", 1)}},
	} {
		p := listen(t, everyKey()...)
		p.answer = harm.answer
		if p.document = harm.document; p.document != nil {
			p.document["issuer"] = p.url
		}
		log := &book{}
		v := newViewers(t, viewers.Config{Log: log.log()})
		_, err := p.identify(t.Context(), v, p.token(jose.RS256, "rsa", rsaKey(), nil))
		// A set without usable keys is a response; every other case is not.
		if unknown := name == "a deep key"; !unknown && !errors.Is(err, store.ErrUnavailable) || unknown && !errors.Is(err, projects.ErrUnknownCaller) {
			t.Errorf("%s: got %v, want ErrUnavailable, or ErrUnknownCaller for a deep key", name, err)
		}
		if len(log.String()) > 600 {
			t.Errorf("%s: logged %d bytes, want at most 600", name, len(log.String()))
		}
	}
	if reached.Load() != 0 {
		t.Error("got a redirect followed, want it refused")
	}
	other.good(t, newViewers(t, viewers.Config{}), "rsa", rsaKey()) // the same provider, without the fault
}

func TestTokensOfOtherIssuersCauseNoCall(t *testing.T) {
	var calls atomic.Int32
	v := newViewers(t, viewers.Config{Transport: transport(func(*http.Request) (*http.Response, error) {
		calls.Add(1)
		return nil, errors.New("no")
	})})
	p := newProvider(t, "https://login.example.com")
	for name, token := range strangers(t, p) {
		if strings.Contains(name, "good one") || strings.Contains(name, "issuer") {
			if _, err := p.identify(t.Context(), v, token); !errors.Is(err, projects.ErrUnknownCaller) {
				t.Errorf("%s: got %v, want ErrUnknownCaller", name, err)
			}
		}
	}
	if calls.Load() != 0 {
		t.Errorf("tokens of other issuers: got %d requests, want 0", calls.Load())
	}
	if _, err := p.identify(t.Context(), v, p.token(jose.RS256, "k", rsaKey(), nil)); !errors.Is(err, store.ErrUnavailable) || calls.Load() == 0 {
		t.Errorf("token of the issuer: got %v, %d requests, want ErrUnavailable and a request", err, calls.Load())
	}
	_, _ = v.Identify(t.Context(), project(p), secret.New("x"))
}

func TestReachSaysWhyNoViewerOfAnIssuerCouldBeKnown(t *testing.T) {
	inBubble(t, func(t *testing.T, p *provider, v *viewers.Viewers) {
		if err := v.Reach(t.Context(), "https://login.example.com"); err != nil {
			t.Error(err)
		}
		p.set(func(p *provider) { p.keys = []jose.JSONWebKey{} })
		if err := v.Reach(t.Context(), "https://login.example.com"); err == nil || !strings.Contains(err.Error(), "no key") {
			t.Errorf("Reach of an issuer without keys: got %v, want an error that says so", err)
		}
		if err := v.Reach(t.Context(), "https://other.example.com"); err == nil {
			t.Error("Reach of another issuer: got no error, want one")
		}
	})
}
