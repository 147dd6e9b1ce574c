package vaultkeys_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"playtoken/keyrotation"
	"playtoken/secret"
	"playtoken/signer"
	"playtoken/store"
	"playtoken/vaultkeys"
)

// operation is a call of a store.
type operation struct {
	name string
	do   func(context.Context, *vaultkeys.Store) error
}

var operations = []operation{
	{"Read", func(ctx context.Context, s *vaultkeys.Store) error {
		_, err := s.Read(ctx, "ring/default")
		return err
	}},
	{"Write", func(ctx context.Context, s *vaultkeys.Store) error {
		_, err := s.Write(ctx, "ring/default", []byte("{}"), 3)
		return err
	}},
	{"Delete", func(ctx context.Context, s *vaultkeys.Store) error { return s.Delete(ctx, "ring/default") }},
	{"Create", func(ctx context.Context, s *vaultkeys.Store) error {
		_, err := s.Create(ctx, "key_one", store.KeySpec{Kind: store.RSA2048})
		return err
	}},
	{"Describe", func(ctx context.Context, s *vaultkeys.Store) error {
		_, err := s.Describe(ctx, "key_one")
		return err
	}},
	{"Destroy", func(ctx context.Context, s *vaultkeys.Store) error { return s.Destroy(ctx, "key_one") }},
	{"Sign", func(ctx context.Context, s *vaultkeys.Store) error {
		_, err := s.Sign(ctx, "key_one", signer.RS256, digest(1))
		return err
	}},
	{"Now", func(ctx context.Context, s *vaultkeys.Store) error {
		_, err := s.Now(ctx)
		return err
	}},
}

// serve opens a store on an HTTP server, through the transport of Vault's client.
func serve(t *testing.T, vault http.HandlerFunc) *vaultkeys.Store {
	t.Helper()
	server := httptest.NewServer(vault)
	t.Cleanup(server.Close)
	return open(t, vaultkeys.Config{Address: server.URL, Token: secret.New(token), Transit: "transit-a", KV: "kv-a"})
}

func unavailable(err error) bool {
	return errors.Is(err, store.ErrUnavailable) || errors.Is(err, signer.ErrUnavailable)
}

func TestRedirectsAreNeverFollowed(t *testing.T) {
	var arrived atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrived.Add(1) }))
	defer other.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", other.URL+r.URL.Path)
			w.WriteHeader(status)
		})
		for _, op := range operations {
			if err := op.do(t.Context(), s); !unavailable(err) {
				t.Errorf("%s with status %d = %v, want unavailable", op.name, status, err)
			}
		}
	}
	if n := arrived.Load(); n != 0 {
		t.Errorf("got %d requests at the target of the redirect, want 0", n)
	}
}

// A response of a proxy or a captive portal, or one that was cut off, never means
// that a key or document does not exist.
func TestOnlyResponsesOfVaultCount(t *testing.T) {
	for _, status := range []int{200, 204, 206, 299, 400, 404, 405, 412, 418} {
		for _, body := range []string{
			"", "null", "{}", "[]", `""`, `{"data":`, "<html>not found</html>", `{"message":"not found"}`, `{"errors":null}`,
		} {
			s := openFake(t, func(r *http.Request) (*http.Response, error) { return answer(r, status, body), nil })
			for _, op := range operations {
				err := op.do(t.Context(), s)
				if !unavailable(err) || errors.Is(err, store.ErrNotFound) || errors.Is(err, signer.ErrKeyGone) || errors.Is(err, store.ErrConflict) {
					t.Errorf("%s with status %d and body %q = %v, want unavailable", op.name, status, body, err)
				}
			}
		}
	}
}

type endless struct{ read *atomic.Int64 }

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	e.read.Add(int64(len(p)))
	return len(p), nil
}

func TestEndlessResponsesAreCutOff(t *testing.T) {
	for _, status := range []int{200, 404, 500} {
		for _, op := range operations {
			var read atomic.Int64
			s := openFake(t, func(r *http.Request) (*http.Response, error) {
				a := answer(r, status, "")
				a.Body = io.NopCloser(endless{&read})
				return a, nil
			})
			if err := op.do(t.Context(), s); !unavailable(err) {
				t.Errorf("%s with status %d = %v, want unavailable", op.name, status, err)
			}
			if read.Load() > 2<<20 {
				t.Errorf("%s with status %d read %d bytes, want 2 MiB at most", op.name, status, read.Load())
			}
		}
	}
}

func TestEveryRequestIsSentOnce(t *testing.T) {
	reset := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(code)
			io.WriteString(w, `{"errors":["not now"]}`)
		}
	}
	for what, respond := range map[string]http.HandlerFunc{
		"500": status(500), "502": status(502), "503": status(503), "504": status(504),
		"429": status(429), "473": status(473), "reset": reset,
	} {
		for _, op := range operations {
			var sent atomic.Int32
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				sent.Add(1)
				respond(w, r)
			})
			err := op.do(t.Context(), s)
			if !unavailable(err) {
				t.Errorf("%s with response %s = %v, want unavailable", op.name, what, err)
			}
			if sent.Load() != 1 {
				t.Errorf("%s with response %s sent %d requests, want 1", op.name, what, sent.Load())
			}
		}
	}
}

// A proxy may repeat the request, and so the token, in its response.
func TestTheTokenIsInNoError(t *testing.T) {
	for _, status := range []int{200, 307, 400, 403, 404, 405, 412, 500, 503} {
		s := openFake(t, func(r *http.Request) (*http.Response, error) {
			// The test needs a token in the requests.
			if sent := r.Header.Get("X-Vault-Token") == token; sent == (r.URL.Path == "/v1/sys/health") {
				t.Errorf("%s: token sent: %v, want %v", r.URL.Path, sent, !sent)
			}
			a := answer(r, status, `{"errors":["bad request: X-Vault-Token: `+r.Header.Get("X-Vault-Token")+`\r\n`+strings.Repeat("x", 4000)+`"]}`)
			a.Header.Set("Location", "http://other.test/?"+token)
			return a, nil
		})
		for _, op := range operations {
			err := op.do(t.Context(), s)
			if err == nil {
				t.Fatalf("%s with status %d succeeded, want an error", op.name, status)
			}
			if strings.Contains(err.Error(), "canary") || strings.ContainsAny(err.Error(), "\r\n") || len(err.Error()) > 1000 {
				t.Errorf("%s with status %d = %q, want one short line without the token", op.name, status, err)
			}
		}
	}
}

func TestErrorsFollowTheMessagesOfVault(t *testing.T) {
	notAllowed := `{"errors":["1 error occurred:\n\t* permission denied\n\n"]}`
	for _, c := range []struct {
		status int
		body   string
		want   error
	}{
		{403, notAllowed, vaultkeys.ErrForbidden},
		{403, `{"errors":["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"]}`, store.ErrUnavailable},
		{400, `{"errors":["missing client token"]}`, store.ErrUnavailable},
		{400, `{"errors":["Upgrading from non-versioned to versioned data. This backend will be unavailable"]}`, store.ErrUnavailable},
		{400, `{"errors":["Waiting for the primary to upgrade from non-versioned to versioned data."]}`, store.ErrUnavailable},
		{503, `{"errors":["Vault is sealed"]}`, store.ErrUnavailable},
		{404, `{"errors":[]}`, store.ErrNotFound},
	} {
		s := openFake(t, func(r *http.Request) (*http.Response, error) { return answer(r, c.status, c.body), nil })
		for _, op := range operations[:4] {
			if err := op.do(t.Context(), s); !errors.Is(err, c.want) {
				t.Errorf("%s with status %d and body %s = %v, want %v", op.name, c.status, c.body, err, c.want)
			}
		}
	}
	s := openFake(t, func(r *http.Request) (*http.Response, error) { return answer(r, 403, notAllowed), nil })
	_, err := s.Read(t.Context(), "ring/default")
	for _, part := range []string{`"read"`, `"kv-a/data/ring/default"`, "permission denied"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error is %q, want it to contain %s", err, part)
		}
	}
}

// FuzzResponses: with no response does a store panic, reveal its token or return a
// key that is not valid.
func FuzzResponses(f *testing.F) {
	f.Add(200, `{"data":{"data":{"document":"{}"},"metadata":{"version":4}}}`)
	f.Add(200, `{"data":{"version":4}}`)
	f.Add(200, `{"data":{"type":"rsa-2048","latest_version":1,"keys":{"1":{"public_key":"-----BEGIN PUBLIC KEY-----"}}}}`)
	f.Add(200, `{"data":{"batch_results":[{"signature":"vault:v1:AAAA","key_version":1}]}}`)
	f.Add(404, `{"errors":[]}`)
	f.Add(403, `{"errors":["permission denied"]}`)
	f.Add(307, ``)
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 999 {
			t.Skip("not a valid status")
		}
		s := openFake(t, func(r *http.Request) (*http.Response, error) { return answer(r, status, body), nil })
		defer s.Close()
		for _, op := range operations {
			if err := op.do(t.Context(), s); err != nil && strings.Contains(err.Error(), token) {
				t.Errorf("%s = %v, want an error without the token", op.name, err)
			}
		}
		if k, err := s.Describe(t.Context(), "key_one"); err == nil && len(keyrotation.Fingerprint(k.PublicKey)) != 64 {
			t.Errorf("Describe = %+v, want an RSA public key or an error", k)
		}
	})
}
