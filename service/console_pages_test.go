package service

import (
	"encoding/csv"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// marked is a name that would change a page, and a spreadsheet, that trusted it.
const marked = `=1+1<img src=x onerror=alert(1)>"'`

// administered is a deployment with a browser of an admin at its console.
func administered(t *testing.T) (*Service, *browser) {
	t.Helper()
	s, _ := newService(t, "PLAYTOKEN_AUDIT=file:"+filepath.Join(t.TempDir(), "audit.jsonl"), "PLAYTOKEN_SCHEDULER=off")
	b := newBrowser(t, s)
	b.signIn(adminKey)
	return s, b
}

// because is a form with a reason.
func because(form url.Values) url.Values {
	with := url.Values{"reason": {"a test"}}
	maps.Copy(with, form)
	return with
}

// change posts a form, with a reason, and ends the test unless it was carried out.
func (b *browser) change(path string, form url.Values) string {
	b.t.Helper()
	got := b.post(path, because(form))
	if got.status != http.StatusOK || !strings.Contains(got.text, `">Back</a>`) {
		b.t.Fatalf("POST %s: got status %d, want 200 and what happened: %s", path, got.status, got.text)
	}
	return got.text
}

// shows ends the test unless a page has a text, and nothing unescaped.
func (b *browser) shows(path, want string) string {
	b.t.Helper()
	got := b.get(path)
	if got.status != http.StatusOK || !strings.Contains(got.text, want) || strings.Contains(got.text, "<img src=x") {
		b.t.Fatalf("%s: got status %d, want 200 with %q and no stored markup: %s", path, got.status, want, got.text)
	}
	return got.text
}

var (
	secretShown = regexp.MustCompile(`<code class="secret">([^<]+)</code>`)
	projectID   = regexp.MustCompile(`/console/projects/(project_[a-z0-9]+)"`)
	apiKeyID    = regexp.MustCompile(`/api-keys/(api_key_[a-z0-9]+)/delete`)
)

func found(t *testing.T, in *regexp.Regexp, text string) string {
	t.Helper()
	match := in.FindStringSubmatch(text)
	if match == nil {
		t.Fatalf("got no %s in %s", in, text)
	}
	return match[1]
}

// newProject makes a project on the console.
func (b *browser) newProject() string {
	b.t.Helper()
	b.shows("/console/new-project/jwplayer", `name="platform_credential.signing_secret" type="password"`)
	made := b.change("/console/new-project/jwplayer", url.Values{"name": {marked}, "platform_credential.signing_secret": {"a-secret-of-some-length"}, "platform_settings.site_id": {"abcd1234"}})
	return projectID.FindStringSubmatch(made)[1]
}

// TestAnAdminKeepsProjectsAndCallersOnTheConsole: without JavaScript, from the first
// project to its end, and all of it stands in the record.
func TestAnAdminKeepsProjectsAndCallersOnTheConsole(t *testing.T) {
	_, b := administered(t)
	id := b.newProject()
	at := "/console/projects/" + id
	b.shows("/console/projects?name=img", id)
	if got := b.get("/console/projects?name=nothing"); strings.Contains(got.text, id) {
		t.Errorf("a search for another name: got the project, want none")
	}
	b.shows(at+"/edit", `value="abcd1234"`)
	if got := b.post(at+"/edit", because(url.Values{"name": {marked}, "platform_settings.site_id": {"wrong"}})); got.status != http.StatusBadRequest || !strings.Contains(got.text, "site_id") {
		t.Errorf("a wrong setting: got %d, want 400 that names it: %s", got.status, got.text)
	}
	b.change(at+"/edit", url.Values{"name": {marked + " again"}, "platform_settings.site_id": {"abcd1234"}})

	value := found(t, secretShown, b.change(at+"/api-keys/new", url.Values{"name": {marked}, "scopes": {"mint", "read"}, "videos": {"film*"}}))
	list := b.shows(at+"/api-keys", "videos film*")
	if strings.Contains(list, value) || !strings.HasPrefix(value, "pt_") {
		t.Errorf("got the value %.4s…, want pt_… that no list shows", value)
	}
	key := found(t, apiKeyID, list)
	b.shows(at+"/api-keys/"+key+"/edit", `name="scopes" value="read" checked`)
	b.change(at+"/api-keys/"+key+"/edit", url.Values{"name": {marked}, "scopes": {"mint"}, "networks": {"192.0.2.0/24"}, "expires_at": {"2100-01-01T00:00:00Z"}})
	b.shows(at+"/api-keys", "<td>mint</td><td>networks 192.0.2.0/24; until 2100-01-01T00:00:00Z</td>")
	b.change(at+"/api-keys/"+key+"/end-tokens", nil)
	b.change(at+"/api-keys/"+key+"/delete", nil)
	b.shows(at+"/api-keys", "There is no such API key.")

	b.shows(at+"/delete", "viewers are refused at once")
	b.change(at+"/delete", url.Values{"reason": {marked}})
	b.shows("/console/audit?action=project.delete", "is as it was written")
	b.recorded(id)
}

// recorded looks at the files of the audit page.
func (b *browser) recorded(project string) {
	b.t.Helper()
	query := "?action=project.delete&project_id=" + project
	rows, err := csv.NewReader(strings.NewReader(b.get("/console/audit/export.csv" + query).text)).ReadAll()
	if err != nil || len(rows) < 2 || rows[1][8] != "'"+marked {
		b.t.Errorf("the CSV: got %q, %v, want the reason with ' before it, so that it is no formula", rows, err)
	}
	file := b.get("/console/audit/export.json" + query)
	if file.status != http.StatusOK || !strings.Contains(file.header.Get("Content-Disposition"), "attachment") || !strings.Contains(file.text, `"project.delete"`) {
		b.t.Errorf("the JSON: got %d %q, want a file with the entries", file.status, file.text)
	}
	if got := b.get("/console/audit/export.xls"); got.status != http.StatusNotFound {
		b.t.Errorf("another format: got %d, want 404", got.status)
	}
}

func TestARuleIsEditedOnTheConsole(t *testing.T) {
	_, b := administered(t)
	at := "/console/projects/" + b.newProject() + "/rule"
	b.shows(at, `<button name="do" value="check"`)
	for rule, want := range map[string]string{
		`viewer.id ==`:         "Line 1, column 13",
		`viewer.id == "ann"`:   "It lets this viewer watch.",
		`viewer.id == "ben"`:   "It denies this viewer.",
		`viewer.claims.no > 1`: "because a claim that the rule reads is missing",
	} {
		got := b.post(at, url.Values{"rule": {rule}, "facts": {`{"viewer":{"id":"ann"}}`}, "do": {"check"}})
		if got.status != http.StatusOK || !strings.Contains(got.text, want) {
			t.Errorf("%s: got %d, want 200 with %q: %s", rule, got.status, want, got.text)
		}
	}
	if got := b.post(at, url.Values{"rule": {"true"}, "facts": {"no JSON"}, "do": {"check"}}); !strings.Contains(got.text, "The facts are not a JSON object") {
		t.Errorf("facts that are no JSON: got %s, want to be told", got.text)
	}
	if got := b.post(at, url.Values{"rule": {`true`}, "do": {"save"}}); !strings.Contains(got.text, "is required: say why") {
		t.Errorf("a rule without a reason: got %d, want to be asked for one: %s", got.status, got.text)
	}
	b.post(at, because(url.Values{"rule": {`viewer.id == "ann" // ` + marked}, "do": {"save"}}))
	b.shows(at, "viewer.id == &#34;ann&#34;")
}

// TestAnAuditorSeesAllAndChangesNothing: on every page of the console, and from
// another site not even an admin does.
func TestAnAuditorSeesAllAndChangesNothing(t *testing.T) {
	s, admin := administered(t)
	id := admin.newProject()
	at := "/console/projects/" + id
	admin.change(at+"/api-keys/new", url.Values{"name": {"shop"}, "scopes": {"mint"}})
	key := found(t, apiKeyID, admin.shows(at+"/api-keys", "shop"))
	value := found(t, secretShown, admin.change("/console/operators/new", url.Values{"name": {marked}, "role": {"auditor"}}))
	auditor := newBrowser(t, s)
	auditor.signIn(value)
	for _, path := range []string{"/console/projects", at + "/api-keys", "/console/operators", "/console/approvals", "/console/audit"} {
		if got := auditor.shows(path, "<h1>"); strings.Contains(got, "…</a>") {
			t.Errorf("%s: got a change on an auditor's page, want none: %s", path, got)
		}
	}
	for path, form := range map[string]url.Values{
		"/console/new-project/jwplayer": {"name": {"x"}, "platform_credential.signing_secret": {"a-secret-of-some-length"}},
		at + "/edit":                    {"name": {"x"}}, at + "/delete": {"reason": {"x"}, "revoke": {"on"}},
		at + "/api-keys/new": {"name": {"x"}, "scopes": {"mint"}}, at + "/api-keys/" + key + "/end-tokens": {}, at + "/api-keys/" + key + "/delete": {},
		at + "/rule":                      {"rule": {"false"}, "do": {"save"}},
		"/console/operators/new":          {"name": {"x"}, "role": {"admin"}},
		"/console/operators/admin/delete": {}, "/console/projects/default/sessions/end": {"by": {"all"}, "reason": {"x"}},
	} {
		if got := auditor.post(path, because(form)); got.status != http.StatusForbidden {
			t.Errorf("an auditor's POST %s: got %d, want 403: %s", path, got.status, got.text)
		}
		if got := admin.post(path, because(form), "Sec-Fetch-Site", "cross-site"); got.status != http.StatusForbidden {
			t.Errorf("POST %s from another site: got %d, want 403", path, got.status)
		}
	}
	admin.shows("/console/projects", id)
	admin.shows(at+"/api-keys", key)
	if got := auditor.post("/console/approvals/approval_no/approve", because(nil)); got.status < 400 {
		t.Errorf("an approval by an auditor: got %d, want a refusal", got.status)
	}
}
