package handlers_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"playtoken/projects"
	"playtoken/store"
)

// signAs posts as an app does: JSON with a text content type.
func (d *deployment) signAs(key, path, body string) *httptest.ResponseRecorder {
	r := request("POST", "/v1/projects/"+d.own.ID+"/media/"+path, key, "")
	if body != "" {
		r = request("POST", "/v1/projects/"+d.own.ID+"/media/"+path, key, body)
		r.Header.Set("Content-Type", "text/plain;charset=UTF-8")
	}
	r.Header.Set("Origin", page)
	return d.send(r)
}

// claims are the claims of a token.
func (d *deployment) claims(t *testing.T, token any) map[string]any {
	t.Helper()
	d.counter.taken = map[string]int{}
	got := d.ask("POST", "/v1/playback-tokens/inspect", d.keys["mint"], fmt.Sprintf(`{"token":%q}`, token))
	return decoded(t, got)["claims"].(map[string]any)
}

func TestJWPlayersAppsGetTheirSignatures(t *testing.T) {
	d, done := deploy(t)
	defer done()
	for _, c := range []struct{ key, path, body, drm string }{
		{viewerToken, "vid1/sign", `{}`, ""}, {viewerToken, "vid1/sign", "", ""}, {viewerToken, "vid1/sign", "null", "refused"},
		{viewerToken, "vid1/sign/drm/policy-1", `{}`, "policy-1"}, {viewerToken, "vid1/sign_public/drm/policy-1", `{}`, "policy-1"},
		{d.keys["mint"], "vid1/sign", `{"plan":"640"}`, ""}, {adminKey, "vid1/sign", `{}`, ""}, {accessToken, "vid1/sign", `{}`, ""},
	} {
		got := d.signAs(c.key, c.path, c.body)
		if c.drm == "refused" {
			if short(got) != "400 invalid_request" {
				t.Errorf("%s %s: got %s, want 400 invalid_request", c.path, c.body, got.Body)
			}
			continue
		}
		answer := decoded(t, got)
		if got.Code != 200 || answer["entitled"] != true || len(answer) != 2 || got.Header().Get("Access-Control-Allow-Origin") != page {
			t.Fatalf("%s %s: got %s, want 200, entitled, and the page allowed", c.path, c.body, got.Body)
		}
		claims := d.claims(t, answer["token"])
		if drm, _ := claims["drm"].(string); claims["sub"] != "vid1" || drm != c.drm || (claims["plan"] == "640") != strings.Contains(c.body, "plan") {
			t.Errorf("%s: got the claims %v, want vid1, the DRM policy and the plan of the body", c.path, claims)
		}
	}
}

func TestSigningNeedsACredential(t *testing.T) {
	d, done := deploy(t)
	defer done()
	r := request("POST", "/v1/projects/"+d.own.ID+"/media/vid1/sign_public/drm/policy-1", "", "{}")
	r.Header["Authorization"] = []string{""} // as apps send it
	r.Header.Set("Origin", page)
	if got := d.send(r); got.Code != 401 || got.Header().Get("Access-Control-Allow-Origin") != page {
		t.Errorf("sign_public without a credential: got %s %v, want 401 that the page may read", got.Body, got.Header())
	}
}

func TestSigningChecksWhatMintingChecks(t *testing.T) {
	d, done := deploy(t)
	defer done()
	d.change(t, func(p *projects.Project) { p.ViewerPolicy.Rule = "true" })
	d.audience.refuses["vid2"] = true
	d.minter.Policy.AllowAllVideos = true
	for _, c := range []struct{ key, path, body, want string }{
		{viewerToken, "vid2/sign", `{}`, "403 not_entitled"},
		{adminKey, "vid2/sign", `{}`, "403 not_entitled"},
		{viewerToken, "vid1/sign", `{"plan":"gold"}`, "403 forbidden"},
		{d.keys["mint"], "vid1/sign", `{"sub":"vid2"}`, "422 claim_not_allowed"},
		{d.keys["mint"], "*/sign", `{}`, "422 video_invalid"},
		{d.keys["mint"], "x/sign", `{}`, "422 video_invalid"},
		{d.keys["mint"], "vid1/sign", `[]`, "400 invalid_request"},
		{d.keys["mint"], "vid1/sign", `{"plan":1,"plan":2}`, "400 invalid_request"},
		{d.keys["keys"], "vid1/sign", `{}`, "403 forbidden"},
	} {
		got := d.signAs(c.key, c.path, c.body)
		if short(got) != c.want || strings.Contains(got.Body.String(), "entitled\":true") {
			t.Errorf("%s %s: %s, want %s", c.path, c.body, got.Body, c.want)
		}
	}
}

func TestAListIsSignedAtOnce(t *testing.T) {
	d, done := deploy(t)
	defer done()
	d.change(t, func(p *projects.Project) { p.ViewerPolicy.Rule = "true"; p.TokenPolicy.MintsPerMinute = 5 })
	d.audience.refuses["vid2"] = true
	const all = "any/sign_all_public/drm/policy-1"
	answer := decoded(t, d.signAs(viewerToken, all, `{"vid1":{},"vid2":{},"x":{},"vid3":{}}`))
	if len(answer) != 4 || answer["vid2"] != nil || answer["x"] != nil || answer["vid1"] == nil {
		t.Fatalf("list: got %v, want tokens for vid1 and vid3, null for the others", answer)
	}
	claims := d.claims(t, answer["vid3"])
	if claims["sub"] != "vid3" || claims["drm"] != "policy-1" {
		t.Errorf("token of vid3: got the claims %v, want vid3 and policy-1", claims)
	}
	d.signAs(viewerToken, all, `{"vid1":{},"vid4":{},"vid5":{}}`)
	if got := short(d.signAs(viewerToken, all, `{"vid1":{},"vid4":{},"vid5":{}}`)); got != "429 rate_limited" {
		t.Errorf("list of three above the limit: got %s, want 429 rate_limited", got)
	}
	d.counter.taken = map[string]int{}
	for body, want := range map[string]string{
		`{}`: "400 invalid_request", ``: "400 invalid_request", `{"vid1":5}`: "400 invalid_request",
		`{"vid1":{},"vid1":{}}`: "400 invalid_request", `{"vid1":{"plan":"x"}}`: "403 forbidden",
	} {
		if got := short(d.signAs(viewerToken, all, body)); got != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
	d, done = deploy(t)
	defer done()
	d.store.set(func(s *fakeStore) { s.err = store.ErrUnavailable })
	if got := d.signAs(viewerToken, all, `{"vid6":{}}`); got.Code != 503 {
		t.Errorf("list while the store is unavailable: got %s, want 503", got.Body)
	}
}

// TestRulesAndWebhooksSeeTheSigningRoute: which kind of token is made, with which
// DRM policy, and for how many videos at once.
func TestRulesAndWebhooksSeeTheSigningRoute(t *testing.T) {
	d, done := deploy(t)
	defer done()
	d.change(t, func(p *projects.Project) {
		p.ViewerPolicy.Rule = "true"
		p.ViewerPolicy.DRMPolicies = []string{"sd", "hd"}
	})
	base := "/v1/projects/" + d.own.ID + "/media/vid1/"
	for path, want := range map[string]string{
		"sign":                   "sign  1",
		"sign/drm/hd":            "sign/drm hd 1",
		"sign_public/drm/sd":     "sign_public/drm sd 1",
		"sign_all_public/drm/hd": "sign_all_public/drm hd 2",
	} {
		d.audience.asked = nil
		body := ""
		if strings.HasPrefix(path, "sign_all") {
			body = `{"vid1":{},"vid2":{}}`
		}
		d.ask("POST", base+path, viewerToken, body)
		if len(d.audience.asked) == 0 {
			t.Errorf("%s: got no question about the viewer, want one", path)
			continue
		}
		asked := d.audience.asked[0]
		if got := fmt.Sprint(asked.Signing, " ", asked.DRMPolicy, " ", asked.BatchSize); got != want {
			t.Errorf("%s: got a question about %q, want %q", path, got, want)
		}
	}
	for _, path := range []string{"sign/drm/uhd", "sign_all_public/drm/uhd"} {
		if got := short(d.ask("POST", base+path, viewerToken, `{"vid1":{}}`)); got != "403 forbidden" {
			t.Errorf("%s, a DRM policy that the project does not list, by a viewer: got %s, want 403 forbidden", path, got)
		}
	}
	d.audience.asked = nil
	if d.ask("POST", base+"sign/drm/uhd", d.keys["mint"], "{}"); len(d.audience.asked) != 1 {
		t.Errorf("the same by the back end: got %d questions, want 1: the list is for viewers", len(d.audience.asked))
	}
}
