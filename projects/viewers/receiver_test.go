package viewers_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"playtoken/projects"
	"playtoken/projects/viewers"
	"playtoken/web/npmtest"
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
	dir := npmtest.Project(t, "standardwebhooks", os.DirFS("testdata/receiver"))
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
