package gate_test

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"playtoken/gate/sample"
)

// TestTheSamplePlaysInABrowser opens both pages as a viewer would.
func TestTheSamplePlaysInABrowser(t *testing.T) {
	binary, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("NOT TESTED: the player page, because there is no chromium on this machine")
	}
	clip, err := sample.FS()
	if err != nil {
		t.Fatal(err)
	}
	w := open(t, clip, nil)
	tab := newTab(t, binary)
	for _, page := range []string{"/counter", "/embed/counter"} {
		url := w.server.URL + page + "?jwt=" + w.token(sample.VideoID, 10*time.Second)
		if err := chromedp.Do(tab, chromedp.Navigate(url)); err != nil {
			t.Fatal(err)
		}
		size, err := chromedp.Run(tab, chromedp.Evaluate[string](watch, chromedp.EvalAwaitPromise))
		if err != nil || size != "640x360 from blob:" {
			t.Errorf("%s: played %q, %v", page, size, err)
		}
		if cookie, err := chromedp.Run(tab, chromedp.Evaluate[string](`document.cookie`)); err != nil || cookie != "" {
			t.Errorf("%s: scripts see the cookie %q, %v", page, cookie, err)
		}
		w.advance(time.Minute) // the session of the next page is its own
	}
	if log := w.log.String(); strings.Contains(log, `"code":`) {
		t.Errorf("something was refused:\n%s", log)
	}
}

// newTab starts a browser and takes it down before the test ends.
func newTab(t *testing.T, binary string) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(binary), chromedp.NoSandbox)
	browser, stopBrowser := chromedp.NewExecAllocator(context.Background(), options...)
	tab, stopTab := chromedp.NewContext(browser)
	tab, stopWaiting := context.WithTimeout(tab, time.Minute)
	t.Cleanup(func() {
		stopWaiting()
		stopTab()
		stopBrowser()
	})
	return tab
}

// watch plays to the third second, jumps to the ninetieth, plays on and says
// how large the picture is by then and that our own loader fetched it; or why
// it cannot be seen.
const watch = `(async () => {
	const video = document.getElementById("video");
	const message = document.getElementById("message");
	const until = (seconds) => new Promise((resolve, reject) => {
		video.addEventListener("timeupdate", () => video.currentTime >= seconds && resolve());
		new MutationObserver(() => reject(new Error(message.textContent))).observe(message, { childList: true });
	});
	if (video.readyState < 3) await new Promise((resolve) => video.addEventListener("canplay", resolve, { once: true }));
	video.muted = true;
	video.playbackRate = 4;
	await video.play();
	await until(3);
	video.currentTime = 90;
	await until(92);
	return video.videoWidth + "x" + video.videoHeight + " from " + new URL(video.currentSrc).protocol;
})()`
