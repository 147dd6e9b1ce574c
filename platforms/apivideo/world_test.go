package apivideo_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"playtoken/platforms"
	"playtoken/platforms/apivideo"
	"playtoken/platforms/apivideo/apivideotest"
	"playtoken/platforms/standin"
	"playtoken/secret"
	"playtoken/signer"
)

const (
	authenticate = "POST /auth/api-key"
	refresh      = "POST /auth/refresh"
	show         = "GET /videos/{video}"
	session      = "GET /vod/{video}/token/{token}/session"
)

var (
	film   = apivideotest.PrivateVideos[0]
	second = apivideotest.PrivateVideos[1]
	policy = signer.Policy{DefaultTTL: 10 * time.Minute, MaxTTL: time.Hour}
)

// world is a stand-in, an account of it, and a network that takes no time.
type world struct {
	*apivideotest.Standin
	keys     *standin.Keys
	account  platforms.Account
	platform platforms.Platform

	mu     sync.Mutex
	active standin.Record // of an account whose keys are issued
	chaos  func(standin.Call) standin.Fault
}

// settings are added to an account's; "issued" chooses the other credential.
func newWorld(t *testing.T, settings ...string) *world {
	t.Helper()
	w := &world{}
	w.keys = standin.New(standin.Options{Fault: func(call standin.Call) standin.Fault {
		if w.chaos == nil {
			return standin.Fault{}
		}
		return w.chaos(call)
	}})
	credential := map[string]secret.Value{"api_key": secret.New("given-key-of-the-account")}
	all := map[string]string{"url": "http://127.0.0.1", "admin_url": "http://127.0.0.1:81"}
	for i := 0; i+1 < len(settings); i += 2 {
		all[settings[i]] = settings[i+1]
	}
	if _, issued := all["issued"]; issued {
		credential = map[string]secret.Value{"admin_key": secret.New("admin-key-of-the-account")}
		delete(all, "issued")
		all["project_id"] = apivideotest.Project
		w.active = w.keys.AddIssued("first")
	}
	w.Standin = apivideotest.New(standin.World{Credential: credential, Keys: w.keys, PageSize: 100})
	w.account = platforms.Account{Settings: all, Credential: credential, Issued: w.issued, Transport: direct{w.Standin}}
	w.platform = w.open(t)
	return w
}

// open opens the account once more, as another process would.
func (w *world) open(t *testing.T) platforms.Platform {
	t.Helper()
	p, err := apivideo.Open(w.account)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (w *world) issued(context.Context) (platforms.IssuedKey, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return platforms.IssuedKey{ID: w.active.ID, Value: secret.New(w.active.Value)}, nil
}

func (w *world) activate(key standin.Record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.active = key
}

func (w *world) mint(ctx context.Context, video string) (signer.Token, error) {
	return w.platform.Minter(policy).Mint(ctx, signer.Request{VideoID: video})
}

// must mints, or ends the test.
func (w *world) must(t *testing.T) signer.Token {
	t.Helper()
	token, err := w.mint(t.Context(), film)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// counts says how many calls of some routes there were since it was asked.
func (w *world) counts(routes ...string) func() []int {
	var before []int
	for _, route := range routes {
		before = append(before, w.Count(route))
	}
	return func() []int {
		since := make([]int, len(routes))
		for i, route := range routes {
			since[i] = w.Count(route) - before[i]
		}
		return since
	}
}

// direct is a network without wires.
type direct struct{ handler http.Handler }

func (d direct) RoundTrip(r *http.Request) (resp *http.Response, err error) {
	answer := httptest.NewRecorder()
	defer func() {
		if lost := recover(); lost == http.ErrAbortHandler {
			if resp, err = nil, r.Context().Err(); err == nil {
				err = io.ErrUnexpectedEOF
			}
		} else if lost != nil {
			panic(lost)
		}
	}()
	if r.Body == nil {
		r.Body = http.NoBody
	}
	served := r.Clone(r.Context())
	served.Host = r.URL.Host
	d.handler.ServeHTTP(answer, served)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return answer.Result(), nil
}

// get is what a viewer's browser is answered.
func (w *world) get(t *testing.T, url string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := w.account.Transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode
}

func retryAfter(err error) time.Duration {
	var says interface{ RetryAfter() time.Duration }
	if !errors.As(err, &says) {
		return 0
	}
	return says.RetryAfter()
}

// account is a copy with other settings and credentials.
func (w *world) with(settings map[string]string, credential map[string]string) platforms.Account {
	account := w.account
	account.Settings = maps.Clone(settings)
	account.Credential = map[string]secret.Value{}
	for name, value := range credential {
		account.Credential[name] = secret.New(value)
	}
	return account
}
