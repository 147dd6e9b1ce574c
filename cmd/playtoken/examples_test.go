package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"playtoken/client"
)

// TestTheExamplesMint starts the back end of each language beside a real service
// and asks it as a page would.
func TestTheExamplesMint(t *testing.T) {
	t.Parallel()
	slow(t, "it starts a service and four back ends")
	w := newDeployment(t)
	w.must(&struct{}{}, "rotate")
	s := w.startServer("serve")
	defer s.stop()
	goProgram := filepath.Join(t.TempDir(), "backend")
	if out, err := exec.Command("go", "build", "-o", goProgram, "../../examples/go").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	for name, command := range map[string][]string{
		"go": {goProgram}, "node": {"node", "../../examples/node/server.mjs"}, "python": {"python3", "../../examples/python/server.py"},
		"php": {"php", "-S", "127.0.0.1:0", "../../examples/php/index.php"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := exec.LookPath(command[0]); err != nil {
				t.Skipf("NOT TESTED: the example in %s: %v", name, err)
			}
			serves(t, startBackend(t, s.url, command), name)
		})
	}
}

// startBackend runs a program until the test ends, and returns the address that
// it prints.
func startBackend(t *testing.T, service string, command []string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Env = append(os.Environ(), "PLAYTOKEN_URL="+service, "PLAYTOKEN_API_KEY="+frontendKey, "PORT=0")
	reader, writer := io.Pipe()
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = writer, writer, time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address, ended := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(reader); lines.Scan(); {
			if _, at, found := strings.Cut(lines.Text(), "http://"); found {
				select {
				case address <- "http://" + strings.Trim(strings.Fields(at)[0], "()"):
				default:
				}
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()         // killed
		_ = writer.Close()     // never an error
		<-ended
	})
	select {
	case at := <-address:
		return at
	case <-time.After(30 * time.Second):
		t.Fatalf("%q: got no address within 30 s, want one", command)
		return ""
	}
}

// serves has a back end decide who may watch, and pass on a token.
func serves(t *testing.T, at, name string) {
	t.Helper()
	for _, c := range []struct {
		cookie, body string
		want         int
	}{
		{"session=session-of-ann", `{"video_id":"counter"}`, 200},
		{"session=session-of-ann", `{"video_id":"another"}`, 403},
		{"session=session-of-ann", `{"video_id":["counter"]}`, 403},
		{"session=session-of-ann", `{"video_id":"*"}`, 403},
		{"session=session-of-ann", `not JSON`, 403},
		{"session=a-guess", `{"video_id":"counter"}`, 401},
		{"", `{"video_id":"counter"}`, 401},
	} {
		req, err := http.NewRequestWithContext(t.Context(), "POST", at+"/token", strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Cookie", c.cookie)
		resp, err := newClient(t).Do(req)
		if err != nil {
			t.Fatalf("%s: got %v, want an answer", name, err)
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != c.want || resp.Header.Get("Cache-Control") != "no-store" || strings.Contains(string(text), frontendKey) {
			t.Errorf("%s, %+v: got %d %s, %v, want %d, not to be stored, without the API key", name, c, resp.StatusCode, text, err, c.want)
		}
		var token client.Token
		if c.want == 200 && (json.Unmarshal(text, &token) != nil || token.URLs["hls"] == "" || token.Delivery.Renew != "request" || token.ExpiresIn == 0) {
			t.Errorf("%s: got %s, want the service's own answer", name, text)
		}
	}
}

// faulty loses requests, answers, or both, one call after the other.
type faulty struct {
	next   http.RoundTripper
	faults []string // "did not happen", "answer lost" or ""
	calls  atomic.Int64
}

func (f *faulty) RoundTrip(r *http.Request) (*http.Response, error) {
	fault := ""
	if n := int(f.calls.Add(1)) - 1; n < len(f.faults) {
		fault = f.faults[n]
	}
	if fault == "did not happen" {
		return nil, errors.New("connection refused")
	}
	resp, err := f.next.RoundTrip(r)
	if err == nil && fault == "answer lost" {
		resp.Body.Close()
		return nil, errors.New("connection reset")
	}
	return resp, err
}

// goClient calls a service over a network with faults.
func goClient(t *testing.T, url string, network *faulty) *client.Client {
	t.Helper()
	network.next = newClient(t).Transport
	c, err := client.New(client.Config{URL: url, APIKey: frontendKey, Patience: time.Minute, Transport: network})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestTheGoClient calls a real service over a network with faults.
func TestTheGoClient(t *testing.T) {
	t.Parallel()
	slow(t, "it starts a service")
	w := newDeployment(t)
	w.must(&struct{}{}, "rotate")
	s := w.startServer("serve")
	defer s.stop()
	ctx := t.Context()
	for _, faults := range [][]string{nil, {"did not happen"}, {"answer lost"}, {"answer lost", "did not happen", "answer lost"}} {
		token, err := goClient(t, s.url, &faulty{faults: faults}).Mint(ctx, client.TokenRequest{VideoID: "counter", Viewer: &client.Viewer{ID: "ann"}})
		if err != nil || token.Token == "" || token.URLs["hls"] == "" || !token.Delivery.Session || token.KeyID == nil || !token.RefreshAt.Before(token.ExpiresAt) {
			t.Errorf("mint with the faults %q: got %+v, %v, want a token", faults, token, err)
		}
	}
	c := goClient(t, s.url, &faulty{})
	requests := make([]client.TokenRequest, 120)
	for i := range requests {
		requests[i].VideoID = "counter"
	}
	requests[110].VideoID = "not/a/video"
	items, err := c.Batch(ctx, requests)
	if err != nil || len(items) != 120 || items[0].Token.Token == "" || items[110].Err == nil || items[110].Err.Code != "video_invalid" {
		t.Fatalf("batch: got %d items, %v, want 120 and one that is refused", len(items), err)
	}
	found, err := c.Inspect(ctx, client.InspectRequest{Token: items[0].Token.Token})
	if err != nil || !found.Valid {
		t.Errorf("inspect: got %+v, %v, want that it is valid", found, err)
	}
	var refused *client.Error
	if _, err := c.Mint(ctx, client.TokenRequest{VideoID: "counter", Kinds: []string{"thumbnail"}}); !errors.As(err, &refused) ||
		refused.Code != "not_enforceable" || len(refused.Fields) != 1 || refused.Fields[0].Field != "kinds" || refused.RequestID == "" {
		t.Errorf("a kind that there is not: got %#v, want not_enforceable about kinds", err)
	}
	refreshes(t, s.url, c)
}

// refreshes mints with access tokens alone. A refresh whose answer was lost is not
// sent again, and the next exchange mends it.
func refreshes(t *testing.T, url string, c *client.Client) {
	t.Helper()
	ctx := t.Context()
	first, err := c.Exchange(ctx)
	if err != nil {
		t.Fatal(err)
	}
	second, err := c.Refresh(ctx, first.RefreshToken)
	if err != nil || second.AccessToken == "" {
		t.Fatalf("refresh: got %+v, %v, want the next token", second, err)
	}
	bearer, err := client.New(client.Config{URL: url, Transport: newClient(t).Transport,
		AccessToken: func(context.Context) (string, error) { return second.AccessToken, nil }})
	if err != nil {
		t.Fatal(err)
	}
	if token, err := bearer.Mint(ctx, client.TokenRequest{VideoID: "counter"}); err != nil || token.Token == "" {
		t.Errorf("mint with an access token: got %+v, %v, want a token", token, err)
	}
	lossy := &faulty{faults: []string{"answer lost"}}
	var lost *client.Error
	if _, err := goClient(t, url, lossy).Refresh(ctx, second.RefreshToken); !errors.As(err, &lost) || lost.Status != 0 || lossy.calls.Load() != 1 {
		t.Errorf("a refresh whose answer is lost: got %v after %d requests, want an error after one", err, lossy.calls.Load())
	}
	if _, err := c.Refresh(ctx, second.RefreshToken); !errors.As(err, &lost) || lost.Status != 400 {
		t.Errorf("the same refresh token: got %v, want 400", err)
	}
	if again, err := c.Exchange(ctx); err != nil || again.AccessToken == "" {
		t.Errorf("exchange after that: got %v, want an access token", err)
	}
}
