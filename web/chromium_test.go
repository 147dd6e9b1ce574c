package web_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// chromium starts a browser for one test. Where there is no browser, it says so: these
// tests are the only ones that see a picture move.
func chromium(t *testing.T) context.Context {
	t.Helper()
	if testing.Short() {
		t.Skip("plays video in real time")
	}
	t.Parallel() // most of it is waiting
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("SKIPPED: playback is NOT tested, because there is no chromium in PATH")
	}
	alloc, stop := chromedp.NewExecAllocator(t.Context(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1200, 900),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("headless", "new"),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"), chromedp.Flag("mute-audio", true),
	)...)
	t.Cleanup(stop)
	browser, stop := chromedp.NewContext(alloc)
	t.Cleanup(stop)
	if err := chromedp.Do(browser); err != nil {
		t.Fatalf("starting chromium: %v", err)
	}
	return browser
}

// newTab opens a page in a window of its own.
func newTab(t *testing.T, browser context.Context, url string) context.Context {
	t.Helper()
	tab, stop := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(stop)
	// The first run makes the window and must not carry a deadline.
	if err := chromedp.Do(tab); err != nil {
		t.Fatalf("opening a window: %v", err)
	}
	run(t, tab, chromedp.Navigate(url))
	return tab
}

func run[T any](t *testing.T, tab context.Context, action chromedp.Action[T]) T {
	t.Helper()
	ctx, stop := context.WithTimeout(tab, 30*time.Second)
	defer stop()
	v, err := chromedp.Run(ctx, action)
	if err != nil {
		t.Fatalf("in the browser: %v", err)
	}
	return v
}

// eval returns the value of an expression.
func eval[T any](t *testing.T, tab context.Context, expression string) T {
	t.Helper()
	return run(t, tab, chromedp.Evaluate[T](expression))
}

// await returns once an expression is true.
func await(t *testing.T, tab context.Context, within time.Duration, expression string) {
	t.Helper()
	_, err := chromedp.Run(tab, chromedp.Poll[bool](expression,
		chromedp.WithPollingTimeout(within), chromedp.WithPollingInterval(100*time.Millisecond)))
	if err != nil {
		picture(t, tab, "gave-up-"+t.Name())
		t.Fatalf("waiting for %s: %v; the page says %q", expression, err, eval[string](t, tab, `document.body.innerText`))
	}
}

// picture keeps a screenshot for people to look at.
func picture(t *testing.T, tab context.Context, name string) {
	t.Helper()
	dir := os.Getenv("PLAYTOKEN_TEST_ARTIFACTS")
	if dir == "" {
		dir = filepath.Join("..", "artifacts")
	}
	png := run(t, tab, chromedp.FullScreenshot(100))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, strings.ReplaceAll(name, "/", "-")+".png"), png, 0o644); err != nil {
		t.Fatal(err)
	}
}
