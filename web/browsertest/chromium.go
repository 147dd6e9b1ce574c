package browsertest

import (
	"context"
	"fmt"
	"os/exec"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

func startChromium(t *testing.T) (*Browser, error) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		return nil, fmt.Errorf("chromium: %w", errNotInstalled)
	}
	// A context of its own, because the test's is over before its cleanups run.
	alloc, stop := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1200, 900),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("headless", "new"),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"), chromedp.Flag("mute-audio", true),
	)...)
	t.Cleanup(stop)
	browser, stop := chromedp.NewContext(alloc)
	t.Cleanup(stop)
	if err := chromedp.Do(browser); err != nil {
		return nil, fmt.Errorf("start chromium: %w", err)
	}
	open := func(t *testing.T) (driver, error) {
		tab, stop := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
		t.Cleanup(stop)
		// The first run makes the window and must not carry a deadline.
		return chromiumTab{ctx: tab}, chromedp.Do(tab)
	}
	return &Browser{Name: "Chromium", open: open}, nil
}

type chromiumTab struct{ ctx context.Context }

func (c chromiumTab) do(action chromedp.Action[chromedp.Void]) error {
	_, err := inTime(c.ctx, action)
	return err
}

func inTime[T any](tab context.Context, action chromedp.Action[T]) (T, error) {
	ctx, stop := context.WithTimeout(tab, longest)
	defer stop()
	return chromedp.Run(ctx, action)
}

func (c chromiumTab) navigate(url string) error { return c.do(chromedp.Navigate(url)) }

func (c chromiumTab) evaluate(expression string) (string, error) {
	return inTime(c.ctx, chromedp.Evaluate[string](expression, chromedp.EvalAwaitPromise))
}

func (c chromiumTab) press(key string) error {
	if n, ok := namedKeys[key]; ok {
		key = n.chromium
	}
	return c.do(chromedp.KeyEvent(key))
}

func (c chromiumTab) resize(width, height int) error {
	return c.do(chromedp.EmulateViewport(int64(width), int64(height)))
}

func (c chromiumTab) screenshot() ([]byte, error) { return inTime(c.ctx, chromedp.FullScreenshot(100)) }

func (c chromiumTab) dark() error {
	return c.do(chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}},
		})
		return err
	}))
}

func (c chromiumTab) scripts(on bool) error {
	return c.do(chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on})
		return err
	}))
}
