package service

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"playtoken/projects"
	"playtoken/secret"
	"playtoken/web/console"
)

const tryAt = "/console/projects/default/try"

var shownToken = regexp.MustCompile(`<code class="secret">([^<]+)</code>`)

// TestTryIt is the page Try it; its parts share a service, because a key that signs
// takes a while.
func TestTryIt(t *testing.T) {
	s, _ := newService(t)
	withActiveKey(t, s, projects.Default)
	for name, part := range map[string]func(*testing.T, *Service){
		"make and inspect": makeAndInspect, "policy": policyOfThePlayer, "tokens of the player": tokensOfThePlayer,
		"auditor": auditorMakesNone, "markup": markupInEveryField, "shell": codeForAShell,
	} {
		t.Run(name, func(t *testing.T) { part(t, s) })
	}
}

// makeAndInspect is the page Try it without JavaScript.
func makeAndInspect(t *testing.T, s *Service) {
	b := newBrowser(t, s)
	b.signIn(adminKey)
	if got := b.get(tryAt); got.status != http.StatusOK || !strings.Contains(got.text, `name="video_id"`) || !strings.Contains(got.text, `name="token"`) {
		t.Fatalf("got status %d, want 200 with two forms: %s", got.status, got.text)
	}
	made := b.post(tryAt, url.Values{"video_id": {"vid1"}, "expires_in": {"60"}})
	for _, want := range []string{
		"The platform accepts it", "with the key of generation 1, which is active", "the video that the token opens", "which public key verifies the signature",
		"<summary>curl</summary>", "<summary>JavaScript</summary>", "<summary>Go</summary>", "PLAYTOKEN_API_KEY", "data-endpoint=", "Lives for</th><td>60 s",
	} {
		if made.status != http.StatusOK || !strings.Contains(made.text, want) {
			t.Errorf("making a token: got status %d without %q, want 200 with it: %s", made.status, want, made.text)
		}
	}
	found := shownToken.FindStringSubmatch(made.text)
	if found == nil || strings.Contains(made.text, adminKey) {
		t.Fatalf("got %s, want a token, and no admin key", made.text)
	}
	for _, c := range []struct {
		name, token, video, want string
		not                      string
	}{
		{"as it is", found[1], "", "The platform accepts it", "refuses it"},
		{"in an address", "https://media.test/vid1/hls.m3u8?jwt=" + found[1], "", "The platform accepts it", "refuses it"},
		{"for another video", found[1], "vid2", "video_not_allowed", "accepts it"},
		{"cut", found[1][:len(found[1])-9], "", "Copy it again, completely", "accepts it"},
		{"changed", changed(found[1]), "", "signature_invalid", "accepts it"},
		{"something else", "hello", "", "Copy it again, completely", "accepts it"},
		{"nothing", "", "", "is required", "accepts it"},
	} {
		got := b.post("/console/projects/default/inspect", url.Values{"token": {c.token}, "at_video": {c.video}})
		if !strings.Contains(got.text, c.want) || strings.Contains(got.text, c.not) {
			t.Errorf("%s: got status %d, want %q and not %q: %s", c.name, got.status, c.want, c.not, got.text)
		}
	}
}

// changed is a token with other claims.
func changed(token string) string {
	parts := strings.Split(token, ".")
	parts[1] = base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"*","exp":4102444800}`))
	return strings.Join(parts, ".")
}

// policyOfThePlayer: only the page that plays names one, and
// only that of its video.
func policyOfThePlayer(t *testing.T, s *Service) {
	b := newBrowser(t, s)
	b.signIn(adminKey)
	if policy := b.get(tryAt).header.Get("Content-Security-Policy"); strings.Contains(policy, "media-src") {
		t.Errorf("got the policy %q of a page that plays nothing, want no media in it", policy)
	}
	got := b.post(tryAt, url.Values{"video_id": {"vid1"}})
	policy := got.header.Get("Content-Security-Policy")
	named := regexp.MustCompile(`https?://[^ ;]+`).FindAllString(policy, -1)
	if len(named) != 2 || named[0] != named[1] || strings.Count(named[0], "/") != 2 || strings.Contains(policy, "unsafe") || !strings.Contains(got.text, named[0]) {
		t.Errorf("got the policy %q, want the origin of the video for connections and media, and no code in the page", policy)
	}
	element := b.get(regexp.MustCompile(`data-sdk="([^"]+)"`).FindStringSubmatch(got.text)[1] + "element.js")
	if element.status != http.StatusOK || !strings.Contains(element.text, "playtoken-video") {
		t.Errorf("got status %d for the player's module, want it served by the console", element.status)
	}
}

func tokensOfThePlayer(t *testing.T, s *Service) {
	b := newBrowser(t, s)
	if got := b.post(tryAt+"/token", nil); got.path != "/console/login" {
		t.Errorf("without a session: got %s, want the form for signing in", got.path)
	}
	b.signIn(adminKey)
	ask := func(path, body string, headers ...string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.at+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		for i := 0; i+1 < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		got := b.do(r)
		return got.status, got.text
	}
	status, text := ask(tryAt+"/token", `{"video_id":"vid1"}`)
	var token struct {
		Token   string
		VideoID string `json:"video_id"`
	}
	if err := json.Unmarshal([]byte(text), &token); err != nil || status != http.StatusCreated || token.VideoID != "vid1" || token.Token == "" {
		t.Errorf("got status %d, %s, want the API's own answer", status, text)
	}
	for body, want := range map[string]int{`{"video_id":""}`: 400, `{"video_id":"vid1","expires_in":9}`: 400, `{}`: 400, `x`: 400} {
		if status, text := ask(tryAt+"/token", body); status != want || !strings.Contains(text, `"code"`) {
			t.Errorf("%s: got status %d, %s, want %d and a problem", body, status, text, want)
		}
	}
	if status, _ := ask("/console/projects/another/try/token", `{"video_id":"vid1"}`); status != http.StatusNotFound {
		t.Errorf("another project: got status %d, want 404", status)
	}
	if status, _ := ask(tryAt+"/token", `{"video_id":"vid1"}`, "Sec-Fetch-Site", "cross-site"); status != http.StatusForbidden {
		t.Errorf("another site's page: got status %d, want 403", status)
	}
}

func auditorMakesNone(t *testing.T, s *Service) {
	b := newBrowser(t, s)
	b.signIn(newAdminKey(t, b, "auditor"))
	if got := b.get(tryAt); got.status != http.StatusOK || !strings.Contains(got.text, "needs the role <code>admin</code>; yours is <code>auditor</code>") || !strings.Contains(got.text, " disabled") {
		t.Errorf("got status %d, want the page to say which role it needs: %s", got.status, got.text)
	}
	for path, form := range map[string]url.Values{tryAt: {"video_id": {"vid1"}}, "/console/projects/default/inspect": {"token": {"x"}}} {
		if got := b.post(path, form); got.status != http.StatusForbidden || shownToken.MatchString(got.text) {
			t.Errorf("%s: got status %d, want 403 and no token: %s", path, got.status, got.text)
		}
	}
}

// newAdminKey makes an admin key with a role, through the API.
func newAdminKey(t *testing.T, b *browser, role string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.at+"/v1/admin-keys", strings.NewReader(`{"name":"for a test","role":"`+role+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+adminKey)
	r.Header.Set("Content-Type", "application/json")
	got := b.do(r)
	var made struct{ Value string }
	if err := json.Unmarshal([]byte(got.text), &made); err != nil || made.Value == "" {
		t.Fatalf("got status %d, %s, want an admin key", got.status, got.text)
	}
	return made.Value
}

func markupInEveryField(t *testing.T, s *Service) {
	b := newBrowser(t, s)
	b.signIn(adminKey)
	const evil = `'"></textarea><script>alert(1)</script>`
	for path, form := range map[string]url.Values{
		tryAt:                               {"video_id": {evil}, "expires_in": {evil}, "viewer.id": {evil}},
		tryAt + "?":                         {"video_id": {evil}, "viewer.id": {evil}},
		"/console/projects/default/inspect": {"token": {evil}, "at_video": {evil}},
	} {
		if got := b.post(path, form); strings.Contains(got.text, "<script>alert") || !strings.Contains(got.text, "alert(1)") {
			t.Errorf("%s: got status %d, want what was typed in as text: %s", path, got.status, got.text)
		}
	}
}

// codeForAShell runs the line with a curl that shows what it got.
func codeForAShell(t *testing.T, s *Service) {
	b := newBrowser(t, s)
	b.signIn(adminKey)
	got := b.post(tryAt, url.Values{"video_id": {"vid1"}, "expires_in": {"60"}})
	code := regexp.MustCompile(`(?s)<summary>curl</summary><pre tabindex="0"><code>(.*?)</code>`).FindStringSubmatch(got.text)
	if code == nil {
		t.Fatalf("got %s, want a line of curl", got.text)
	}
	line := strings.NewReplacer("&#39;", "'", "&#34;", `"`, "&amp;", "&").Replace(code[1])
	out, err := exec.CommandContext(t.Context(), "sh", "-c", `curl() { printf '%s\n' "$@"; }; PLAYTOKEN_API_KEY=key; `+line).CombinedOutput()
	want := "-sS\n" + b.at + "/v1/playback-tokens\n-H\nAuthorization: Bearer key\n-H\nContent-Type: application/json\n-d\n" + `{"expires_in":60,"video_id":"vid1"}` + "\n"
	if err != nil || string(out) != want {
		t.Errorf("a shell reads %q, %v, want %q", out, err, want)
	}
}

func TestALinkOpensTheConsoleOnce(t *testing.T) {
	link := console.NewLink(secret.New(adminKey), time.Now().Add(time.Hour))
	s := open(t, environ(t, startGate(t)), Options{ConsoleLink: link})
	b := newBrowser(t, s)
	ask := func(method string, headers ...string) shownPage {
		r, err := http.NewRequestWithContext(t.Context(), method, b.at+link.Path(), http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+1 < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		return b.do(r)
	}
	if got := ask(http.MethodHead); got.status != http.StatusServiceUnavailable {
		t.Errorf("HEAD: got status %d, want 503", got.status)
	}
	if got := ask(http.MethodGet, "Sec-Purpose", "prefetch;prerender"); got.status != http.StatusServiceUnavailable {
		t.Errorf("a browser that loads ahead: got status %d, want 503", got.status)
	}
	if got := b.get("/console/login/link?code=ABC"); got.status != http.StatusUnauthorized {
		t.Errorf("another code: got status %d, want 401", got.status)
	}
	if got := ask(http.MethodGet); got.status != http.StatusOK || got.path != "/console/" {
		t.Errorf("the link: got status %d at %s, want 200 at /console/: %s", got.status, got.path, got.text)
	}
	b.post("/console/logout", nil)
	if got := ask(http.MethodGet); got.status != http.StatusUnauthorized || !strings.Contains(got.text, "has been used") || b.cookie() != nil {
		t.Errorf("the link once more: got status %d, want 401 and no session", got.status)
	}
	if got := newBrowser(t, open(t, environ(t, startGate(t)), Options{})).get(link.Path()); got.status == http.StatusUnauthorized || got.path != "/console/login?next="+url.QueryEscape(link.Path()) {
		t.Errorf("a service without a link: got status %d at %s, want the form for signing in", got.status, got.path)
	}
}
