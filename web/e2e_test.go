package web_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"playtoken/web/browsertest"
)

// demoViews is what the demo says when it is ready.
type demoViews struct {
	Player   string
	Service  string
	Gate     string
	APIKey   string `json:"api_key"`
	AdminKey string `json:"admin_key"`
}

// startDemo builds and starts the real program with some settings, and checks at
// the end that it stops when told to.
func startDemo(t *testing.T, settings ...string) demoViews {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "playtoken")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "playtoken/cmd/playtoken").CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, binary, "demo", "--listen", "127.0.0.1:0", "-o", "json")
	cmd.Env = append(settings, "PATH="+os.Getenv("PATH"), "HOME="+t.TempDir(), "TMPDIR="+t.TempDir())
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	var log strings.Builder
	cmd.Stderr = &log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		cmd.Wait() // an error by design: it was told to stop
		if code := cmd.ProcessState.ExitCode(); code != 0 || t.Failed() {
			t.Errorf("the demo ended with %d; its log:\n%s", code, log.String())
		}
	})
	var v demoViews
	if err := json.NewDecoder(out).Decode(&v); err != nil {
		t.Fatalf("reading what the demo says: %v", err)
	}
	return v
}

// The promise of the whole project, seen from a viewer's chair.
func TestDemoPlaysThroughThreeLiveRotations(t *testing.T) {
	browser := chromium(t)
	demo := startDemo(t)
	tabs := map[string]*browsertest.Page{
		"own":    play(t, browser, demo.Player),
		"native": play(t, browser, demo.Player+"?player=native"),
	}
	checkShut(t, demo)
	expired := newTab(t, browser, demo.Player+"?token=expired")
	expired.Await(t, 45*time.Second, `document.getElementById("problem").innerText.startsWith("This link has expired")`)
	for name, tab := range tabs {
		tab.Await(t, 2*time.Minute, `document.getElementById("rotations").textContent == 3`)
		goOn(t, tab, 1)
		checkRotations(t, name, watched(t, tab), 3)
		tab.Picture(t, "demo-"+name)
		if page := browsertest.Eval[string](t, tab, `document.documentElement.outerHTML + JSON.stringify(performance.getEntries())`); strings.Contains(page, demo.APIKey) {
			t.Error("the API key reached the browser")
		}
	}
}

// checkShut fails the test unless the gate is shut to those without a token.
func checkShut(t *testing.T, demo demoViews) {
	t.Helper()
	for _, path := range []string{"/counter/hls.m3u8", "/counter/360/index.m3u8", "/counter/360/init.mp4", "/counter/360/0.m4s"} {
		answer, err := http.Get(demo.Gate + path)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s without a token: status %d", path, answer.StatusCode)
		}
	}
}
