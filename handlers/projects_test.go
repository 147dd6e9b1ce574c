package handlers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"playtoken/handlers"
	"playtoken/keyrotation"
	"playtoken/projects"
	"playtoken/secret"
	"playtoken/signer"
	"playtoken/store"
)

// settled returns the defaults of the deployment.
func settled(p projects.Project) (signer.Policy, keyrotation.Policy) {
	ttl := time.Duration(p.TokenPolicy.DefaultTTL) * time.Second
	if ttl == 0 {
		ttl = 10 * time.Minute
	}
	return signer.Policy{DefaultTTL: ttl, MaxTTL: time.Hour},
		keyrotation.Policy{RotateEvery: 720 * time.Hour, KeyBudget: 10, Durations: keyrotation.Durations{Propagation: time.Minute}}
}

func deploySettled(t *testing.T) (*deployment, func()) {
	return deploy(t, func(c *handlers.Config) { c.InForce = settled })
}

func TestAProjectIsShownWithThePoliciesInForceAndWithoutItsSecrets(t *testing.T) {
	d, done := deploySettled(t)
	defer done()
	got := d.ask("POST", "/v1/projects", adminKey, `{"name":"news","platform":"vidbeo","platform_settings":{"hls_url":"https://m.example/{video_id}?jwt={token}"},
		"platform_credential":{"api_key":"canary-1"},"token_policy":{"allowed_claims":["plan"],"max_ttl":600},
		"viewer_policy":{"origins":["https://a.example"],"webhook":{"url":"https://hook.example/"},"webhook_secret":"Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5"}}`)
	equal(t, got, 201, `{"project_id":"…","name":"news","platform":"vidbeo","platform_settings":{"hls_url":"https://m.example/{video_id}?jwt={token}"},
		"token_policy":{"default_ttl":600,"max_ttl":3600,"allow_all_videos":false,"allowed_claims":["plan"],"mints_per_minute":0,"viewer_mints_per_minute":60,"management_per_minute":60,"audit_mints":false},
		"rotation_policy":{"rotate_every":2592000,"propagation_delay":60,"key_budget":10},
		"viewer_policy":{"issuers":[],"origins":["https://a.example"],"rule":"","webhook":{"url":"https://hook.example/","timeout":0},"drm_policies":[]},
		"capabilities":{"mints":true,"registers":false,"issues":false,"ends_sessions":false,"urls":["hls"],"kinds":[]},"created_at":"…","updated_at":"…"}`)
	id := decoded(t, got)["project_id"].(string)
	if !strings.HasPrefix(id, "project_") {
		t.Errorf("id of a created project: got %q, want the prefix project_", id)
	}
	stored, err := d.projects.Project(t.Context(), id)
	if err != nil || !stored.Credential["api_key"].Equal("canary-1") || !stored.WebhookSecret.Equal("whsec_Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5") {
		t.Errorf("stored: got %+v, %v, want the secrets of the request", stored, err)
	}
	all := d.ask("GET", "/v1/projects", adminKey, "").Body.String() + d.ask("GET", "/v1/projects/"+id, adminKey, "").Body.String() + got.Body.String()
	if strings.Contains(all+d.log.String()+fmt.Sprint(d.record.short()), "canary") || strings.Contains(all+d.log.String(), "Y2FuYXJ5") {
		t.Error("got a secret in a response, the log or the audit log, want it nowhere")
	}
}

func TestErrorsOfAProjectNameTheirMembers(t *testing.T) {
	d, done := deploy(t)
	defer done()
	const good = `"name":"n","platform":"vidbeo","platform_credential":{"api_key":"x"}`
	for body, field := range map[string]string{
		`{` + good + `}`: "",
		`{"platform":"vidbeo","platform_credential":{"api_key":"x"}}`:              "name",
		`{"name":"n","platform_credential":{"api_key":"x"}}`:                       "platform",
		`{"name":"n","platform":"youtube"}`:                                        "platform",
		`{"name":"n","platform":"vidbeo"}`:                                         "platform_credential.api_key",
		`{"name":"n","platform":"vidbeo","platform_credential":{"api_key":""}}`:    "platform_credential.api_key",
		`{` + good + `,"Name":"x"}`:                                                "Name",
		`{` + good + `,"project_id":"project_x"}`:                                  "project_id",
		`{` + good + `,"token_policy":{"max_ttl":"1h"}}`:                           "token_policy.max_ttl",
		`{` + good + `,"token_policy":{"mints_per_minute":-1}}`:                    "token_policy.mints_per_minute",
		`{` + good + `,"token_policy":{"viewer_mints_per_minute":-1}}`:             "token_policy.viewer_mints_per_minute",
		`{` + good + `,"viewer_policy":{"drm_policies":["a","a"]}}`:                "viewer_policy.drm_policies",
		`{` + good + `,"token_policy":{"allow_all_videos":1}}`:                     "token_policy.allow_all_videos",
		`{` + good + `,"token_policy":{"ttl":1}}`:                                  "token_policy.ttl",
		`{` + good + `,"viewer_policy":{"webhook_secret":""}}`:                     "viewer_policy.webhook_secret",
		`{` + good + `,"viewer_policy":{"webhook_secret":"hush hush hush hush!"}}`: "viewer_policy.webhook_secret",
		`{` + good + `,"viewer_policy":{"webhook_secret":"whsec_aHVzaA=="}}`:       "viewer_policy.webhook_secret",
		`{` + good + `,"viewer_policy":{"webhook_secret":"\u0000hush"}}`:           "viewer_policy.webhook_secret",
		`{` + good + `,"viewer_policy":{"webhook":{"secret":"x"}}}`:                "viewer_policy.webhook.secret",
		`{` + good + `,"platform_settings":{"a":"b"}}`:                             "platform_settings",
		`{` + good + `,"platform_settings":{"url":"a","url":"b"}}`:                 "platform_settings.url",
	} {
		got := d.ask("POST", "/v1/projects", adminKey, body)
		d.counter.taken = map[string]int{}
		if field == "" && got.Code == 201 {
			continue
		}
		if p := problemOf(t, got); got.Code != 400 || p.Code != "invalid_request" || len(p.Errors) == 0 || p.Errors[0].Field != field {
			t.Errorf("%s: got %s, want 400 invalid_request for %s", body, got.Body, field)
		}
	}
}

func TestAPatchChangesOnlyTheMembersItNames(t *testing.T) {
	d, done := deploySettled(t)
	defer done()
	path := "/v1/projects/" + d.own.ID
	d.change(t, func(p *projects.Project) {
		p.TokenPolicy = projects.TokenPolicy{DefaultTTL: 60, MaxTTL: 600, AllowedClaims: []string{"a", "b"}, MintsPerMinute: 1_000}
		p.ViewerPolicy.Webhook = &projects.Webhook{URL: "https://hook.example/", Timeout: 5}
		p.WebhookSecret = secret.New("hush")
		p.Settings = map[string]string{"hls_url": "https://m.example/{video_id}?jwt={token}"}
	})
	for _, c := range []struct {
		body string
		want func(p *projects.Project)
	}{
		{`{}`, func(*projects.Project) {}},
		{`{"name":"new name"}`, func(p *projects.Project) { p.Name = "new name" }},
		{`{"token_policy":{"default_ttl":30}}`, func(p *projects.Project) { p.TokenPolicy.DefaultTTL = 30 }},
		{`{"token_policy":{"default_ttl":null}}`, func(p *projects.Project) { p.TokenPolicy.DefaultTTL = 0 }},
		{`{"token_policy":{"allowed_claims":["c"]}}`, func(p *projects.Project) { p.TokenPolicy.AllowedClaims = []string{"c"} }},
		{`{"token_policy":null}`, func(p *projects.Project) { p.TokenPolicy = projects.TokenPolicy{} }},
		{`{"viewer_policy":{"webhook":{"timeout":9}}}`, func(p *projects.Project) { p.ViewerPolicy.Webhook.Timeout = 9 }},
		{`{"viewer_policy":{"origins":[]}}`, func(p *projects.Project) { p.ViewerPolicy.Origins = []string{} }},
		{`{"viewer_policy":{"webhook_secret":"Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5"}}`, func(p *projects.Project) { p.WebhookSecret = secret.New("whsec_Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5") }},
		{`{"viewer_policy":{"webhook":null,"webhook_secret":null}}`, func(p *projects.Project) { p.ViewerPolicy.Webhook, p.WebhookSecret = nil, secret.Value{} }},
		{`{"platform_settings":{"hls_url":null}}`, func(p *projects.Project) { p.Settings = map[string]string{} }},
		{`{"platform_credential":{"api_key":"k2"}}`, func(p *projects.Project) { p.Credential["api_key"] = secret.New("k2") }},
	} {
		want, err := d.projects.Project(t.Context(), d.own.ID)
		if err != nil {
			t.Fatal(err)
		}
		c.want(&want)
		if got := d.ask("PATCH", path, adminKey, c.body); got.Code != 200 {
			t.Errorf("%s: got %s, want 200", c.body, got.Body)
		}
		got, err := d.projects.Project(t.Context(), d.own.ID)
		if err != nil {
			t.Fatal(err)
		}
		want.UpdatedAt, want.Version = got.UpdatedAt, got.Version
		if plain(t, got) != plain(t, want) {
			t.Errorf("%s:\n%s, want\n%s", c.body, plain(t, got), plain(t, want))
		}
		d.counter.taken = map[string]int{}
	}
}

// plain is all of a project, secrets too.
func plain(t *testing.T, p projects.Project) string {
	t.Helper()
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data) + p.WebhookSecret.Reveal() + p.Credential["api_key"].Reveal()
	return strings.NewReplacer("null", "[]", `"platform_settings":[]`, `"platform_settings":{}`).Replace(text)
}

func TestAProjectCannotChangeToAnotherAccount(t *testing.T) {
	d, done := deploy(t)
	defer done()
	path := "/v1/projects/" + d.own.ID
	for _, c := range []struct {
		body, want string
		moved      error
	}{
		{`{"platform":"youtube"}`, "400 invalid_request", nil},
		{`{"platform_settings":{"url":"https://evil.example"}}`, "400 invalid_request", nil},
		{`{"platform_settings":{"url":"https://new.example"},"platform_credential":{"api_key":"x"}}`, "409 conflict", &keyrotation.Guard{Why: "our key is not there"}},
		{`{"platform_settings":{"url":"https://new.example"},"platform_credential":{"api_key":"x"}}`, "503 platform_unavailable", fmt.Errorf("list: %w", keyrotation.ErrThrottled)},
		{`{"platform_settings":{"url":"https://new.example"},"platform_credential":{"api_key":"x"}}`, "200", nil},
		{`{"platform":"vidbeo","name":"same"}`, "200", nil},
	} {
		d.moved, d.asked = c.moved, nil
		if got := short(d.ask("PATCH", path, adminKey, c.body)); got != c.want {
			t.Errorf("%s, %v: %s, want %s", c.body, c.moved, got, c.want)
		}
		for _, p := range d.asked {
			if p.Credential["api_key"].Reveal() != "x" {
				t.Errorf("%s: the platform was asked with the old credential, want the new one", c.body)
			}
		}
		now, _ := d.projects.Project(t.Context(), d.own.ID)
		if c.want != "200" && now.Settings["url"] != "" {
			t.Errorf("%s: got the new settings stored, want the old ones", c.body)
		}
	}
}

func TestAProjectIsDeletedOnlyWithoutLiveKeys(t *testing.T) {
	d, done := deploy(t)
	defer done()
	path := "/v1/projects/" + d.own.ID
	for _, q := range []string{"", "?revoke=false"} {
		got := d.ask("DELETE", path+q, adminKey, "")
		if p := problemOf(t, got); got.Code != 409 || p.Code != "conflict" || !strings.Contains(p.Detail, "revoke set to true") {
			t.Errorf("DELETE with %q: got %s, want 409 conflict that says how to revoke", q, got.Body)
		}
	}
	if d.rotation.asked != "" {
		t.Errorf("rotation was asked for %q, want nothing", d.rotation.asked)
	}
	for want, err := range map[string]error{
		"503 platform_unavailable": fmt.Errorf("withdraw: %w", keyrotation.ErrThrottled),
		"409 conflict":             &keyrotation.Guard{Why: "they do not go", EarliestAt: day(5)},
		"503 signer_unavailable":   store.ErrUnavailable,
	} {
		d.rotation.err = err
		if got := short(d.ask("DELETE", path+"?revoke=true", adminKey, "")); got != want {
			t.Errorf("DELETE with error %v: got %s, want %s", err, got, want)
		}
	}
	if _, err := d.projects.Project(t.Context(), d.own.ID); err != nil {
		t.Fatalf("project with live keys: got %v, want it still there", err)
	}
	d.rotation.err = nil
	if got := d.ask("DELETE", path+"?revoke=true", adminKey, ""); got.Code != 204 || got.Body.Len() != 0 {
		t.Errorf("DELETE with revoke: got %d %s, want 204 and no body", got.Code, got.Body)
	}
	if _, err := d.projects.Project(t.Context(), d.own.ID); err == nil {
		t.Error("deleted project: got no error, want ErrNotFound")
	}
	if got := d.ask("DELETE", path, adminKey, ""); got.Code != 404 {
		t.Errorf("DELETE again: got %s, want 404", got.Body)
	}
	if order := d.rotation.order; d.rotation.asked != "end" || order.Actor != "admin" || order.Reason == "" {
		t.Errorf("rotation was asked for %q with %+v, want end by the admin with a reason", d.rotation.asked, order)
	}
}

// No key may be created while its project is deleted.
func TestAProjectWithoutLiveKeysGetsNoneWhileItIsDeleted(t *testing.T) {
	d, done := deploy(t)
	defer done()
	dead := activeKey(t)
	dead.State = keyrotation.Deleted
	r := &rotation{store: &fakeStore{ring: keyrotation.Ring{Project: d.own.ID, Keys: []keyrotation.Key{dead}}}}
	d.rotations[d.own.ID] = r
	if got := d.ask("DELETE", "/v1/projects/"+d.own.ID, adminKey, ""); got.Code != 204 || r.asked != "end" {
		t.Errorf("DELETE without live keys: got %d, asked for %q, want 204 and end", got.Code, r.asked)
	}
}

func TestTheDefaultProjectIsNotDeleted(t *testing.T) {
	d, done := deploy(t)
	defer done()
	if got := short(d.ask("DELETE", "/v1/projects/default?revoke=true", adminKey, "")); got != "409 conflict" {
		t.Errorf("DELETE of the default project: got %s, want 409 conflict", got)
	}
}

// walk follows the links of a list and returns the names of its rows.
func (d *deployment) walk(t *testing.T, address string, seen func(page map[string]any)) (names []string) {
	t.Helper()
	for address != "" {
		got := d.ask("GET", address, adminKey, "")
		d.counter.taken = map[string]int{}
		if got.Code != 200 {
			t.Fatalf("GET %s: got %s, want 200", address, got.Body)
		}
		page := decoded(t, got)
		seen(page)
		for _, item := range page["items"].([]any) {
			names = append(names, item.(map[string]any)["name"].(string))
		}
		address = hrefs(page)["next"]
	}
	return names
}

func hrefs(page map[string]any) map[string]string {
	all := map[string]string{}
	for _, link := range page["links"].([]any) {
		all[link.(map[string]any)["rel"].(string)] = link.(map[string]any)["href"].(string)
	}
	return all
}

func TestLinksLeadToEveryRowOnce(t *testing.T) {
	d, done := deploy(t)
	defer done()
	keys := "/v1/projects/" + d.other.ID + "/api-keys"
	for n := range 6 {
		if _, err := d.projects.CreateAPIKey(t.Context(), projects.APIKey{ProjectID: d.other.ID, Name: fmt.Sprintf("key &=%d", n), Scopes: []projects.Scope{"mint"}}); err != nil {
			t.Fatal(err)
		}
	}
	number := 0
	names := d.walk(t, keys+"?page_size=3&sort_by=name&sort_order=desc&name=%3D", func(page map[string]any) {
		number++
		links, shown := hrefs(page), page["pagination"].(map[string]any)
		if shown["current_page"] != float64(number) || shown["page_size"] != 3.0 || shown["items_on_page"] != float64(len(page["items"].([]any))) {
			t.Errorf("page %d: got pagination %v, want its number, a size of 3 and its items", number, shown)
		}
		if (links["previous"] != "") != (number > 1) || links["self"] == "" || (links["next"] != "") != (number < 2) {
			t.Errorf("page %d: got links %v, want previous after page 1, self, next before page 2", number, links)
		}
		if u, err := url.Parse(links["self"]); err != nil || u.IsAbs() || u.Host != "" || u.Query().Get("page") != fmt.Sprint(number) {
			t.Errorf("link self: got %s, want a relative reference with its page number", links["self"])
		}
		if number == 1 { // a row that comes later is not in the list that was begun
			_, err := d.projects.CreateAPIKey(context.Background(), projects.APIKey{ProjectID: d.other.ID, Name: "key &=2a", Scopes: []projects.Scope{"mint"}})
			if err != nil {
				t.Error(err)
			}
		}
	})
	if want := "[key &=5 key &=4 key &=3 key &=2 key &=1 key &=0]"; fmt.Sprint(names) != want {
		t.Errorf("names on all pages: got %v, want %s", names, want)
	}
	second := decoded(t, d.ask("GET", keys+"?page=2&page_size=3&sort_by=name", adminKey, ""))
	back := decoded(t, d.ask("GET", hrefs(second)["previous"], adminKey, ""))
	if items := back["items"].([]any); len(items) != 3 || items[0].(map[string]any)["name"] != "k" && items[0].(map[string]any)["name"] != "key &=0" {
		t.Errorf("page before the second: got %v, want the first", back)
	}
	if n := decoded(t, d.ask("GET", keys+"/count?name=2a", adminKey, ""))["count"]; n != 1.0 {
		t.Errorf("keys with 2a in their names: got a count of %v, want 1", n)
	}
	if n := decoded(t, d.ask("GET", "/v1/projects/count", adminKey, ""))["count"]; n != 2.0 {
		t.Errorf("projects: got a count of %v, want 2", n)
	}
}

func TestUncheckedSettingsAreNotSaved(t *testing.T) {
	var d *deployment
	d, done := deploy(t, func(c *handlers.Config) {
		c.CheckSettingsChange = func(context.Context, projects.Project) error { // another caller is faster
			d.change(t, func(p *projects.Project) {
				p.Settings = map[string]string{"hls_url": "https://theirs.example/{video_id}"}
			})
			return nil
		}
	})
	defer done()
	body := `{"platform_settings":{"url":"https://new.example"},"platform_credential":{"api_key":"x"}}`
	if got := short(d.ask("PATCH", "/v1/projects/"+d.own.ID, adminKey, body)); got != "409 conflict" {
		t.Errorf("PATCH while another caller changes the settings: got %s, want 409 conflict", got)
	}
	if now, err := d.projects.Project(t.Context(), d.own.ID); err != nil || now.Settings["url"] != "" {
		t.Errorf("settings after the conflict: got %v, %v, want no url", now.Settings, err)
	}
}

// TestASecretOfAnEarlierVersionKeepsItsKey until it is saved again: then it is read
// as Standard Webhooks has it.
func TestASecretOfAnEarlierVersionKeepsItsKey(t *testing.T) {
	d, done := deploy(t)
	defer done()
	const text = "Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5"
	d.change(t, func(p *projects.Project) { p.WebhookSecret = secret.New(text) })
	for _, c := range []struct{ body, want string }{
		{`{"name":"b"}`, text},
		{`{"viewer_policy":{"rule":"true"}}`, text},
		{`{"viewer_policy":{"webhook_secret":"` + text + `"}}`, "whsec_" + text},
		{`{"name":"c"}`, "whsec_" + text},
	} {
		got := d.ask("PATCH", "/v1/projects/"+d.own.ID, adminKey, c.body)
		stored, err := d.projects.Project(t.Context(), d.own.ID)
		if got.Code != 200 || err != nil || !stored.WebhookSecret.Equal(c.want) {
			t.Errorf("PATCH %s: got %d, the secret %q, %v, want %q", c.body, got.Code, stored.WebhookSecret.Reveal(), err, c.want)
		}
	}
}
