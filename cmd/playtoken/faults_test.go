package main

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"playtoken/gate/sample"
	"playtoken/vaultkeys/vaulttest"
)

// lossy stands between us and a platform, and loses the answer to the first
// registration: after it happened, or before.
func lossy(t *testing.T, platform string, happens bool) *httptest.Server {
	t.Helper()
	target, err := url.Parse(platform)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	transport := &http.Transport{DisableKeepAlives: true}
	proxy.Transport = transport
	var lost atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || lost.Swap(true) {
			proxy.ServeHTTP(w, r)
			return
		}
		if happens {
			proxy.ServeHTTP(httptest.NewRecorder(), r)
		}
		panic(http.ErrAbortHandler) // closes the connection without an answer
	}))
	t.Cleanup(server.Close)
	return server
}

func TestRotateEndsWithOneKeyPerGenerationAlthoughAnAnswerWasLost(t *testing.T) {
	for name, c := range map[string]struct {
		happens    bool
		keys, says string
	}{
		"after it happened": {true, "2:registered 1:active", "shows 2 keys"},
		"before":            {false, "2:active 1:registering", "shows 1 keys"}, // the first may still arrive
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newDeployment(t)
			w.environ = append(w.environ, "PLAYTOKEN_SETTLE=10s", "PLAYTOKEN_PLATFORM_URL="+lossy(t, w.gate.URL, c.happens).URL)
			// Where a pass is slow, it registers another key itself, and tells of the first.
			if r := w.run("rotate"); r.code != exitDone && (c.happens || r.code != exitDown) {
				t.Fatalf("rotate: exit %d\n%s", r.code, r.stderr)
			}
			if got := w.states(); got != c.keys {
				t.Errorf("keys = %s, want %s", got, c.keys)
			}
			if r := w.run("doctor"); r.code != exitDone || !strings.Contains(r.stdout, c.says) {
				t.Errorf("doctor: got exit %d, want %d and %q in\n%s", r.code, exitDone, c.says, r.stdout)
			}
		})
	}
}

func TestRotateOnAnEmptyProjectGivesUpWhenThePlatformIsDown(t *testing.T) {
	t.Parallel()
	w := newDeployment(t)
	w.gate.Close()
	if r := w.run("rotate", "-o", "json"); r.code != exitDown || !strings.Contains(r.stdout, `"error"`) {
		t.Errorf("rotate without a platform: got exit %d, %s%s, want %d", r.code, r.stdout, r.stderr, exitDown)
	}
}

func TestServeIsReadyWithoutAProject(t *testing.T) {
	t.Parallel()
	w := newDeployment(t, "PLAYTOKEN_PLATFORM_API_KEY=", "PLAYTOKEN_API_KEY=")
	s := w.startServer("serve")
	client := newClient(t)
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/v1/projects/default/signing-keys": 401} {
		if status, err := plays(t.Context(), client, s.url+path); status != want || err != nil {
			t.Errorf("GET %s: got status %d, %v, want %d", path, status, err, want)
		}
	}
	if r := w.run("doctor"); r.code != exitFailed || !strings.Contains(r.stdout, "playtoken project create") {
		t.Errorf("doctor: got exit %d, want %d and playtoken project create in\n%s", r.code, exitFailed, r.stdout)
	}
	s.stop()
}

func TestGateServesAFolderToHoldersOfTokens(t *testing.T) {
	t.Parallel()
	slow(t, "it starts a process")
	w := newDeployment(t)
	media := filepath.Join(w.dir, "media")
	files, err := sample.FS()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(media, files); err != nil {
		t.Fatal(err)
	}
	w.environ = append(w.environ, "PLAYTOKEN_GATE_API_KEY="+gateKey, "PLAYTOKEN_GATE_LISTEN=127.0.0.1:0",
		"PLAYTOKEN_GATE_DATA="+filepath.Join(w.dir, "own.db"))
	g := w.startServer("gate", "--media", media)
	w.environ = append(w.environ, "PLAYTOKEN_PLATFORM_URL="+g.url)
	w.must(&struct{}{}, "rotate")
	var token tokenView
	w.must(&token, "token", "mint", sample.VideoID)
	client := newClient(t)
	for url, want := range map[string]int{token.URLs.HLS: 200, g.url + "/counter/hls.m3u8": 401, g.url + "/healthz": 200} {
		if status, err := plays(t.Context(), client, url); status != want || err != nil {
			t.Errorf("GET %.60s: got status %d, %v, want %d", url, status, err, want)
		}
	}
	g.stop()
}

func TestRotationAndMintingWorkOnVaultToo(t *testing.T) {
	t.Parallel()
	vault := vaulttest.Shared(t)
	transit, kv := vault.Mount(t)
	w := newDeploymentWithoutStore(t, "PLAYTOKEN_PROPAGATION_DELAY=0s", "PLAYTOKEN_STORE=vault", "PLAYTOKEN_STORE_PASSWORD=", "VAULT_ADDR="+vault.Addr, "VAULT_TOKEN="+vault.RootToken,
		"PLAYTOKEN_VAULT_TRANSIT="+transit, "PLAYTOKEN_VAULT_KV="+kv)
	w.must(&struct{}{}, "rotate")
	w.must(&struct{}{}, "rotate", "--now", "--reason", "test")
	if got := w.states(); got != "3:registered 2:active 1:retiring" {
		t.Errorf("keys = %s, want 3:registered 2:active 1:retiring", got)
	}
	var token tokenView
	w.must(&token, "token", "mint", "counter")
	if status, err := plays(t.Context(), newClient(t), token.URLs.HLS); status != http.StatusOK || err != nil {
		t.Errorf("play: got status %d, %v, want 200", status, err)
	}
	w.must(&findingsView{}, "doctor")
	w.environ = append(w.environ, "VAULT_TOKEN=wrong")
	if r := w.run("token", "mint", "counter"); r.code == exitDone {
		t.Errorf("mint with a wrong token of Vault: got exit 0, %s, want a refusal", r.stdout)
	}
}
