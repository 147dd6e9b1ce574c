package main

import (
	"context"
	"crypto"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"playtoken/gate/verify"
	"playtoken/vaultkeys"
)

// impostor stands between us and Vault, and answers in its place if told to.
type impostor struct {
	http.Handler
	answer atomic.Pointer[http.HandlerFunc]
}

func newImpostor(t *testing.T, vault string) (*impostor, string) {
	t.Helper()
	to, err := url.Parse(vault)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	transport := &http.Transport{}
	proxy.Transport = transport
	proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	m := &impostor{Handler: proxy}
	server := httptest.NewServer(m)
	t.Cleanup(func() { server.Close(); transport.CloseIdleConnections() })
	return m, server.URL
}

func (m *impostor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if answer := m.answer.Load(); answer != nil {
		(*answer)(w, r)
		return
	}
	m.Handler.ServeHTTP(w, r)
}

// said answers everything with a status and a body.
func said(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "http://127.0.0.1:1/v1/sys/health")
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// serveHere runs serve in this process, so that what it leaves behind can be
// counted.
func (w *deployment) serveHere(environ []string) (url string, logs *logBuffer, stop func()) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	out, in := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, process{args: []string{"serve"}, environ: environ, stdin: strings.NewReader(""), stdout: io.Discard, stderr: in})
		in.Close()
	}()
	s := &server{t: w.t, done: make(chan struct{})}
	address := make(chan string, 1)
	go s.read(out, address)
	if url = <-address; url == "" {
		w.t.Fatalf("it ended: %s", s.logs.String())
	}
	return "http://" + url, &s.logs, func() {
		cancel()
		if code := <-ended; code != exitDone {
			w.t.Errorf("serve: exit %d", code)
		}
		<-s.done
	}
}

// steadyCaller mints without pause, a token of its own for each request, and checks
// all that comes back. Only 201 and 503 with Retry-After will do.
type steadyCaller struct {
	t             *testing.T
	client        *http.Client
	url           string
	keys          verify.Keys
	minted, later atomic.Int64
	running       sync.WaitGroup
}

func (k *steadyCaller) run(ctx context.Context, caller int) {
	pace := time.NewTicker(20 * time.Millisecond)
	defer pace.Stop()
	for n := 0; ctx.Err() == nil; n++ {
		if err := k.mint(fmt.Sprintf("video%dx%d", caller, n)); err != nil {
			k.t.Error(err)
			return
		}
		<-pace.C
	}
}

func (k *steadyCaller) mint(video string) error {
	req, err := http.NewRequest(http.MethodPost, k.url+"/v1/playback-tokens", strings.NewReader(`{"video_id":"`+video+`"}`))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+frontendKey)
	req.Header.Set("Content-Type", "application/json")
	resp, err := k.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	wait, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
	switch {
	case resp.StatusCode == http.StatusServiceUnavailable && wait > 0:
		k.later.Add(1)
		return nil
	case resp.StatusCode != http.StatusCreated:
		return fmt.Errorf("status %d, Retry-After %d: %s", resp.StatusCode, wait, body)
	}
	var token tokenView
	if err := json.Unmarshal(body, &token); err != nil {
		return err
	}
	if _, err := verify.Verify(token.Token, video, time.Now(), k.keys); err != nil {
		return fmt.Errorf("a wrong token: %w", err)
	}
	k.minted.Add(1)
	return nil
}

// until waits for n more of something.
func (k *steadyCaller) until(what string, n int64, counter *atomic.Int64) {
	k.t.Helper()
	target := counter.Load() + n
	eventually(k.t, patience, func() error {
		if k.t.Failed() {
			k.t.FailNow()
		}
		if missing := target - counter.Load(); missing > 0 {
			return fmt.Errorf("%d of %d: no %s", missing, n, what)
		}
		return nil
	})
}

// recover waits until tokens come again, and logs how long that took.
func (k *steadyCaller) recover(after string) {
	k.t.Helper()
	began := time.Now()
	k.until("token after "+after, 1, &k.minted)
	k.t.Logf("%-22s back after %s", after, time.Since(began).Round(time.Millisecond))
	k.until("tokens after "+after, 20, &k.minted)
}

// publicKeys are those of the project, by key id.
func (w *deployment) publicKeys() verify.Keys {
	w.t.Helper()
	var list keyListView
	w.must(&list, "keys", "list")
	keys := map[string]crypto.PublicKey{}
	for _, k := range list.Items {
		var shown keyView
		w.must(&shown, "keys", "show", fmt.Sprint(k.Generation))
		public, err := verify.ParsePublicKey(*shown.PublicKey)
		if err != nil {
			w.t.Fatal(err)
		}
		keys[*k.KeyID] = public
	}
	return func(id string) (crypto.PublicKey, bool) {
		key, ok := keys[id]
		return key, ok
	}
}

func TestMintingThroughVaultsTroubles(t *testing.T) {
	slow(t, "it seals, restarts and imitates a Vault")
	times := 1
	if chaos() {
		times = 3
	}
	w := newVaultDeployment(t, "PLAYTOKEN_TOKEN_TTL=60s", "PLAYTOKEN_TOKEN_MAX_TTL=60s")
	environ := w.as(vaultkeys.Rotator)
	secretID := environ[len(environ)-1][len("PLAYTOKEN_VAULT_SECRET_ID="):]
	if r := w.runWith(environ, "", "rotate"); r.code != exitDone {
		t.Fatal(r.stderr)
	}
	w.environ = append(w.environ, "VAULT_TOKEN="+w.vault.RootToken)
	keys := w.publicKeys()
	between, address := newImpostor(t, w.vault.Addr)
	environ = append(environ, "VAULT_ADDR="+address)
	t.Setenv("VAULT_CLIENT_TIMEOUT", "3s") // longer than a busy machine takes for a login
	url, logs, stop := w.serveHere(environ)
	k := &steadyCaller{t: t, client: newClient(t), url: url, keys: keys}
	ctx, cancel := context.WithCancel(t.Context())
	for caller := range 4 {
		k.running.Go(func() { k.run(ctx, caller) })
	}
	k.recover("the start")
	before := measureProcess()

	for range times {
		w.vault.Seal()
		k.until("refusal while sealed", 20, &k.later)
		w.vault.Unseal()
		k.recover("sealing")
	}
	for range times {
		w.vault.Kill()
		k.until("refusal while down", 20, &k.later)
		w.vault.Restart()
		k.recover("a restart")
	}
	w.revokeLogins(k)
	w.meddle(between, k)

	t.Logf("%d tokens, %d answers of 503", k.minted.Load(), k.later.Load())
	before.compare(t)
	cancel()
	k.running.Wait()
	stop()
	for _, secret := range []string{w.vault.RootToken, secretID, "hvs."} {
		if strings.Contains(logs.String(), secret) {
			t.Errorf("the logs show a credential: %s", logs)
		}
	}
}

// revokeLogins ends all tokens of Vault, which no caller may notice.
func (w *vaultDeployment) revokeLogins(k *steadyCaller) {
	w.t.Helper()
	refused := k.later.Load()
	for range 3 {
		_, err := w.vault.Client(w.t).Logical().WriteWithContext(w.t.Context(), "sys/leases/revoke-prefix/auth/approle/login", nil)
		if err != nil {
			w.t.Fatal(err)
		}
		k.recover("a revoked login")
	}
	if n := k.later.Load() - refused; n > 0 {
		w.t.Errorf("%d answers of 503 because of revoked logins", n)
	}
}

// meddle has others answer in Vault's place.
func (w *vaultDeployment) meddle(between *impostor, k *steadyCaller) {
	w.t.Helper()
	for _, fault := range []struct {
		what   string
		answer http.HandlerFunc
	}{
		{"500", said(500, `{"errors":["internal error"]}`)},
		{"502", said(502, "<html>bad gateway")},
		{"503, HTML", said(503, "<html>maintenance")},
		{"429", said(429, `{"errors":["request path \"x\": rate limit quota exceeded"]}`)},
		{"a standby's 307", said(307, "")},
		{"473", said(473, `{"errors":["performance standby"]}`)},
		{"200 without a body", said(200, "")},
		{"200, a captive portal", said(200, "<html>welcome")},
		{"404 of a proxy", said(404, "404 page not found")},
		{"a token it forgot", said(403, `{"errors":["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"]}`)},
		{"connections cut", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
		{"no answer", func(_ http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body) // only then the end of the connection is seen
			<-r.Context().Done()
		}},
		{"slow answers", func(rw http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-time.After(4 * time.Second):
				between.Handler.ServeHTTP(rw, r)
			}
		}},
	} {
		between.answer.Store(&fault.answer)
		k.until("refusal during "+fault.what, 10, &k.later)
		between.answer.Store(nil)
		k.recover(fault.what)
	}
}

// footprint is what a process holds on to.
type footprint struct {
	goroutines int
	heap       uint64 // bytes
}

func measureProcess() footprint {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return footprint{runtime.NumGoroutine(), m.HeapAlloc}
}

// compare waits until what doctorCase had piled up is gone. The signatures that
// are remembered account for some of the heap.
func (before footprint) compare(t *testing.T) {
	t.Helper()
	eventually(t, patience, func() error {
		now := measureProcess()
		if now.goroutines > before.goroutines+20 || now.heap > before.heap+16<<20 {
			return fmt.Errorf("before %+v, afterwards %+v", before, now)
		}
		t.Logf("goroutines %d, then %d; heap %d KiB, then %d", before.goroutines, now.goroutines, before.heap>>10, now.heap>>10)
		return nil
	})
}
