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
		code <- run(ctx, process{args: args, environ: append(quick[:len(quick):len(quick)], environ...), stdin: strings.NewReader(""), stdout: stdout, stderr: t.Output()})
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
			t.Errorf("GET %s: got status %d, %v, want 200", url, status, err)
		}
	}
	if view.AdminKey == "" || !strings.Contains(view.Curl, `{"video_id":"counter"}`) {
		t.Errorf("the demo announced %+v, want its address, an admin key and a curl line", view)
	}
	if _, err := exec.LookPath("curl"); err == nil {
		out, err := exec.Command("sh", "-c", view.Curl).Output()
		var token tokenView
		if err != nil || json.Unmarshal(out, &token) != nil {
			t.Fatalf("the curl line: got %v, %s, want a token", err, out)
		}
		if status, err := plays(t.Context(), client, token.URLs.HLS); status != http.StatusOK || err != nil {
			t.Errorf("play the sample: got status %d, %v, want 200", status, err)
		}
	}
	for _, want := range []string{"/console/", "/console/login/link"} { // it opens once
		resp, err := client.Get(view.Console)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if first := want == "/console/"; !strings.Contains(view.Console, "/console/login/link?code=") || (resp.StatusCode == http.StatusUnauthorized) == first {
			t.Errorf("the link to the console %s: got status %d at %s, want it to work once", view.Console, resp.StatusCode, resp.Request.URL)
		}
	}
	resp, err := client.Post(view.Service+"/demo/token", "application/json", strings.NewReader(`{"video_id":"counter"}`))
	if err != nil || resp.StatusCode != http.StatusCreated {
		t.Errorf("POST /demo/token: got %v, %v, want status 201", resp, err)
	}
	resp.Body.Close()
	client.CloseIdleConnections()
	if code := stop(); code != exitDone {
		t.Errorf("got exit %d, want %d", code, exitDone)
	}
	// The second run finds the keys of the first, and its gate has another address.
	again, stop := startDemo(t, []string{"PLAYTOKEN_API_KEY=" + frontendKey, "PLAYTOKEN_ADMIN_KEY=" + adminKey}, "--data", data)
	if again.APIKey != frontendKey || again.AdminKey != "" {
		t.Errorf("the demo announced %+v, want the API key of the environment and no admin key", again)
	}
	if code := stop(); code != exitDone {
		t.Errorf("second run: got exit %d, want %d", code, exitDone)
	}
}

func TestDemoKeepsItsOwnNeedsAndRefusesStrangers(t *testing.T) {
	t.Parallel()
	w := &deployment{t: t}
	r := w.runWith([]string{"PLAYTOKEN_LISTN=:1"}, "", "demo", "--listen", "127.0.0.1:0")
	if r.code != exitUsage || !strings.Contains(r.stderr, "PLAYTOKEN_LISTEN?") {
		t.Errorf("demo with a misspelled setting: got exit %d, %s, want %d and a suggestion", r.code, r.stderr, exitUsage)
	}
	// What belongs to an installation does not reach the demo.
	view, stop := startDemo(t, []string{"PLAYTOKEN_STORE=vault", "PLAYTOKEN_PLATFORM_URL=https://platform.example/v2",
		"PLAYTOKEN_PLATFORM_API_KEY_FILE=/nowhere", "PLAYTOKEN_GATE_LISTEN=127.0.0.1:0"})
	if view.Gate == "" {
		t.Errorf("the demo announced %+v, want its address, an admin key and a curl line", view)
	}
	if code := stop(); code != exitDone {
		t.Errorf("got exit %d, want %d", code, exitDone)
	}
}

func TestCurlLineIsQuotedForTheShell(t *testing.T) {
	for _, s := range []string{"plain", "it's", `"$HOME" \ ` + "`x`", ""} {
		out, err := exec.Command("sh", "-c", "printf %s "+quoted(s)).Output()
		if err != nil || string(out) != s {
			t.Errorf("a shell reads quoted(%q) as %q, %v, want it unchanged", s, out, err)
		}
	}
}
