package service

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"playtoken/projects"
	"playtoken/secret"
)

// held is a project as it is stored.
func (b *browser) held(s *Service, id string) projects.Project {
	b.t.Helper()
	p, err := s.Projects.Project(b.t.Context(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	return p
}

// TestEverySettingIsChangedOnTheConsole: each section with its form; what was not
// changed stays as it is, a default stays the deployment's.
func TestEverySettingIsChangedOnTheConsole(t *testing.T) {
	s, b := administered(t)
	id := b.newProject()
	at := "/console/projects/" + id + "/settings"
	const secret = "whsec_c2VjcmV0LWZvci10ZXN0cy0wMTIzNDU2Nzg5YWI="
	b.shows(at+"/tokens", `name="token_policy.default_ttl" type="text" value="5m"`)
	b.change(at+"/tokens", url.Values{"token_policy.default_ttl": {"4m"}, "token_policy.max_ttl": {"10m"}, "token_policy.mints_per_minute": {"120"}, "token_policy.viewer_mints_per_minute": {"0"},
		"token_policy.management_per_minute": {"60"}, "token_policy.allowed_claims": {"tier, seat"}, "token_policy.allow_all_videos": {"on"}})
	b.change(at+"/viewers", url.Values{"viewer_policy.issuers": {"https://login.example.com shop app\r\nhttps://other.example.com tv"}, "viewer_policy.origins": {"https://www.example.com"}})
	b.change(at+"/webhook", url.Values{"viewer_policy.webhook.url": {"https://hooks.example.com/x"}, "viewer_policy.webhook.timeout": {"2s"}, "viewer_policy.webhook_secret": {secret}})
	p := b.held(s, id)
	tokens, viewers := p.TokenPolicy, p.ViewerPolicy
	if tokens.DefaultTTL != 240 || tokens.MaxTTL != 0 || tokens.MintsPerMinute != 120 || *tokens.ViewerMintsPerMinute != 0 || tokens.ManagementPerMinute != 0 || !tokens.AllowAllVideos || len(tokens.AllowedClaims) != 2 {
		t.Errorf("got the token policy %+v, want what was typed in, and defaults left alone", tokens)
	}
	if len(viewers.Issuers) != 2 || len(viewers.Issuers[0].Audiences) != 2 || len(viewers.Origins) != 1 || viewers.Webhook == nil || viewers.Webhook.Timeout != 2 || p.WebhookSecret.Reveal() != secret {
		t.Errorf("got the viewer policy %+v, want what was typed in", viewers)
	}
	for _, path := range []string{at, at + "/webhook", at + "/viewers"} {
		if text := b.shows(path, "<h1>"); strings.Contains(text, "c2VjcmV0") || strings.Contains(text, "a-secret-of-some-length") {
			t.Errorf("%s: got a secret on the page, want none", path)
		}
	}
	b.shows(at, "https://login.example.com shop app")
	b.change(at+"/tokens", url.Values{"token_policy.default_ttl": {""}, "token_policy.max_ttl": {"10m"}, "token_policy.mints_per_minute": {"120"}, "token_policy.viewer_mints_per_minute": {"0"},
		"token_policy.management_per_minute": {"60"}, "token_policy.allowed_claims": {""}})
	b.change(at+"/webhook", url.Values{"viewer_policy.webhook.timeout": {"2s"}})
	if p := b.held(s, id); p.TokenPolicy.DefaultTTL != 0 || p.TokenPolicy.AllowAllVideos || len(p.TokenPolicy.AllowedClaims) != 0 || p.ViewerPolicy.Webhook != nil || !p.WebhookSecret.IsZero() {
		t.Errorf("emptied: got %+v, want defaults and no webhook", p)
	}
	for path, form := range map[string]url.Values{
		at + "/tokens":   {"token_policy.default_ttl": {"soon"}},
		at + "/rotation": {"rotation_policy.key_budget": {"-1"}},
		at + "/viewers":  {"viewer_policy.origins": {marked}},
	} {
		if got := b.post(path, because(form)); got.status != http.StatusBadRequest || !strings.Contains(got.text, `class="fault"`) || strings.Contains(got.text, "<img src=x") {
			t.Errorf("%s: got %d, want 400 with what is wrong beside the field: %s", path, got.status, got.text)
		}
	}
	b.shows("/console/audit?action=project.update&project_id="+id, "a test")
}

// TestACredentialIsCheckedBeforeItIsSavedOnTheConsole: the answer is in words, what
// is wrong is not saved, and where the platform is away a person can do without.
func TestACredentialIsCheckedBeforeItIsSavedOnTheConsole(t *testing.T) {
	s, b := administered(t)
	gate := startGate(t)
	before, err := s.Projects.CountProjects(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	ask := func(path, at, key string, more ...string) shownPage {
		form := url.Values{"name": {"Shop"}, "platform_settings.url": {at}, "platform_credential.api_key": {key}}
		for _, name := range more {
			form.Set(name, "on")
		}
		return b.post(path, because(form))
	}
	const made, unchecked = "Shop is saved", `name="unchecked"`
	for name, c := range map[string]struct {
		at, key   string
		want, not string
	}{
		"wrong credential": {gate, "a-wrong-credential-of-some-length", "does not accept the credential", unchecked},
		"unreachable":      {gone.URL, gateKey, "does not respond", made},
	} {
		got := ask("/console/new-project/gate", c.at, c.key)
		if got.status != http.StatusConflict || !strings.Contains(got.text, c.want) || strings.Contains(got.text, c.not) || strings.Contains(got.text, c.key) {
			t.Errorf("%s: got %d, want 409 with %q, not %q, and no credential: %s", name, got.status, c.want, c.not, got.text)
		}
	}
	if n, err := s.Projects.CountProjects(t.Context(), ""); n != before || err != nil {
		t.Fatalf("after refusals: got %d projects, %v, want %d as before", n, err, before)
	}
	if got := ask("/console/new-project/gate", gone.URL, gateKey, "unchecked"); !strings.Contains(got.text, made) || !strings.Contains(got.text, "was not asked") {
		t.Errorf("unchecked: got %d, want it saved: %s", got.status, got.text)
	}
	got := ask("/console/new-project/gate", gate, gateKey)
	if !strings.Contains(got.text, made) || !strings.Contains(got.text, "The platform accepts the account") {
		t.Fatalf("a good account: got %d, want it saved, with what the platform said: %s", got.status, got.text)
	}
	at := "/console/projects/" + found(t, projectID, got.text)
	if got := ask(at+"/edit", gate, "a-wrong-credential-of-some-length"); got.status != http.StatusConflict || !strings.Contains(got.text, "does not accept the credential") {
		t.Errorf("a wrong credential for a project: got %d, want 409 and why: %s", got.status, got.text)
	}
	b.change(at+"/edit", url.Values{"name": {"Shop 2"}, "platform_settings.url": {gate}})
	if got := b.post(at+"/settings", nil); got.status != http.StatusOK || !strings.Contains(got.text, "The platform accepts the account") {
		t.Errorf("asking about the account as it is: got %d, want what the platform says: %s", got.status, got.text)
	}
}

// TestAProjectMovesToTheGateOnTheConsole: a gate that was connected as Vidbeo becomes
// one, with the key that signs, and where it does not show that key nothing moves.
func TestAProjectMovesToTheGateOnTheConsole(t *testing.T) {
	s, b := administered(t)
	at, another := startGate(t), startGate(t)
	set := map[string]string{"url": at + "/v2"}
	for _, name := range []string{"landing_url", "embed_url", "hls_url"} {
		set[name] = at + "/{video_id}?jwt={token}"
	}
	made, err := s.Projects.CreateProject(t.Context(), projects.Project{Name: "films", Platform: "vidbeo", Settings: set, Credential: map[string]secret.Value{"api_key": secret.New(gateKey)}})
	if err != nil {
		t.Fatal(err)
	}
	withActiveKey(t, s, made.ID)
	page := "/console/projects/" + made.ID
	b.shows(page+"/settings", page+"/platform")
	b.shows(page+"/platform", `value="`+at+`"`)
	form := func(gate string) url.Values {
		return because(url.Values{"platform_settings.url": {gate}, "platform_credential.api_key": {gateKey}})
	}
	if got := b.post(page+"/platform", form(another)); got.status < 400 || b.held(s, made.ID).Platform != "vidbeo" {
		t.Errorf("to a gate without the key: got %d and platform %s, want it refused, and vidbeo: %s", got.status, b.held(s, made.ID).Platform, got.text)
	}
	if got := b.post(page+"/platform", form(at)); got.status != http.StatusOK || b.held(s, made.ID).Platform != "gate" {
		t.Errorf("to the gate: got %d and platform %s, want gate: %s", got.status, b.held(s, made.ID).Platform, got.text)
	}
	b.shows(page+"/keys/1/revoke", "Revoke generation 1")
	b.change(page+"/settings/rotation", url.Values{"rotation_policy.key_budget": {"40"}, "rotation_policy.key_kind": {"ecdsa-p256"}})
	if kind := b.held(s, made.ID).RotationPolicy.KeyKind; kind != "ecdsa-p256" {
		t.Errorf("another kind of key: got %q, want ecdsa-p256", kind)
	}
	b.shows(page+"/settings", "P-256")
	if got := b.get(page + "/platform"); got.status != http.StatusConflict {
		t.Errorf("once it is there: got %d, want 409", got.status)
	}
}

// TestEveryChangeOnTheConsoleSaysWhy: no form is carried out without a reason, and
// every form asks for one.
func TestEveryChangeOnTheConsoleSaysWhy(t *testing.T) {
	s, b := administered(t)
	withActiveKey(t, s, projects.Default)
	_, acts := s.console.Paths()
	for _, path := range acts {
		if got := b.post(filled(path), url.Values{"name": {"x"}}); got.status < 400 {
			t.Errorf("POST %s without a reason: got %d, want it refused: %s", path, got.status, got.text)
		}
		if got := b.get(filled(path)); got.status == http.StatusOK && !strings.Contains(got.text, `name="reason" type="text" value="" required`) && !strings.Contains(got.text, "notice warn") {
			t.Errorf("GET %s: got no field for a reason, want one: %s", path, got.text)
		}
	}
}
