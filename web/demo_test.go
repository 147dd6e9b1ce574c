package web_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"playtoken/secret"
	"playtoken/web"
	"playtoken/web/timeline"
)

const (
	apiKey   = "pt_test_canary-5d1e0b77"
	adminKey = "pta_test_canary-77b0e1d5"
)

// service stands for the API: it records what it was asked.
type service struct {
	asked  []*http.Request
	bodies []string
	status int
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.asked, s.bodies = append(s.asked, r), append(s.bodies, string(body))
	if s.status != http.StatusCreated {
		w.Header().Set("Retry-After", "7")
		w.Header().Set("Content-Type", "application/problem+json")
	}
	w.WriteHeader(s.status)
	fmt.Fprint(w, `{"made":"by the service"}`)
}

func config(api http.Handler) web.DemoConfig {
	return web.DemoConfig{
		VideoID: "counter", Project: "default", API: api, APIKey: secret.New(apiKey), AdminKey: secret.New(adminKey), MediaOrigin: "https://media.test:8443",
		Ring: func(context.Context) (web.Ring, error) { return midLife(), nil }, Outage: &outage{},
	}
}

// outage says for how long it would stop a store.
type outage struct{ length time.Duration }

func (o *outage) Stop(length time.Duration) { o.length = length }
func (o *outage) Left() time.Duration       { return o.length }

// midLife is a ring in which the third key signs and the second has to stay.
func midLife() web.Ring {
	ago := func(seconds int) time.Time { return time.Now().Add(-time.Duration(seconds) * time.Second) }
	return web.Ring{
		Keys: []timeline.Key{
			{Generation: 4, State: "planned", CreatedAt: ago(1)},
			{Generation: 3, State: "active", KeyID: "k3", CreatedAt: ago(30), RegisteredAt: ago(29), ActivatedAt: ago(9)},
			{Generation: 2, State: "retiring", KeyID: "k2", CreatedAt: ago(60), RegisteredAt: ago(59), ActivatedAt: ago(39), RetiredAt: ago(9), DeleteNotBefore: ago(-20).Add(-time.Second / 2)},
		},
		Moves: []timeline.Move{
			{Action: "delete", Generation: 2, KeyID: "k2", Why: "no token of it can still be alive", NotBefore: ago(-20)},
			{Action: "register", Generation: 4, Why: "the budget is spent"},
		},
	}
}

func newDemo(t *testing.T, cfg web.DemoConfig) http.Handler {
	t.Helper()
	h, err := web.Demo(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func ask(h http.Handler, method, path, body string, header ...string) *http.Response {
	r := httptest.NewRequest(method, "http://demo.test"+path, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func text(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestTokenIsTheServicesOwnAnswer(t *testing.T) {
	for _, status := range []int{http.StatusCreated, http.StatusServiceUnavailable} {
		api := &service{status: status}
		got := ask(newDemo(t, config(api)), "POST", "/demo/token", `{"video_id":"counter"}`,
			"Sec-Fetch-Site", "same-origin", "Cookie", "visitor=1", "Authorization", "Bearer visitor", "X-Forwarded-For", "10.0.0.1")
		if got.StatusCode != status || text(t, got) != `{"made":"by the service"}` {
			t.Errorf("got status %d, want the %d of the service", got.StatusCode, status)
		}
		if (status != http.StatusCreated) != (got.Header.Get("Retry-After") == "7") {
			t.Errorf("status %d: Retry-After is %q", status, got.Header.Get("Retry-After"))
		}
		if len(api.asked) != 1 || api.bodies[0] != `{"video_id":"counter"}` {
			t.Fatalf("the service was asked %q", api.bodies)
		}
		r := api.asked[0]
		if r.Method != "POST" || r.URL.String() != "/v1/playback-tokens" || r.Header.Get("Authorization") != "Bearer "+apiKey {
			t.Errorf("the service was asked %s %s", r.Method, r.URL)
		}
		if len(r.Header) != 2 {
			t.Errorf("something of the visitor's went along: %v", r.Header)
		}
	}
}

func TestTokenIsRefused(t *testing.T) {
	const good = `{"video_id":"counter"}`
	for _, c := range []struct {
		name, method, body string
		header             []string
		want               int
	}{
		{"the sample video", "POST", good, nil, 201},
		{"another video", "POST", `{"video_id":"other"}`, nil, 403},
		{"all videos", "POST", `{"video_id":"*"}`, nil, 403},
		{"no video", "POST", `{}`, nil, 403},
		{"no body", "POST", ``, nil, 400},
		{"an unknown member", "POST", `{"video_id":"counter","expires_in":86400}`, nil, 400},
		{"a duplicate member", "POST", `{"video_id":"counter","video_id":"counter"}`, nil, 400},
		{"trailing data", "POST", good + good, nil, 400},
		{"a long body", "POST", `{"video_id":"` + strings.Repeat("x", 2000) + `"}`, nil, 400},
		{"reading", "GET", ``, nil, 404},
		{"another site's page", "POST", good, []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"a sibling site's page", "POST", good, []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"another origin, old browser", "POST", good, []string{"Origin", "https://evil.test"}, 403},
	} {
		api := &service{status: http.StatusCreated}
		got := ask(newDemo(t, config(api)), c.method, "/demo/token", c.body, c.header...)
		if got.StatusCode != c.want {
			t.Errorf("%s: status %d, want %d", c.name, got.StatusCode, c.want)
		}
		if (len(api.asked) == 1) != (c.want == 201) {
			t.Errorf("%s: the service was asked %d times", c.name, len(api.asked))
		}
	}
}

func TestEveryAnswerIsGuarded(t *testing.T) {
	h := newDemo(t, config(&service{status: http.StatusCreated}))
	paths := []string{"/demo/", "/demo/keys", "/demo/timeline.svg", "/demo/timeline.css"}
	files := os.DirFS("static")
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && name != "index.html" { // which is /demo/
			paths = append(paths, "/demo/"+name)
		}
		return err
	})
	modules, globErr := filepath.Glob("sdk/src/*.js")
	for _, name := range modules {
		paths = append(paths, "/demo/"+name)
	}
	if err = errors.Join(err, globErr); err != nil || len(paths) < 20 {
		t.Fatalf("assets %v, %v", paths, err)
	}
	for _, p := range paths {
		got := ask(h, "GET", p, "")
		if got.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d", p, got.StatusCode)
		}
		csp := got.Header.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") ||
			!strings.Contains(csp, "connect-src 'self' https://media.test:8443;") {
			t.Errorf("%s: policy %q", p, csp)
		}
		if got.Header.Get("Referrer-Policy") != "no-referrer" || got.Header.Get("X-Content-Type-Options") != "nosniff" ||
			got.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: headers %v", p, got.Header)
		}
		if whole := text(t, got) + fmt.Sprint(got.Header); strings.Contains(whole, apiKey) || strings.Contains(whole, adminKey) {
			t.Errorf("%s: got a key of the service in it, want it nowhere", p)
		}
	}
}

func TestPlayerModulesAreThereByName(t *testing.T) {
	text, err := web.PlayerModule("player.js")
	if err != nil || !strings.Contains(string(text), "export class Player") {
		t.Errorf("PlayerModule(player.js): got %v, want the class Player", err)
	}
	for _, name := range []string{"", ".", "..", "demo.js", "../demo.js", "/player.js", "player.js/", "Player.js"} {
		if _, err := web.PlayerModule(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("PlayerModule(%q): got %v, want %v", name, err, fs.ErrNotExist)
		}
	}
	for _, folder := range []string{"/demo/player/", "/demo/sdk/", "/demo/sdk/src/"} {
		if got := ask(newDemo(t, config(&service{})), "GET", folder, ""); got.StatusCode != http.StatusNotFound {
			t.Errorf("%s: got status %d, want 404", folder, got.StatusCode)
		}
	}
}

func TestPageNamesTheVideoAndNeedsNothingInline(t *testing.T) {
	cfg := config(&service{})
	cfg.VideoID = `a"><script>alert(1)</script>`
	got := ask(newDemo(t, cfg), "GET", "/demo/", "")
	page := text(t, got)
	if got.StatusCode != 200 || !strings.Contains(page, `data-video-id="a&#34;&gt;&lt;script&gt;`) {
		t.Errorf("status %d, page %s", got.StatusCode, page)
	}
	if m := regexp.MustCompile(`(?i)\sstyle=|\son\w+=|<style|<script>|https?://`).FindString(page); m != "" {
		t.Errorf("the page has %q, which its own policy forbids or which is not ours", m)
	}
}

func TestConfigIsChecked(t *testing.T) {
	if _, err := web.Demo(config(&service{})); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*web.DemoConfig){
		"no video":              func(c *web.DemoConfig) { c.VideoID = "" },
		"no service":            func(c *web.DemoConfig) { c.API = nil },
		"no key":                func(c *web.DemoConfig) { c.APIKey = secret.Value{} },
		"no admin key":          func(c *web.DemoConfig) { c.AdminKey = secret.Value{} },
		"no project":            func(c *web.DemoConfig) { c.Project = "" },
		"no ring":               func(c *web.DemoConfig) { c.Ring = nil },
		"no outage":             func(c *web.DemoConfig) { c.Outage = nil },
		"an origin with a path": func(c *web.DemoConfig) { c.MediaOrigin = "https://media.test/" },
		"an origin and a policy": func(c *web.DemoConfig) {
			c.MediaOrigin = "https://media.test;script-src"
		},
		"two origins":            func(c *web.DemoConfig) { c.MediaOrigin = "https://a.test https://b.test" },
		"an origin with a login": func(c *web.DemoConfig) { c.MediaOrigin = "https://u:p@media.test" },
		"a host alone":           func(c *web.DemoConfig) { c.MediaOrigin = "media.test" },
	} {
		cfg := config(&service{})
		spoil(&cfg)
		if _, err := web.Demo(cfg); err == nil {
			t.Errorf("%s: got no error, want one", name)
		}
	}
}
