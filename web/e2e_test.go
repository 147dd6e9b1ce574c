package web_test

import (
	"context"
	"encoding/json"
	"fmt"
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
	Console  string
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

// What is pressed on the page: no part of it reaches the viewer.
func TestDemoPlaysOnThroughEveryButton(t *testing.T) {
	browser := chromium(t)
	demo := startDemo(t)
	tab := play(t, browser, demo.Player)
	checkTryIt(t, browser, demo)
	press := func(act, outcome string) {
		t.Helper()
		tab.Await(t, time.Minute, `document.querySelector("#keys .state.active") !== null && document.querySelector("#keys .state.registered") !== null`)
		browsertest.Eval[any](t, tab, `document.querySelector("[data-act=`+act+`]").click()`)
		tab.Await(t, 20*time.Second, `document.getElementById("outcome").textContent.startsWith("`+outcome+`")`)
	}
	press("outage", "The store is stopped for 10 s")
	tab.Await(t, 5*time.Second, `document.getElementById("story").textContent.startsWith("The store is stopped")`)
	tab.Await(t, 20*time.Second, `!document.body.classList.contains("stopped")`)
	press("revoke", "Revoked generation")
	tab.Await(t, 5*time.Second, `document.getElementById("code").textContent.includes("/revoke")`)
	tab.Await(t, 20*time.Second, `document.getElementById("rotations").textContent >= 1`)
	goOn(t, tab, 1)
	checkSmooth(t, "own", watched(t, tab))
	tab.Picture(t, "demo-pressed")
}

// checkTryIt opens the console by the printed link, makes a token there and watches
// it play.
func checkTryIt(t *testing.T, browser *browsertest.Browser, demo demoViews) {
	t.Helper()
	tab := newTab(t, browser, demo.Console)
	tab.Open(t, demo.Service+"/console/projects/default/try")
	browsertest.Eval[any](t, tab, `document.getElementById("f-video_id").value = "counter", document.querySelector("form.change button").click()`)
	awaitAcross(t, tab, `(document.querySelector("playtoken-video")?.media?.readyState ?? 0) > 0`)
	browsertest.Eval[any](t, tab, `document.querySelector("playtoken-video").play()`)
	tab.Await(t, 30*time.Second, `(document.querySelector("playtoken-video")?.media.currentTime ?? 0) > 0.5`)
	if n := browsertest.Eval[int](t, tab, violations); n != 0 {
		t.Errorf("got %d violations of the page's policy, want 0", n)
	}
	for _, dark := range []bool{false, true} {
		if dark {
			tab.Dark(t)
		}
		for _, width := range []int{1440, 768, 390} {
			tab.Resize(t, width, 900)
			label := fmt.Sprintf("try-%d-dark-%v", width, dark)
			if over := browsertest.Eval[int](t, tab, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
				t.Errorf("%s: the page is %d pixels wider than the screen, want 0", label, over)
			}
			tab.Picture(t, label)
			tab.CheckAccess(t, label)
		}
	}
}

// awaitAcross is Await for what a page shows that a form leads to: an expression has
// no value while the browser leaves the page.
func awaitAcross(t *testing.T, tab *browsertest.Page, expression string) {
	t.Helper()
	var err error
	for begun := time.Now(); time.Since(begun) < 30*time.Second; {
		var come bool
		come, err = browsertest.Evaluate[bool](tab, `new Promise((resolve) => setTimeout(() => resolve(`+expression+`), 100))`)
		if err == nil && come {
			return
		}
	}
	tab.Picture(t, "gave-up-"+t.Name())
	t.Fatalf("waiting for %s: got nothing within 30 s, %v, want it", expression, err)
}
