package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"playtoken/keyrotation"
	"playtoken/platforms/client"
	"playtoken/secret"
	"playtoken/store"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const canary = "canary-7Fq2xW9-bearer-Zk41"

// answers is a platform in one function.
type answers func(*http.Request) (*http.Response, error)

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) { return a(r) }

func answer(status int, body string, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}
}

func newClient(t *testing.T, config client.Config) *client.Client {
	t.Helper()
	if config.Base == "" {
		config.Base = "https://api.example.com/v2"
	}
	if config.Credential.IsZero() {
		config.Credential = secret.New(canary)
	}
	c, err := client.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// noes are what errors say after which the platform did nothing.
var noes = []error{keyrotation.ErrRefused, keyrotation.ErrUnauthorized, keyrotation.ErrThrottled}

func saysNo(err error) bool {
	return slices.ContainsFunc(noes, func(no error) bool { return errors.Is(err, no) })
}

func TestOnlySafeBasesAreAccepted(t *testing.T) {
	for base, want := range map[string]bool{
		"https://api.example.com/v2": true, "https://api.example.com/v2/": true, "https://api.example.com": true,
		"http://127.0.0.1:8081/v2": true, "http://[::1]:8081": true, "http://localhost:1": true,
		"http://api.example.com": false, "http://127.0.0.1.example.com": false, "http://localhost.example.com": false,
		"http://10.0.0.1": false, "ftp://api.example.com": false, "api.example.com/v2": false, "": false,
		"https://": false, "https:///v2": false, "https://:443/": false, "https://u:pass@api.example.com": false,
		"https://api.example.com/v2?x=1": false, "https://api.example.com/v2?": false,
		"https://api.example.com/#x": false, "//api.example.com": false, "https://a b/": false,
	} {
		_, err := client.New(client.Config{Base: base, Credential: secret.New(canary)})
		if (err == nil) != want {
			t.Errorf("New with base %q = %v, want success: %v", base, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "pass") {
			t.Errorf("%q: the password is in %v", base, err)
		}
	}
}

func TestOddCredentialsAndTimeoutsAreRefusedAtOnce(t *testing.T) {
	for name, config := range map[string]client.Config{
		"none":     {},
		"line end": {Credential: secret.New(canary + "\n")},
		"negative": {Credential: secret.New(canary), Timeout: -1},
	} {
		config.Base = "https://api.example.com"
		if _, err := client.New(config); err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: New = %v, want an error without the credential", name, err)
		}
	}
}

func TestOneCallIsOneRequest(t *testing.T) {
	var got *http.Request
	var body string
	c := newClient(t, client.Config{Authorize: client.Bearer, Transport: answers(func(r *http.Request) (*http.Response, error) {
		data, _ := io.ReadAll(r.Body)
		got, body = r, string(data)
		return answer(201, `{"id":"a","new":{"members":["are","fine"]}}`), nil
	})})
	var into struct {
		ID string `json:"id"`
	}
	err := c.Do(t.Context(), client.Call{Method: "POST", Path: "/things", Body: map[string]string{"name": "<n>"}, Into: &into})
	if err != nil || into.ID != "a" {
		t.Fatalf("Do read %+v, %v, want the id a", into, err)
	}
	if got.Method != "POST" || got.URL.String() != "https://api.example.com/v2/things" || body != `{"name":"<n>"}` || got.GetBody != nil {
		t.Errorf("sent %s %s %s, want a POST of the thing, which cannot be repeated", got.Method, got.URL, body)
	}
	for name, want := range map[string]string{"Authorization": "Bearer " + canary, "Accept": "application/json", "Content-Type": "application/json", "User-Agent": "playtoken"} {
		if got.Header.Get(name) != want {
			t.Errorf("header %s = %q, want %q", name, got.Header.Get(name), want)
		}
	}
}

func TestACallMayBringItsOwnCredential(t *testing.T) {
	var got string
	c := newClient(t, client.Config{Authorize: client.Basic, Transport: answers(func(r *http.Request) (*http.Response, error) {
		got = r.Header.Get("Authorization")
		return answer(200, ""), nil
	})})
	for credential, want := range map[string]string{"": "Basic Y2FuYXJ5LTdGcTJ4VzktYmVhcmVyLVprNDE6", "other": "Basic b3RoZXI6"} {
		if err := c.Do(t.Context(), client.Call{Method: "GET", Path: "/", Credential: secret.New(credential)}); err != nil || got != want {
			t.Errorf("%q: %v, sent %q", credential, err, got)
		}
	}
}

func TestStrictAboutJSON(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for body, want := range map[string]bool{
		`{"id":"a"}`: true, ` {"id":"a","x":1} `: true, `{"x":` + nested(31) + `}`: true, `{"ID":1}`: true,
		``: false, ` `: false, `null x`: false, `{"id":"a"}{}`: false, `{"id":"a","id":"a"}`: false, `{"x":1,"x":1}`: false,
		`{"id":1}`: false, `{"id":"` + "\xff" + `"}`: false, `{"x":` + nested(32) + `}`: false, `<html>`: false,
		`{"x":` + nested(100000) + `}`: false, `{"id":"a"`: false, `[]`: false, `{"id":"a"}` + strings.Repeat(" ", 1<<20): false, `"` + strings.Repeat("x", 1<<20) + `"`: false,
	} {
		c := newClient(t, client.Config{Transport: answers(func(*http.Request) (*http.Response, error) { return answer(200, body), nil })})
		var into struct {
			ID string `json:"id"`
		}
		err := c.Do(t.Context(), client.Call{Method: "GET", Path: "/", Into: &into})
		if (err == nil) != want || saysNo(err) {
			t.Errorf("Do with response %.60q = %v, want success: %v", body, err, want)
		}
	}
}

func TestErrorsTellARefusalFromNoAnswer(t *testing.T) {
	for status, sentinel := range map[int]error{
		400: keyrotation.ErrRefused, 401: keyrotation.ErrUnauthorized, 403: keyrotation.ErrUnauthorized,
		413: keyrotation.ErrRefused, 415: keyrotation.ErrRefused, 422: keyrotation.ErrRefused, 429: keyrotation.ErrThrottled,
		404: nil, 405: nil, // which error that is depends on the call
		302: nil, 408: nil, 409: nil, 500: nil, 503: nil,
	} {
		c := newClient(t, client.Config{Transport: answers(func(*http.Request) (*http.Response, error) { return answer(status, "", "Retry-After", "9"), nil })})
		err := c.Do(t.Context(), client.Call{Method: "POST", Path: "/"})
		var e *client.StatusError
		if !errors.As(err, &e) || e.Status != status {
			t.Fatalf("Do with status %d = %v, want a StatusError", status, err)
		}
		for _, known := range append(noes, store.ErrNotFound) {
			if errors.Is(err, known) != (known == sentinel) {
				t.Errorf("%d: %v is %v, want %v", status, err, known, sentinel)
			}
		}
		if after := e.RetryAfter().Seconds(); (after == 9) != (status == 429 || status == 503) {
			t.Errorf("%d: after %v s", status, after)
		}
	}
}

func TestWhatIsSaidWithoutAnAnswer(t *testing.T) {
	for _, cause := range []error{io.ErrUnexpectedEOF, context.Canceled, context.DeadlineExceeded} {
		c := newClient(t, client.Config{Authorize: client.Bearer, Transport: answers(func(*http.Request) (*http.Response, error) {
			return nil, fmt.Errorf(`malformed HTTP response "Bearer %s": %w`, canary, cause)
		})})
		err := c.Do(t.Context(), client.Call{Method: "POST", Path: "/things", Query: map[string][]string{"q": {"query"}}})
		if err == nil || saysNo(err) || strings.Contains(err.Error(), canary) || strings.Contains(err.Error(), "query") {
			t.Errorf("Do that fails with %v = %v, want an unclear error without the credential and the query", cause, err)
		}
		if errors.Is(err, cause) != (cause != io.ErrUnexpectedEOF) {
			t.Errorf("%v: not found in %v", cause, err)
		}
	}
}

// The rest is about our own transport, so it needs a network.

func TestRedirectsAreNotFollowed(t *testing.T) {
	var strays atomic.Int32
	sink := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strays.Add(1) }))
	defer sink.Close()
	for status := 301; status <= 308; status++ {
		server := httptest.NewServer(http.RedirectHandler(sink.URL, status))
		c := newClient(t, client.Config{Base: server.URL, Authorize: client.Bearer})
		err := c.Do(t.Context(), client.Call{Method: "GET", Path: "/"})
		var e *client.StatusError
		if !errors.As(err, &e) || e.Status != status || strays.Load() != 0 {
			t.Errorf("%d: %v, %d requests to another host", status, err, strays.Load())
		}
		server.Close()
	}
}

func TestCompressedBodiesAreNotUnpacked(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "" {
			t.Errorf("it asks for %q", r.Header.Get("Accept-Encoding"))
		}
		w.Write([]byte(`{}`))
	}))
	defer server.Close()
	c := newClient(t, client.Config{Base: server.URL})
	if err := c.Do(t.Context(), client.Call{Method: "GET", Path: "/", Into: &struct{}{}}); err != nil {
		t.Error(err)
	}
}

func TestConnectionsAreKeptOnlyOnRequest(t *testing.T) {
	for _, keep := range []bool{false, true} {
		var addresses []string
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			addresses = append(addresses, r.RemoteAddr) // calls come one after the other
			w.Write([]byte(`{}`))
		}))
		c := newClient(t, client.Config{Base: server.URL, KeepAlive: keep})
		for range 2 {
			if err := c.Do(t.Context(), client.Call{Method: "GET", Path: "/", Into: &struct{}{}}); err != nil {
				t.Fatal(err)
			}
		}
		if (addresses[0] == addresses[1]) != keep {
			t.Errorf("keep %v: calls from %v", keep, addresses)
		}
		c.Close()
		server.Close()
	}
}

func TestHugeHeadersAreRefused(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Big", strings.Repeat("x", 1<<20))
	}))
	defer server.Close()
	c := newClient(t, client.Config{Base: server.URL})
	if err := c.Do(t.Context(), client.Call{Method: "GET", Path: "/"}); err == nil || saysNo(err) {
		t.Error(err)
	}
}
