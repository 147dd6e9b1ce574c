package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
)

// startDemo runs a demo in this process and returns what it announces.
func startDemo(t *testing.T, environ []string, args ...string) (demoView, func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	said, stdout := io.Pipe()
	code := make(chan int, 1)
	go func() {
		args := append([]string{"demo", "--listen", "127.0.0.1:0", "-o", "json"}, args...)
		code <- run(ctx, process{args, append(quick[:len(quick):len(quick)], environ...), strings.NewReader(""), stdout, t.Output()})
		stdout.Close()
	}()
	var view demoView
	if err := json.NewDecoder(said).Decode(&view); err != nil {
		cancel()
		t.Fatalf("no announcement: %v, exit %d", err, <-code)
	}
	return view, func() int {
		cancel()
		return <-code
	}
}

func TestDemoAnnouncesWhatWorksAndStopsCleanly(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	view, stop := startDemo(t, nil, "--data", data)
	client := newClient(t)
	for _, url := range []string{view.Player, view.Service, view.Service + "/demo/keys", view.Service + "/healthz", view.Service + "/readyz", view.Gate + "/healthz"} {
		if status, err := plays(t.Context(), client, url); status != http.StatusOK || err != nil {
			t.Errorf("%s: %d, %v", url, status, err)
		}
	}
	if view.AdminKey == "" || !strings.Contains(view.Curl, `{"video_id":"counter"}`) {
		t.Errorf("announced: %+v", view)
	}
	if _, err := exec.LookPath("curl"); err == nil {
		out, err := exec.Command("sh", "-c", view.Curl).Output()
		var token tokenView
		if err != nil || json.Unmarshal(out, &token) != nil {
			t.Fatalf("the curl line: %v\n%s", err, out)
		}
		if status, err := plays(t.Context(), client, token.URLs.HLS); status != http.StatusOK || err != nil {
			t.Errorf("the sample: %d, %v", status, err)
		}
	}
	resp, err := client.Post(view.Service+"/demo/token", "application/json", strings.NewReader(`{"video_id":"counter"}`))
	if err != nil || resp.StatusCode != http.StatusCreated {
		t.Errorf("the page's own back end: %v, %v", resp, err)
	}
	resp.Body.Close()
	client.CloseIdleConnections()
	if code := stop(); code != exitDone {
		t.Errorf("exit %d", code)
	}
	// The second run finds the keys of the first, and a gate elsewhere.
	again, stop := startDemo(t, []string{"PLAYTOKEN_API_KEY=" + frontendKey, "PLAYTOKEN_ADMIN_KEY=" + adminKey}, "--data", data)
	if again.APIKey != frontendKey || again.AdminKey != "" {
		t.Errorf("announced: %+v", again)
	}
	if code := stop(); code != exitDone {
		t.Errorf("second run: exit %d", code)
	}
}

func TestDemoKeepsItsOwnNeedsAndRefusesStrangers(t *testing.T) {
	t.Parallel()
	w := &deployment{t: t}
	r := w.runWith([]string{"PLAYTOKEN_LISTN=:1"}, "", "demo", "--listen", "127.0.0.1:0")
	if r.code != exitUsage || !strings.Contains(r.stderr, "PLAYTOKEN_LISTEN?") {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
	// What belongs to an installation does not reach the demo.
	view, stop := startDemo(t, []string{"PLAYTOKEN_STORE=vault", "PLAYTOKEN_PLATFORM_URL=https://platform.example/v2",
		"PLAYTOKEN_PLATFORM_API_KEY_FILE=/nowhere", "PLAYTOKEN_GATE_LISTEN=127.0.0.1:0"})
	if view.Gate == "" {
		t.Errorf("announced: %+v", view)
	}
	if code := stop(); code != exitDone {
		t.Errorf("exit %d", code)
	}
}

func TestCurlLineIsQuotedForTheShell(t *testing.T) {
	for _, s := range []string{"plain", "it's", `"$HOME" \ ` + "`x`", ""} {
		out, err := exec.Command("sh", "-c", "printf %s "+quoted(s)).Output()
		if err != nil || string(out) != s {
			t.Errorf("%q became %q, %v", s, out, err)
		}
	}
}
