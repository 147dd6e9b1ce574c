package service

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"playtoken/filekeys"
	"playtoken/gate"
	"playtoken/gate/sample"
	"playtoken/projects"
	"playtoken/secret"
	"playtoken/settings"
)

func TestMain(m *testing.M) {
	if job := os.Getenv(loadVariable); job != "" {
		if err := serveOrders(job, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

const (
	gateKey  = "gate-key-for-tests-0123456789abcdef"
	adminKey = "admin-key-for-tests-0123456789abcdef"
	password = "a-password-for-tests-0123456789"
)

// startGate starts a gate with the sample video, and returns its address.
func startGate(t testing.TB) string {
	t.Helper()
	media, err := sample.FS()
	if err != nil {
		t.Fatal(err)
	}
	g, err := gate.Open(gate.Config{Media: media, Data: filepath.Join(t.TempDir(), "gate.db"), APIKey: secret.New(gateKey)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	server := httptest.NewServer(g.Handler())
	t.Cleanup(server.Close)
	return server.URL
}

// environ is that of a deployment whose store is a file and whose project
// default is on a gate. Its rotations are quick enough to be waited for.
func environ(t testing.TB, gateURL string, more ...string) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "play.db")
	// A cheap password: the tests open the store often.
	if _, err := filekeys.Open(path, secret.New(password), filekeys.Options{Create: true, WorkFactor: 2}); err != nil {
		t.Fatal(err)
	}
	return append([]string{
		"PLAYTOKEN_STORE=file:" + path, "PLAYTOKEN_STORE_PASSWORD=" + password,
		"PLAYTOKEN_ADMIN_KEY=" + adminKey, "PLAYTOKEN_PLATFORM=gate", "PLAYTOKEN_PLATFORM_API_KEY=" + gateKey, "PLAYTOKEN_PLATFORM_URL=" + gateURL,
		"PLAYTOKEN_PROPAGATION_DELAY=200ms", "PLAYTOKEN_VIEW_AGE=100ms", "PLAYTOKEN_CLOCK_SKEW=1s", "PLAYTOKEN_SETTLE=20s",
		"PLAYTOKEN_OBSERVE_EVERY=1s", "PLAYTOKEN_TOKEN_TTL=5m", "PLAYTOKEN_TOKEN_MAX_TTL=10m", "PLAYTOKEN_KEY_BUDGET=40",
	}, more...)
}

// open opens a deployment that ends with the test.
func open(t testing.TB, environ []string, options Options) *Service {
	t.Helper()
	set, err := settings.ForService(environ)
	if err != nil {
		t.Fatal(err)
	}
	options.CreateStore, options.Stderr, options.Log = true, io.Discard, slog.New(slog.DiscardHandler)
	s, err := Open(t.Context(), set, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// newService is a deployment that holds keys in memory, with a project beside
// default.
func newService(t testing.TB, more ...string) (*Service, projects.Project) {
	t.Helper()
	at := startGate(t)
	s := open(t, environ(t, at, append(more, "PLAYTOKEN_SIGNING=memory")...), Options{HoldKeys: true})
	made, err := s.Projects.CreateProject(t.Context(), projects.Project{
		Name: "second", Platform: "gate", Settings: map[string]string{"url": at},
		Credential: map[string]secret.Value{"api_key": secret.New(gateKey)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, made
}

// eventually calls a function until it succeeds. It gives up if a call that
// begins later than within from now fails.
func eventually(t testing.TB, within time.Duration, try func() error) {
	t.Helper()
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		late := time.Since(began) > within
		err := try()
		if err == nil {
			return
		}
		if late {
			t.Fatalf("error after %s: %v, want none", within, err)
		}
	}
}

func TestReadinessEndsBeforeTheService(t *testing.T) {
	s := &Service{}
	s.Stopping()
	if err := s.Ready(t.Context()); !errors.Is(err, errStopping) {
		t.Errorf("readiness of a service that is stopping = %v, want %v", err, errStopping)
	}
}
