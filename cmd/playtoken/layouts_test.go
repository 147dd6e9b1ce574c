package main

import (
	"bytes"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// shownKey is a public key in a response of the key API.
var shownKey = regexp.MustCompile(`"public_key":"[^"]*"`)

// laidOut puts the gate behind a proxy that shows public keys otherwise, and counts
// the registrations; while lost is true, their responses are lost. The text is
// inside a JSON string.
func (w *deployment) laidOut(lost *atomic.Bool, write func(public string) string) (registered *atomic.Int64) {
	w.t.Helper()
	to, err := url.Parse(w.gate.URL)
	if err != nil {
		w.t.Fatal(err)
	}
	registered = new(atomic.Int64)
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.ModifyResponse = func(r *http.Response) error {
		if r.Request.Method == http.MethodPost {
			registered.Add(1)
			if lost.Load() {
				return errors.New("the response is lost")
			}
		}
		body, err := io.ReadAll(r.Body)
		body = shownKey.ReplaceAllFunc(body, func(member []byte) []byte {
			public := strings.TrimSuffix(strings.TrimPrefix(string(member), `"public_key":"`), `"`)
			return []byte(`"public_key":"` + write(public) + `"`)
		})
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		r.Header.Set("Content-Length", strconv.Itoa(len(body)))
		return err
	}
	proxy.ErrorLog = log.New(io.Discard, "", 0)
	server := httptest.NewServer(proxy)
	w.t.Cleanup(server.Close)
	w.environ = append(w.environ[:len(w.environ):len(w.environ)], "PLAYTOKEN_PLATFORM_URL="+server.URL)
	return registered
}

// cutOff leaves too little of a key to recognise it.
func cutOff(public string) string { return public[:60] + "..." }

func TestKeysAreRecognisedInOtherLayouts(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]func(string) string{
		"blanks inside the markers": func(p string) string {
			return strings.NewReplacer("-----BEGIN PUBLIC KEY-----", "----- BEGIN PUBLIC KEY -----", "-----END PUBLIC KEY-----", "----- END PUBLIC KEY -----").Replace(p)
		},
		"no line breaks":          func(p string) string { return strings.ReplaceAll(p, `\n`, "") },
		"line breaks spelled out": func(p string) string { return strings.ReplaceAll(p, `\n`, `\\n`) },
		"CRLF":                    func(p string) string { return strings.ReplaceAll(p, `\n`, `\r\n`) },
		"cut off":                 func(p string) string { return p[:120] + "..." },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newDeployment(t)
			registered := w.laidOut(new(atomic.Bool), write)
			w.must(&struct{}{}, "rotate")
			w.healthy()
			if n := registered.Load(); n != 2 {
				t.Errorf("got %d registrations, want 2", n)
			}
		})
	}
}

// An operator is asked about keys that cannot be read, and no more are made.
func TestKeysThatCannotBeReadAreConfirmed(t *testing.T) {
	t.Parallel()
	w := newDeployment(t)
	registered := w.laidOut(new(atomic.Bool), cutOff)
	for range 3 {
		w.run("rotate")
	}
	f := w.problem("drift")
	if n := registered.Load(); n != 2 || !strings.Contains(f.Detail, "cannot be read") {
		t.Fatalf("got %d registrations and the finding %+v, want 2, and a key that cannot be read", n, f)
	}
	w.obeys(orDash(f.Remedy))
	if !strings.Contains(w.states(), "active") {
		t.Errorf("after %q: got keys %s, want one active", orDash(f.Remedy), w.states())
	}
	w.obeys(orDash(w.problem("drift").Remedy))
	w.healthy()
}

// No response comes, and the list does not help: three keys are made and no more,
// and an operator says which of them is the one.
func TestRegisteringStopsAndGoesOn(t *testing.T) {
	t.Parallel()
	slow(t, "it waits for responses that do not come")
	w, lost := newDeployment(t, "PLAYTOKEN_SETTLE=2s"), new(atomic.Bool)
	lost.Store(true)
	registered := w.laidOut(lost, cutOff)
	for more := 2; more > 0; {
		if w.run("rotate"); registered.Load() >= 3 {
			more-- // would there be another one?
		}
		time.Sleep(2 * time.Second) // the settle time, by the clock of the processes
	}
	if n := registered.Load(); n != 3 || len(w.registered()) != 3 {
		t.Fatalf("got %d registrations, %d keys at the platform, want 3 and no more", n, len(w.registered()))
	}
	f := w.problem("rotation")
	if !strings.Contains(f.Detail, "until an operator") || !strings.Contains(orDash(f.Remedy), "unrecognised") {
		t.Errorf("got the finding %+v, want that registering has stopped, and what to do", f)
	}
	lost.Store(false)
	f = w.problem("drift")
	confirm, _, _ := strings.Cut(orDash(f.Remedy), "; if not: ")
	w.obeys(confirm)
	w.run("rotate") // it propagates first
	if !strings.Contains(w.states(), "active") {
		t.Errorf("after %q: got keys %s, want one active", confirm, w.states())
	}
	for _, id := range w.registered()[:3] {
		w.run("keys", "remove-unmanaged", id, "--reason", "left behind") // but those of the ring stay
	}
	w.run("rotate")
	for range 3 {
		if w.run("doctor").code != exitDone {
			w.obeys(orDash(w.problem("drift").Remedy))
		}
	}
	if n := len(w.registered()); n != 2 {
		t.Errorf("got %d keys at the platform, want the active one and its standby", n)
	}
}
