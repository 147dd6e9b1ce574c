package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// shownKey is a public key in a response of the key API.
var shownKey = regexp.MustCompile(`"public_key":"[^"]*"`)

// laidOut is the gate behind a proxy that shows public keys otherwise, and counts
// the registrations. The text is inside a JSON string.
func (w *deployment) laidOut(write func(public string) string) (environ []string, registered *atomic.Int64) {
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
	server := httptest.NewServer(proxy)
	w.t.Cleanup(server.Close)
	return append(w.environ[:len(w.environ):len(w.environ)], "PLAYTOKEN_PLATFORM_URL="+server.URL), registered
}

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
			environ, registered := w.laidOut(write)
			w.environ = environ
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
	environ, registered := w.laidOut(func(p string) string { return p[:60] + "..." })
	w.environ = environ
	for range 3 {
		w.run("rotate")
	}
	f := w.problem("drift")
	if n := registered.Load(); n != 2 || !strings.Contains(f.Detail, "cannot be read") {
		t.Fatalf("got %d registrations and the finding %+v, want 2, and a key that cannot be read", n, f)
	}
	w.obeys(f.Remedy)
	if !strings.Contains(w.states(), "active") {
		t.Errorf("after %q: got keys %s, want one active", f.Remedy, w.states())
	}
	w.obeys(w.problem("drift").Remedy)
	w.healthy()
}
