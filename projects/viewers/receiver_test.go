package viewers_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"playtoken/projects"
	"playtoken/projects/viewers"
)

// receives is a webhook as its owner writes one with the library of Standard
// Webhooks; it says what became of each request.
const receives = `
const { Webhook } = require('standardwebhooks');
const calls = JSON.parse(require('fs').readFileSync(0, 'utf8'));
console.log(JSON.stringify(calls.map(({ secret, body, headers }) => {
  try { return new Webhook(secret).verify(body, headers).video_id; } catch (e) { return e.message; }
})));
`

// receiver is a folder with the library in it, fetched once per machine.
func receiver(t *testing.T) string {
	t.Helper()
	npm, err := exec.LookPath("npm")
	cache, nowhere := os.UserCacheDir()
	if _, node := exec.LookPath("node"); err != nil || node != nil || nowhere != nil {
		t.Skip("NOT TESTED with standardwebhooks: there is no node with npm and a cache on this machine")
	}
	dir := filepath.Join(cache, "playtoken-tests", "standardwebhooks@1.0.0")
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "standardwebhooks", "package.json")); err == nil {
		return dir
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS("testdata/receiver")); err != nil && !os.IsExist(err) {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, npm, "ci", "--prefix", dir, "--no-audit", "--no-fund", "--ignore-scripts").CombinedOutput()
	if err != nil {
		t.Skipf("NOT TESTED with standardwebhooks: it cannot be fetched: %v\n%s", err, out)
	}
	return dir
}

type received struct {
	Secret  string            `json:"secret"`
	Body    string            `json:"body"`
	Headers map[string]string `json:"headers"`
}

// TestTheLibraryOfStandardWebhooksAcceptsOurRequests with every secret that can be
// saved, as it was given and with the prefix, and none with another secret.
func TestTheLibraryOfStandardWebhooksAcceptsOurRequests(t *testing.T) {
	if testing.Short() {
		t.Skip("it asks npm")
	}
	dir := receiver(t)
	var got received
	url := hook(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got.Body, got.Headers = string(body), map[string]string{}
		for _, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
			got.Headers[name] = r.Header.Get(name)
		}
		fmt.Fprint(w, yes)
	})
	v := newViewers(t, viewers.Config{})
	var calls []received
	var want []string
	for _, n := range []int{24, 25, 26, 32, 64} {
		plain := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0xfb}, n))
		for _, given := range []string{plain, "whsec_" + plain} {
			p, ask := hooked(url), question()
			var err error
			if p.WebhookSecret, err = projects.NewWebhookSecret(given); err == nil {
				err = v.Entitled(t.Context(), p, ask)
			}
			if err != nil {
				t.Fatalf("secret of %d bytes: got %v, want no error", n, err)
			}
			got.Secret = given
			calls, want = append(calls, got), append(want, ask.VideoID)
		}
	}
	got.Secret = base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0xfa}, 24))
	calls, want = append(calls, got), append(want, "No matching signature found")
	input, err := json.Marshal(calls)
	if err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(t.Context(), "node", "-e", receives)
	node.Dir, node.Stdin = dir, bytes.NewReader(input)
	out, err := node.CombinedOutput()
	expected, _ := json.Marshal(want)
	if err != nil || strings.TrimSpace(string(out)) != string(expected) {
		t.Errorf("receiver: got %s, %v, want %s", out, err, expected)
	}
}
