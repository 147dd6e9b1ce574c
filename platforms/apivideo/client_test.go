package apivideo_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"playtoken/platforms/apivideo/apivideotest"
)

const publicClient = "@api.video/nodejs-client@2.6.8"

// modules is a folder with api.video's own client in it, which is fetched once
// per machine.
func modules(t *testing.T) string {
	t.Helper()
	npm, err := exec.LookPath("npm")
	if _, node := exec.LookPath("node"); err != nil || node != nil {
		t.Skip("NOT TESTED: the stand-in with api.video's own client, because there is no node with npm on this machine")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	folder := filepath.Join(cache, "playtoken-test", "apivideo-client-2.6.8")
	if _, err := os.Stat(folder); err == nil {
		return folder
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	fresh := t.TempDir()
	install := exec.CommandContext(ctx, npm, "install", "--prefix", fresh, "--ignore-scripts", "--no-audit", "--no-fund", publicClient)
	if out, err := install.CombinedOutput(); err != nil {
		t.Skipf("NOT TESTED: the stand-in with api.video's own client, because it cannot be fetched: %v\n%s", err, out)
	}
	if os.MkdirAll(filepath.Dir(folder), 0o700) != nil || os.Rename(fresh, folder) != nil {
		return fresh // another test was faster, or there is no place to keep it
	}
	return folder
}

// understood is what the client made of the stand-in's answers.
type understood struct {
	Token struct {
		AccessToken, RefreshToken, TokenType string
		ExpiresIn                            int
	}
	Video struct {
		VideoID   string
		Public    bool `json:"_public"`
		CreatedAt time.Time
		Assets    map[string]string
	}
	Headers                    map[string]string
	Again                      string
	Listed                     []string
	NotFound, BadKey, BadLogin *refusal
}

type refusal struct {
	Name, Message string
	Code          any
	Status        int
	Problem       map[string]any
}

// The responses of the stand-in are understood by api.video's own client, as
// we understand it.
func TestThePublicClientUnderstandsTheStandIn(t *testing.T) {
	folder := modules(t)
	w := newWorld(t)
	server := httptest.NewServer(w.Standin)
	defer server.Close()
	node := exec.CommandContext(t.Context(), "node", "testdata/client.cjs")
	node.Env = append(os.Environ(), "MODULES="+folder, "BASE_URI="+server.URL, "API_KEY=given-key-of-the-account", "VIDEO="+film)
	out, err := node.CombinedOutput()
	if err != nil {
		t.Fatalf("run the client of api.video: %v\n%s", err, out)
	}
	var got understood
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("read the output of the client: %v\n%s", err, out)
	}
	if got.Token.AccessToken == "" || got.Token.RefreshToken == "" || got.Token.TokenType != "Bearer" || got.Token.ExpiresIn != 3600 {
		t.Errorf("the client got the token %+v, want a bearer token for an hour", got.Token)
	}
	v := got.Video
	if v.VideoID != film || v.Public || v.CreatedAt.IsZero() || len(v.Assets) != 5 || v.Assets["hls"] == "" || v.Assets["hls"] == got.Again {
		t.Errorf("%+v, then %s", v, got.Again)
	}
	if got.Headers["x-ratelimit-limit"] != "500" || got.Headers["x-ratelimit-remaining"] != "499" || got.Headers["x-ratelimit-retry-after"] != "60" {
		t.Errorf("the client got the headers %v, want a limit of 500 with 499 left for 60 s", got.Headers)
	}
	if len(got.Listed) != len(apivideotest.PrivateVideos)+1 {
		t.Errorf("the client listed %v, want every video of the account", got.Listed)
	}
	for name, c := range map[string]struct {
		got    *refusal
		status float64
		title  string
	}{
		"no such video": {got.NotFound, 404, "The requested resource could not be found."},
		"no such key":   {got.BadKey, 401, "The API key you provided is invalid."},
		"no login":      {got.BadLogin, 400, "The user credentials were incorrect."},
	} {
		if c.got == nil || c.got.Problem["status"] != c.status || c.got.Problem["title"] != c.title {
			t.Errorf("%s: the client got the problem %+v, want status %v and title %q", name, c.got, c.status, c.title)
		}
	}
}
