package handlers_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"playtoken/projects"
	"playtoken/projects/viewers"
	"playtoken/store"
)

// mintAs asks for a token of the own project, from a page unless it is empty.
func (d *deployment) mintAs(key, origin, members string) *httptest.ResponseRecorder {
	r := request("POST", "/v1/playback-tokens", key, `{"project_id":"`+d.own.ID+`",`+members+`}`)
	if origin != "" {
		r.Header.Set("Origin", origin)
	}
	return d.send(r)
}

func TestAViewerMintsForThemselvesOnly(t *testing.T) {
	d, done := deploy(t)
	defer done()
	for members, want := range map[string]string{
		`"video_id":"vid1"`:                            "201",
		`"video_id":"vid1","expires_in":60`:            "201",
		`"video_id":"vid1","viewer":{"id":"alice"}`:    "201",
		`"video_id":"vidfree"`:                         "201", // the platform cannot bind it, and the request does not ask for that
		`"video_id":"vidfree","viewer":{"id":"alice"}`: "422 not_enforceable",
		`"video_id":"vid1","viewer":{"id":"bob"}`:      "403 forbidden",
		`"video_id":"vid1","viewer":{"id":""}`:         "400 invalid_request",
		`"video_id":"*"`:                               "403 forbidden",
		`"video_id":"vid1","expires_in":3601`:          "422 ttl_out_of_range",
		`"video_id":"vid1","claims":{"plan":"gold"}`:   "403 forbidden",
		`"video_id":""`:                                "400 invalid_request",
	} {
		if got := short(d.mintAs(viewerToken, page, members)); got != want {
			t.Errorf("%s: %s, want %s", members, got, want)
		}
	}
	d.minter.Policy.AllowAllVideos = true
	if got := short(d.mintAs(viewerToken, page, `"video_id":"*"`)); got != "403 forbidden" {
		t.Errorf("token for all videos for a viewer: got %s, want 403 forbidden", got)
	}
	token := decoded(t, d.mintAs(viewerToken, "", `"video_id":"vid1"`))["token"].(string)
	asked := d.ask("POST", "/v1/playback-tokens/inspect", d.keys["mint"], `{"token":"`+token+`"}`)
	if claims := decoded(t, asked)["claims"].(map[string]any); claims["viewer"] != "alice" {
		t.Errorf("got the claims %v, want the viewer alice", claims)
	}
}

func TestAnUnknownViewerIsUnauthenticated(t *testing.T) {
	d, done := deploy(t)
	defer done()
	for name, c := range map[string]struct{ key, body, want string }{
		"no project":                 {viewerToken, `{"video_id":"vid1"}`, "401 unauthenticated"},
		"a project without issuers":  {viewerToken, `{"video_id":"vid1","project_id":"` + d.other.ID + `"}`, "401 unauthenticated"},
		"no such project":            {viewerToken, `{"video_id":"vid1","project_id":"../x"}`, "401 unauthenticated"},
		"an unknown token":           {"stranger.alice.sig", `{"video_id":"vid1","project_id":"` + d.own.ID + `"}`, "401 unauthenticated"},
		"not of the form":            {"viewer.alice", `{"video_id":"vid1","project_id":"` + d.own.ID + `"}`, "401 unauthenticated"},
		"a body that cannot be read": {viewerToken, `{"video":"vid1"}`, "400 invalid_request"},
	} {
		if got := short(d.ask("POST", "/v1/playback-tokens", c.key, c.body)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	d.audience.err = &viewers.Rejected{Reason: viewers.Expired}
	got := d.mintAs(viewerToken, page, `"video_id":"vid1"`)
	challenge := got.Header().Get("WWW-Authenticate")
	if decoded(t, got)["reason"] != "expired" || !strings.Contains(challenge, `error="invalid_token", error_description="the viewer's token is not accepted`) {
		t.Errorf("expired token: got %s, challenge %s, want the reason in both", got.Body, challenge)
	}
	if challenge := d.mintAs("", page, `"video_id":"vid1"`).Header().Get("WWW-Authenticate"); challenge != `Bearer realm="playtoken"` {
		t.Errorf("no token: got the challenge %s, want one without an error", challenge)
	}
	d.audience.err = &viewers.Unavailable{What: "issuer", After: 7 * time.Second}
	got = d.mintAs(viewerToken, "", `"video_id":"vid1"`)
	if short(got) != "503 signer_unavailable" || got.Header().Get("Retry-After") != "7" {
		t.Errorf("viewer while the issuer is unavailable: got %s, want 503 signer_unavailable, Retry-After 7", got.Body)
	}
}

func TestEveryMintIsDecidedByRuleAndWebhook(t *testing.T) {
	d, done := deploy(t)
	defer done()
	d.mintAs(viewerToken, page, `"video_id":"vid1"`)
	if len(d.audience.asked) != 0 {
		t.Error("project without rule and webhook: got a question about the viewer, want none")
	}
	d.change(t, func(p *projects.Project) { p.ViewerPolicy.Rule = "true" })
	d.audience.refuses["vid2"] = true
	for _, c := range []struct {
		key, video, want string
		caller           viewers.Kind
	}{
		{viewerToken, "vid1", "201", viewers.ByViewer}, {viewerToken, "vid2", "403 not_entitled", viewers.ByViewer},
		{d.keys["mint"], "vid1", "201", viewers.ByAPIKey}, {d.keys["mint"], "vid2", "403 not_entitled", viewers.ByAPIKey},
		{accessToken, "vid2", "403 not_entitled", viewers.ByAPIKey},
		{adminKey, "vid1", "201", viewers.ByAdmin}, {adminKey, "vid2", "403 not_entitled", viewers.ByAdmin},
	} {
		d.audience.asked = nil
		got := d.mintAs(c.key, page, `"video_id":"`+c.video+`","expires_in":60,"viewer":{"id":"alice"}`)
		if short(got) != c.want || len(d.audience.asked) != 1 {
			t.Fatalf("%s by %s: got %s, asked about %v, want %s and one question", c.video, c.caller, got.Body, d.audience.asked, c.want)
		}
		ask := d.audience.asked[0]
		if ask.CallerID == "" {
			t.Errorf("%s by %s: got no caller's id in the question, want the caller's own", c.video, c.caller)
		}
		ask.RequestID, ask.CallerID = "", ""
		want := viewers.Request{Caller: c.caller, VideoID: c.video, ExpiresIn: time.Minute, Signing: "token", BatchSize: 1,
			Origin: page, IP: "192.0.2.1", Viewer: viewers.Viewer{ID: "alice"}}
		if c.caller == viewers.ByViewer {
			want.Viewer.Issuer, want.Viewer.Claims = "https://login.example.com", map[string]any{"plan": "gold"}
		}
		if fmt.Sprintf("%+v", ask) != fmt.Sprintf("%+v", want) {
			t.Errorf("asked %+v, want %+v", ask, want)
		}
		if c.want != "201" && !strings.Contains(problemOf(t, got).Detail, "rule") {
			t.Errorf("refusal: got %s, want a detail that names the rule", got.Body)
		}
	}
	got := d.ask("POST", "/v1/playback-tokens/batch", d.keys["mint"], `{"requests":[{"video_id":"vid1"},{"video_id":"vid2"}]}`)
	items := decoded(t, got)["items"].([]any)
	if items[0].(map[string]any)["token"] == nil || items[1].(map[string]any)["error"].(map[string]any)["code"] != "not_entitled" {
		t.Errorf("batch: got %s, want a token, then not_entitled", got.Body)
	}
}

func TestAPageReadsResponsesOnlyIfTheProjectListsIt(t *testing.T) {
	d, done := deploy(t)
	defer done()
	for _, c := range []struct {
		name, key, origin string
		status            int
		allowed           bool
	}{
		{"viewer", viewerToken, page, 201, true},
		{"viewer, another page", viewerToken, "https://evil.example", 403, false},
		{"viewer, nearly", viewerToken, page + ".evil.example", 403, false},
		{"viewer, another scheme", viewerToken, "http://www.example.com", 403, false},
		{"viewer, null", viewerToken, "null", 403, false},
		{"viewer, no page", viewerToken, "", 201, false},
		{"unknown token", "a.b.c", page, 401, true},
		{"API key", d.keys["mint"], page, 201, true},
		{"API key, another page", d.keys["mint"], "https://evil.example", 201, false},
	} {
		got := d.mintAs(c.key, c.origin, `"video_id":"vid1"`)
		allowed := got.Header().Get("Access-Control-Allow-Origin")
		if got.Code != c.status || (allowed == c.origin && allowed != "") != c.allowed || !c.allowed && allowed != "" {
			t.Errorf("%s: got %d, allowed page %q, %s, want %d and allowed %t", c.name, got.Code, allowed, got.Body, c.status, c.allowed)
		}
		if got.Header().Get("Vary") != "Origin" || got.Header().Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: got the headers %v, want Vary: Origin and no credentials", c.name, got.Header())
		}
		if exposed := got.Header().Get("Access-Control-Expose-Headers"); c.allowed != strings.Contains(exposed, "Retry-After") {
			t.Errorf("%s: got the exposed headers %q, want Retry-After among them if the page is allowed", c.name, exposed)
		}
	}
	r := request("POST", "/v1/playback-tokens", viewerToken, `{"video_id":"vid1","project_id":"`+d.own.ID+`"}`)
	r.Header["Origin"] = []string{page, page}
	if got := d.send(r); got.Code != 403 || got.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("two Origin headers: got %d, want 403 and no page allowed", got.Code)
	}
}

func TestPreflightsAreAllowedOnlyForListedPages(t *testing.T) {
	d, done := deploy(t)
	defer done()
	preflight := func(path, origin string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodOptions, path, nil)
		r.Header.Set("Origin", origin)
		r.Header.Set("Access-Control-Request-Method", "POST")
		r.Header.Set("Access-Control-Request-Headers", "authorization,content-type")
		return d.send(r)
	}
	for _, path := range []string{"/v1/playback-tokens", "/v1/projects/" + d.own.ID + "/media/vid1/sign"} {
		got := preflight(path, page)
		h := got.Header()
		if got.Code != 204 || got.Body.Len() != 0 || h.Get("Access-Control-Allow-Origin") != page || h.Get("Vary") != "Origin" ||
			h.Get("Access-Control-Allow-Methods") != "POST" || h.Get("Access-Control-Allow-Headers") != "Authorization, Content-Type" {
			t.Errorf("preflight of %s: got %d %v, want 204 and what the page may send", path, got.Code, h)
		}
		for _, origin := range []string{"https://evil.example", "null", "*", strings.ToUpper(page)} {
			got := preflight(path, origin)
			if got.Code != 403 || got.Header().Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("preflight of %s from %s: got %d %v, want 403 and no page allowed", path, origin, got.Code, got.Header())
			}
		}
	}
	for _, path := range []string{"/v1/playback-tokens/batch", "/v1/projects", "/v1/auth/api-key"} {
		if got := preflight(path, page); got.Code != 405 || got.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("preflight of %s: got %d, want 405 and no page allowed", path, got.Code)
		}
	}
	d.documents.mu.Lock()
	d.documents.err = store.ErrUnavailable
	d.documents.mu.Unlock()
	if got := preflight("/v1/playback-tokens", page); got.Code != 503 {
		t.Errorf("preflight while the store is unavailable: got %d, want 503", got.Code)
	}
}
