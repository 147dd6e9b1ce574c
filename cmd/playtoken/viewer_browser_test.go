package main

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	jose "github.com/go-jose/go-jose/v4"

	"playtoken/web/browsertest"
)

// A viewer's page is on another origin than the service, and presents the
// viewer's own login: only a browser can say whether that page gets to ask, and
// to read.
func TestAViewersPageGetsAndPlaysATokenAndOtherPagesDoNot(t *testing.T) {
	t.Parallel()
	slow(t, "it starts a browser")
	tab := browsertest.Chromium(t).Page(t)
	w := newDeployment(t, "PLAYTOKEN_PRIVATE_TARGETS=127.0.0.0/8")
	url, _, stop := w.serveHere(w.environ)
	defer stop()
	p := &pages{t: t, tab: tab, login: newLogin(t), admin: apiClient{t: t, client: newClient(t), url: url, key: adminKey}}
	site, stranger, neighbour := newSite(t), newSite(t), newSite(t)
	p.admin.want(http.StatusOK, nil, "PATCH /v1/projects/default", p.policy(site))
	var second struct {
		ID string `json:"project_id"`
	}
	p.admin.want(http.StatusCreated, &second, "POST /v1/projects", onGate("neighbour", startGate(t, secondKey).URL, secondKey))
	p.admin.want(http.StatusOK, nil, "PATCH /v1/projects/"+second.ID, p.policy(neighbour))
	p.admin.await("GET /readyz", func(got response) bool { return got.status == http.StatusOK })

	p.open(site)
	token := p.gets()
	p.plays(w.gate.URL, token)

	p.open(site)
	if got := p.ask(p.login.token(t) + "x"); got.Status != http.StatusUnauthorized || !strings.Contains(got.Body, `"unauthenticated"`) {
		t.Errorf("a token that is not good: %+v; its page should be told", got)
	}
	minted, asked := p.metric("playtoken_tokens_minted_total{"), p.metric(posts)
	for _, c := range []struct {
		name, page string
		asks       float64 // requests that arrive; the answer is kept from the page in any case
	}{
		{"a page that no project names", stranger, 0},
		{"a page that another project names", neighbour, 1},
	} {
		p.open(c.page)
		if got := p.ask(p.login.token(t)); got.Status != 0 || !strings.Contains(got.Failed, "TypeError") {
			t.Errorf("%s: %+v, want that fetch throws", c.name, got)
		}
		if arrived := p.metric(posts) - asked; arrived != c.asks {
			t.Errorf("%s: %v requests arrived, want %v", c.name, arrived, c.asks)
		}
	}
	if now := p.metric("playtoken_tokens_minted_total{"); now != minted || minted == 0 {
		t.Errorf("%v tokens were minted, then %v", minted, now)
	}
	// The same pages, once they are named.
	p.admin.want(http.StatusOK, nil, "PATCH /v1/projects/default", p.policy(stranger, neighbour))
	for _, page := range []string{stranger, neighbour} {
		p.open(page)
		p.gets()
	}
}

// posts is the counter of those requests.
const posts = `playtoken_http_requests_total{method="POST",route="/v1/playback-tokens"`

// pages are a viewer's, in a browser.
type pages struct {
	t     *testing.T
	tab   *browsertest.Page
	login *oidc
	admin apiClient
}

// fetched is what fetch brings a page, or why it throws.
type fetched struct {
	Status int
	Body   string
	Failed string
}

// policy names the login and the pages of a project.
func (p *pages) policy(origins ...string) string {
	body, _ := json.Marshal(map[string]any{"viewer_policy": map[string]any{
		"issuers": []any{map[string]any{"issuer": p.login.url, "audiences": []string{"player"}}},
		"origins": origins,
	}})
	return string(body)
}

func (p *pages) open(url string) {
	p.t.Helper()
	p.tab.Open(p.t, url)
}

// fetch is what a page does to ask, as the README has it.
func (p *pages) fetch(token string) string {
	return fmt.Sprintf(`fetch(%q, {method: "POST",
		headers: {Authorization: "Bearer " + %q, "Content-Type": "application/json"},
		body: JSON.stringify({project_id: "default", video_id: "counter"})})
		.then(async (r) => ({Status: r.status, Body: await r.text()}), (e) => ({Failed: String(e)}))`, p.admin.url+"/v1/playback-tokens", token)
}

func (p *pages) ask(token string) fetched {
	p.t.Helper()
	return browsertest.Eval[fetched](p.t, p.tab, p.fetch(token))
}

// gets asks until every view of the project has aged.
func (p *pages) gets() (token tokenView) {
	p.t.Helper()
	got := browsertest.Eval[fetched](p.t, p.tab, `(async () => {
		for (;;) {
			const got = await `+p.fetch(p.login.token(p.t))+`;
			if (got.Status === 201 || performance.now() > 60_000) return got;
			await new Promise((resolve) => setTimeout(resolve, 100));
		}
	})()`)
	if err := json.Unmarshal([]byte(got.Body), &token); err != nil || got.Status != http.StatusCreated || token.URLs.HLS == "" {
		p.t.Fatalf("mint in the browser: got %+v, %v, want status 201 and a URL", got, err)
	}
	return token
}

// plays shows that the token opens the video: for the viewer's page, and in the
// gate's own.
func (p *pages) plays(gate string, token tokenView) {
	p.t.Helper()
	const read = `fetch(%q).then(async (r) => ({Status: r.status, Body: await r.text()}), (e) => ({Failed: String(e)}))`
	if got := browsertest.Eval[fetched](p.t, p.tab, fmt.Sprintf(read, token.URLs.HLS)); got.Status != http.StatusOK || !strings.HasPrefix(got.Body, "#EXTM3U") {
		p.t.Errorf("the manifest: %+v", got)
	}
	if got := browsertest.Eval[fetched](p.t, p.tab, fmt.Sprintf(read, strings.Replace(token.URLs.HLS, "jwt=", "jwt=x", 1))); got.Status != http.StatusUnauthorized {
		p.t.Errorf("the manifest, with another token: %+v", got)
	}
	p.open(gate + "/counter?jwt=" + token.Token)
	browsertest.Eval[bool](p.t, p.tab, `(async () => {
		const video = document.getElementById("video"), message = document.getElementById("message");
		const moves = new Promise((resolve, reject) => {
			video.addEventListener("timeupdate", () => video.currentTime > 0.5 && resolve(true));
			new MutationObserver(() => reject(new Error(message.textContent))).observe(message, { childList: true });
		});
		video.muted = true;
		await video.play();
		return moves;
	})()`)
}

// metric is the sum of a counter's series that begin so.
func (p *pages) metric(series string) (sum float64) {
	p.t.Helper()
	for line := range strings.Lines(string(p.admin.ask("GET /metrics", "").body)) {
		if strings.HasPrefix(line, series) {
			var value float64
			if _, err := fmt.Sscan(line[strings.LastIndex(line, " "):], &value); err != nil {
				p.t.Fatalf("metric line %q: got %v, want a number at its end", line, err)
			}
			sum += value
		}
	}
	return sum
}

// newLogin is where viewers log in.
func newLogin(t *testing.T) *oidc {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	o := &oidc{key: key}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/keys" {
			json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{KeyID: "1", Key: key.Public(), Algorithm: "RS256", Use: "sig"}}})
			return
		}
		json.NewEncoder(w).Encode(map[string]any{"issuer": o.url, "jwks_uri": o.url + "/keys", "id_token_signing_alg_values_supported": []string{"RS256"}})
	}))
	t.Cleanup(server.Close)
	o.url = server.URL
	return o
}

// newSite is an origin with a page on it.
func newSite(t *testing.T) (origin string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, "<!doctype html><title>a site</title>")
	}))
	t.Cleanup(server.Close)
	return server.URL
}
