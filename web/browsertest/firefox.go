package browsertest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// quiet settings keep Firefox from calling home, and let videos begin without a
// click as Chromium is told to.
const quiet = `user_pref("media.autoplay.default", 0);
user_pref("media.volume_scale", "0.0");
user_pref("app.normandy.enabled", false);
user_pref("app.update.enabled", false);
user_pref("browser.safebrowsing.downloads.enabled", false);
user_pref("browser.safebrowsing.malware.enabled", false);
user_pref("browser.safebrowsing.phishing.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("extensions.update.enabled", false);
user_pref("media.gmp-manager.updateEnabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("services.settings.server", "data:,none");
user_pref("toolkit.telemetry.reportingpolicy.firstRun", false);
`

// listening is how Firefox says where it listens.
const listening = "WebDriver BiDi listening on "

func startFirefox(t *testing.T) (*Browser, error) {
	path, err := exec.LookPath("firefox-esr")
	if err != nil {
		path, err = exec.LookPath("firefox")
	}
	if err != nil {
		return nil, fmt.Errorf("firefox: %w", errNotInstalled)
	}
	profile, err := os.MkdirTemp("", "playtoken-firefox-") // not t.TempDir: Firefox may still write while it ends
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { os.RemoveAll(profile) })
	if err := os.WriteFile(filepath.Join(profile, "user.js"), []byte(quiet), 0o600); err != nil {
		return nil, err
	}
	address, err := runFirefox(t, path, profile)
	if err != nil {
		return nil, fmt.Errorf("start firefox: %w", err)
	}
	b, err := dial(t, address)
	if err != nil {
		return nil, fmt.Errorf("connect to firefox: %w", err)
	}
	return &Browser{Name: "Firefox", open: b.page}, nil
}

// runFirefox starts Firefox and returns where it listens.
func runFirefox(t *testing.T, path, profile string) (address string, err error) {
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, path, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port=0", "about:blank")
	cmd.Env = append(os.Environ(), "MOZ_HEADLESS_WIDTH=1200", "MOZ_HEADLESS_HEIGHT=900", "HOME="+profile)
	messages, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		stop()
		return "", err
	}
	t.Cleanup(func() {
		stop()
		_, _ = io.Copy(io.Discard, messages) // until its children have ended, too
		_ = cmd.Wait()                       // it was killed
	})
	lines := bufio.NewReader(messages)
	for {
		line, err := lines.ReadString('\n')
		if address, found := strings.CutPrefix(strings.TrimSpace(line), listening); found {
			go func() { _, _ = io.Copy(io.Discard, lines) }() // a full pipe would stop it; ends when Firefox does
			return address, nil
		}
		if err != nil {
			return "", errors.New("it ended before it listened")
		}
	}
}
