package handlers_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"playtoken/keyrotation"
	"playtoken/projects"
)

func TestEveryChangeIsRecordedBeforeAndAfter(t *testing.T) {
	d, done := deploy(t)
	defer done()
	own := "/v1/projects/" + d.own.ID
	list, err := d.projects.APIKeys(t.Context(), d.own.ID, projects.Page{})
	if err != nil {
		t.Fatal(err)
	}
	key := list.Items[0].ID
	for _, c := range []struct {
		method, path, key, body string
		want                    []string // {p}: the own project, {k}: its API key, {new}: what was made
	}{
		{"GET", own, adminKey, "", nil},
		{"POST", "/v1/projects", adminKey, `{"name":"n","platform":"vidbeo","platform_credential":{"api_key":"canary"}}`,
			[]string{"admin project.create intent", "admin project.create {new} ok"}},
		{"POST", "/v1/projects", adminKey, `{"name":"n"}`, []string{"admin project.create intent", "admin project.create invalid_request"}},
		{"POST", "/v1/projects", adminKey, `{"name":"n","reason":"why"}`, []string{"admin project.create intent why", "admin project.create invalid_request why"}},
		{"PATCH", own, adminKey, `{"name":"m"}`, []string{"admin project.update {p} intent", "admin project.update {p} ok"}},
		{"PATCH", own, adminKey, `{"name":"m","reason":"why"}`, []string{"admin project.update {p} intent why", "admin project.update {p} ok why"}},
		{"POST", own + "/api-keys", adminKey, `{"name":"m"}`, []string{"admin api_key.create {p} intent", "admin api_key.create {p} {new} ok"}},
		{"PATCH", own + "/api-keys/" + key, adminKey, `{"name":"m"}`, []string{"admin api_key.update {p} {k} intent", "admin api_key.update {p} {k} ok"}},
		{"POST", own + "/api-keys", adminKey, `{"name":"m","reason":"why"}`, []string{"admin api_key.create {p} intent why", "admin api_key.create {p} {new} ok why"}},
		{"PATCH", own + "/api-keys/" + key, adminKey, `{"name":"m","reason":"why"}`, []string{"admin api_key.update {p} {k} intent why", "admin api_key.update {p} {k} ok why"}},
		{"DELETE", own + "/api-keys/" + key + "/tokens", adminKey, `{"reason":"why"}`, []string{"admin api_key.end_tokens {p} {k} intent why", "admin api_key.end_tokens {p} {k} ok why"}},
		{"DELETE", own + "/api-keys/" + key, adminKey, `{"reason":"why"}`, []string{"admin api_key.delete {p} {k} intent why", "admin api_key.delete {p} {k} ok why"}},
		{"DELETE", own, adminKey, "", []string{"admin project.delete {p} intent", "admin project.delete {p} conflict"}},
		{"POST", own + "/signing-keys/2/revoke", adminKey, because, []string{"admin signing_key.revoke {p} 2 intent because", "admin signing_key.revoke {p} 2 ok because"}},
		{"POST", own + "/signing-keys/2/activate", adminKey, because, []string{"admin signing_key.activate {p} 2 intent because", "admin signing_key.activate {p} 2 ok because"}},
		{"POST", own + "/rotation", adminKey, `{"mode":"now","reason":"drill"}`, []string{"admin rotation {p} intent drill", "admin rotation {p} ok drill"}},
		{"POST", "/v1/rotation", adminKey, `{}`, []string{"admin rotation.all intent", "admin rotation.all ok"}},
		{"DELETE", own + "/platform-keys/key-9", adminKey, because, []string{"admin platform_key.delete {p} key-9 intent because", "admin platform_key.delete {p} key-9 ok because"}},
		{"POST", "/v1/admin-keys", adminKey, `{"name":"n","role":"admin"}`, []string{"admin admin_key.create intent", "admin admin_key.create {new} ok"}},
		{"POST", "/v1/admin-keys", adminKey, `{"name":"n","role":"admin","reason":"why"}`, []string{"admin admin_key.create intent why", "admin admin_key.create {new} ok why"}},
		{"DELETE", "/v1/admin-keys/" + d.operators[projects.RoleAuditor].ID, adminKey, "", []string{"admin admin_key.delete {o} intent", "admin admin_key.delete {o} ok"}},
		{"DELETE", "/v1/admin-keys/" + d.operators[projects.RoleOperator].ID, adminKey, `{"reason":"why"}`, []string{"admin admin_key.delete {o2} intent why", "admin admin_key.delete {o2} ok why"}},
		{"POST", "/v1/projects/check", adminKey, `{"platform":"vidbeo","platform_credential":{"api_key":"canary"}}`, []string{"admin project.check intent", "admin project.check ok"}},
		{"POST", own + "/check", adminKey, `{"platform_credential":{"api_key":"canary"}}`, []string{"admin project.check {p} intent", "admin project.check {p} ok"}},
		// What is refused before it is tried is no change.
		{"DELETE", own, d.keys["mint"], "", nil},
		{"PATCH", own, adminKey, `{"nam":"m"}`, nil},
		{"PATCH", own, adminKey, `{"name":"m","reason":"two\nlines"}`, nil},
		{"POST", own + "/api-keys", adminKey, `{"name":"m","reason":"` + strings.Repeat("x", 201) + `"}`, nil},
		{"POST", "/v1/admin-keys", adminKey, `{"name":"n","role":"admin","reason":"two\nlines"}`, nil},
		{"DELETE", own + "/api-keys/" + key, adminKey, `{"reason":"two\nlines"}`, nil},
		// Mints are not recorded unless the project wants that.
		{"POST", "/v1/playback-tokens", d.keys["mint"], `{"video_id":"vid1"}`, nil},
		{"POST", "/v1/playback-tokens", "guess", `{"video_id":"vid1"}`, []string{"192.0.2.1 authenticate unauthenticated"}},
		{"POST", "/v1/playback-tokens", "", `{"video_id":"vid1"}`, nil},
	} {
		d.record.entries, d.counter.taken = nil, map[string]int{}
		got := d.ask(c.method, c.path, c.key, c.body)
		made := ""
		if got.Code == 201 {
			made, _ = decoded(t, got)["project_id"].(string)
			for _, member := range []string{"api_key_id", "admin_key_id"} {
				if id, ok := decoded(t, got)[member].(string); ok {
					made = id
				}
			}
		}
		for i := range c.want {
			c.want[i] = strings.NewReplacer("{p}", d.own.ID, "{k}", key, "{o}", d.operators[projects.RoleAuditor].ID, "{o2}", d.operators[projects.RoleOperator].ID, "{new}", made).Replace(c.want[i])
		}
		if diff := cmp.Diff(c.want, d.record.short()); diff != "" {
			t.Errorf("%s %s: recorded -want +got:\n%s", c.method, c.path, diff)
		}
		for _, e := range d.record.entries {
			if e.RequestID != got.Header().Get("X-Request-Id") || strings.Contains(fmt.Sprint(e), "canary") {
				t.Errorf("%s %s: got the entry %+v, want the request's id and no secret", c.method, c.path, e)
			}
		}
	}
}

func TestMintsAreRecordedIfTheProjectSaysSo(t *testing.T) {
	d, done := deploy(t)
	defer done()
	d.change(t, func(p *projects.Project) { p.TokenPolicy.AuditMints = true })
	d.mintAs(viewerToken, page, `"video_id":"vid1"`)
	d.mintAs(adminKey, "", `"video_id":"x"`)
	want := []string{"viewer:alice mint " + d.own.ID + " vid1 ok", "admin mint " + d.own.ID + " x video_invalid"}
	if diff := cmp.Diff(want, d.record.short()); diff != "" {
		t.Errorf("recorded -want +got:\n%s", diff)
	}
}

func TestAChangeThatCannotBeRecordedIsMadeOnlyIfUrgent(t *testing.T) {
	d, done := deploy(t)
	defer done()
	d.change(t, func(p *projects.Project) { p.TokenPolicy.AuditMints = true })
	d.record.err = errors.New("no space left on device")
	for _, route := range routes() {
		c := expectations[route]
		method, _, _ := strings.Cut(route, " ")
		got := d.try(t, route, "admin", d.own)
		d.counter.taken = map[string]int{}
		changes := method != "GET" && method != "OPTIONS" && !strings.Contains(route, "playback-tokens") && !strings.Contains(route, "/media/") && !strings.HasSuffix(route, "/viewer-policy/check")
		urgent := strings.HasSuffix(route, "/revoke") || strings.HasSuffix(route, "/sessions/end") || strings.HasSuffix(route, "/logout")
		// These have a bad key, a bad code, and no approval.
		refused := changes && !urgent && !strings.HasSuffix(route, "/approve") && !strings.HasSuffix(route, "auth/api-key") && !strings.HasSuffix(route, "operator/token")
		if (short(got) == "503 audit_unavailable") != refused || !refused && got.Code != c.own[2] {
			t.Errorf("%s without the audit log: got %s, want 503 audit_unavailable unless the change is urgent", route, got.Body)
		}
		if refused && (!d.unchanged(t) || got.Header().Get("Retry-After") == "" || strings.Contains(got.Body.String(), "space")) {
			t.Errorf("%s without the audit log: got %s, want nothing changed, Retry-After, and no detail of the cause", route, got.Body)
		}
	}
}

func TestTheOutcomeOfAChangeIsRecorded(t *testing.T) {
	d, done := deploy(t)
	defer done()
	d.rotation.err = &keyrotation.Guard{Why: "too early"}
	d.ask("POST", "/v1/projects/"+d.own.ID+"/signing-keys/2/activate", d.keys["keys"], because)
	lines := d.record.short()
	if len(lines) != 2 || !strings.HasSuffix(lines[1], "signing_key.activate "+d.own.ID+" 2 conflict because") || !strings.HasPrefix(lines[1], "api_key_") {
		t.Errorf("recorded: got %v, want an intent and a conflict by the API key", lines)
	}
}
