package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"playtoken/filekeys"
	"playtoken/gate"
	"playtoken/gate/sample"
	"playtoken/handlers"
	"playtoken/secret"
)

const gateKey = "gate-key-for-tests-0123456789abcdef"

// deployment is a gate for a platform, and an environment whose store is a file.
type deployment struct {
	t       *testing.T
	dir     string
	gate    *httptest.Server
	behind  *exchangeable // what gate serves
	environ []string
}

// exchangeable is a handler in whose place another one can be put while it serves.
type exchangeable struct{ handler atomic.Pointer[http.Handler] }

func newExchangeable(first http.Handler) *exchangeable {
	e := &exchangeable{}
	e.becomes(first)
	return e
}

func (e *exchangeable) becomes(other http.Handler) { e.handler.Store(&other) }

func (e *exchangeable) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	(*e.handler.Load()).ServeHTTP(w, r)
}

// quick makes rotations quick enough to be waited for.
var quick = []string{
	"PLAYTOKEN_DRAIN=0s", "PLAYTOKEN_PROPAGATION_DELAY=200ms", "PLAYTOKEN_VIEW_AGE=" + viewAge.String(), "PLAYTOKEN_CLOCK_SKEW=1s", "PLAYTOKEN_SETTLE=20s",
	"PLAYTOKEN_OBSERVE_EVERY=1s", "PLAYTOKEN_TOKEN_TTL=5m", "PLAYTOKEN_TOKEN_MAX_TTL=10m", "PLAYTOKEN_KEY_BUDGET=40",
}

// newDeployment has an empty store, of which trying the password costs next to
// nothing: every command line pays that once.
func newDeployment(t *testing.T, more ...string) *deployment {
	t.Helper()
	w := newDeploymentWithoutStore(t, more...)
	w.createStore(password)
	return w
}

// newDeploymentWithoutStore has no store yet.
func newDeploymentWithoutStore(t *testing.T, more ...string) *deployment {
	t.Helper()
	w := &deployment{t: t, dir: t.TempDir()}
	w.behind = newExchangeable(openSample(t, w.dir).Handler())
	w.gate = httptest.NewServer(w.behind)
	t.Cleanup(w.gate.Close)
	w.environ = append([]string{
		"PLAYTOKEN_STORE=file:" + filepath.Join(w.dir, "play.db"), "PLAYTOKEN_STORE_PASSWORD=" + password,
		"PLAYTOKEN_ADMIN_KEY=" + adminKey, "PLAYTOKEN_API_KEY=" + frontendKey,
		"PLAYTOKEN_PLATFORM=gate", "PLAYTOKEN_PLATFORM_API_KEY=" + gateKey, "PLAYTOKEN_PLATFORM_URL=" + w.gate.URL,
		"PLAYTOKEN_LISTEN=127.0.0.1:0",
	}, append(quick, more...)...)
	return w
}

// createStore makes the store's file.
func (w *deployment) createStore(password string) *filekeys.Store {
	w.t.Helper()
	store, err := filekeys.Open(filepath.Join(w.dir, "play.db"), secret.New(password), filekeys.Options{Create: true, WorkFactor: 2})
	if err != nil {
		w.t.Fatal(err)
	}
	return store
}

func openSample(t *testing.T, dir string) *gate.Gate {
	t.Helper()
	media, err := sample.FS()
	if err != nil {
		t.Fatal(err)
	}
	g, err := gate.Open(gate.Config{Media: media, Data: filepath.Join(dir, "gate.db"), APIKey: secret.New(gateKey)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g
}

// result is how a run ended.
type result struct {
	code           int
	stdout, stderr string
}

// unless makes an error of a run that will not do.
func (r result) unless(good bool) error {
	if good {
		return nil
	}
	return fmt.Errorf("exit %d, %s%s", r.code, r.stdout, r.stderr)
}

// run carries out a command line in this process.
func (w *deployment) run(args ...string) result { return w.runWith(w.environ, "", args...) }

func (w *deployment) runWith(environ []string, stdin string, args ...string) result {
	var stdout, stderr bytes.Buffer
	code := run(w.t.Context(), process{args: args, environ: environ, stdin: strings.NewReader(stdin), stdout: &stdout, stderr: &stderr})
	return result{code, stdout.String(), stderr.String()}
}

// must carries out a command line that has to succeed, and decodes its JSON.
func (w *deployment) must(into any, args ...string) {
	w.t.Helper()
	r := w.run(append(args, "-o", "json")...)
	if r.code != exitDone {
		w.t.Fatalf("playtoken %s: exit %d\n%s", strings.Join(args, " "), r.code, r.stderr)
	}
	if err := json.Unmarshal([]byte(r.stdout), into); err != nil {
		w.t.Fatalf("playtoken %s: %v in\n%s", strings.Join(args, " "), err, r.stdout)
	}
}

// states returns the states of all signing keys, newest first.
func (w *deployment) states() string {
	w.t.Helper()
	var list keyListView
	w.must(&list, "keys", "list")
	return statesOf(handlers.KeyList(list))
}

func statesOf(list handlers.KeyList) string {
	var states []string
	for _, k := range list.Items {
		states = append(states, fmt.Sprintf("%d:%s", k.Generation, k.State))
	}
	return strings.Join(states, " ")
}

// plays asks the gate whether a URL opens.
func plays(ctx context.Context, client *http.Client, url string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, errors.Unwrap(err) // the whole of it shows the token
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// newClient returns a client whose connections end with the test.
func newClient(t *testing.T) *http.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 16}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 30 * time.Second}
}
