package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"playtoken/handlers"
	"playtoken/keyrotation"
)

const secondKey = "key-of-the-second-gate/+=-0123456789"

// tenancy is a service with a second project, made through the Admin API, at
// two replicas.
type tenancy struct {
	*deployment
	gate    string // the second project's platform
	admin   apiClient
	other   apiClient // at the other replica, without a key
	project string    // the second project's id
	issued  []string
	logs    func() string
}

func newTenancy(t *testing.T, w *deployment) *tenancy {
	t.Helper()
	m := &tenancy{deployment: w, gate: startGate(t, secondKey).URL}
	urls, logs := w.replicas()
	m.logs = logs
	m.admin = apiClient{t: t, client: newClient(t), url: urls[0], key: adminKey, record: &transcript{}}
	m.other = m.admin.at(urls[1]).as("")
	var made handlers.Project
	m.admin.want(http.StatusCreated, &made, "POST /v1/projects", onGate("second", m.gate, secondKey))
	m.project = made.ID
	return m
}

func (m *tenancy) path(rest string) string { return "/v1/projects/" + m.project + rest }

// newKey makes an API key of the second project.
func (m *tenancy) newKey(name string, scopes ...string) (id, value string) {
	m.t.Helper()
	body, _ := json.Marshal(map[string]any{"name": name, "scopes": scopes})
	var made handlers.CreatedAPIKey
	m.admin.want(http.StatusCreated, &made, "POST "+m.path("/api-keys"), string(body))
	m.issued = append(m.issued, made.Value)
	return made.ID, made.Value
}

// awaitActive waits until the scheduler has made a key active, and a standby.
func (m *tenancy) awaitActive() (keys handlers.KeyList) {
	m.t.Helper()
	m.admin.await("GET "+m.path("/signing-keys"), func(got response) bool {
		keys = handlers.KeyList{}
		return got.status == http.StatusOK && json.Unmarshal(got.body, &keys) == nil && len(keys.Items) == 2 &&
			keys.Items[1].State == keyrotation.Active && keys.Items[0].State == keyrotation.Registered
	})
	return keys
}

func TestTheWholeLifeOfAProjectThroughTheAdminAPI(t *testing.T) {
	t.Parallel()
	slow(t, "it waits for rotations")
	onEachStore(t, func(t *testing.T, w *deployment, dump func() []byte) {
		m := newTenancy(t, w)
		m.keysBecomeActive()
		m.callersMayWhatTheirScopesSay()
		m.changesAreSeen()
		m.listsShowEachRowOnce()
		m.deletedKeysAreRefusedAtBothReplicas()
		m.nothingIssuedIsStored(dump())
		m.deletesTheProject()
		if where := m.admin.record.tells(secondKey); len(where) > 0 {
			t.Errorf("got the platform's credential in the responses of %q, want it in none", where)
		}
		if logs := m.logs(); shows(logs, secondKey) || shows(logs, adminKey) {
			t.Errorf("the logs show a key:\n%s", logs)
		}
	}, "PLAYTOKEN_PROPAGATION_DELAY=200ms")
}

func (m *tenancy) keysBecomeActive() {
	m.t.Helper()
	keys := m.awaitActive()
	first := keys.Items[1]
	if waited := first.ActivatedAt.Sub(*first.RegisteredAt); waited < 200*time.Millisecond {
		m.t.Errorf("got a key active %s after it was registered, want at least the propagation delay of 200ms", waited)
	}
	var plan handlers.RotationStatus
	m.admin.want(http.StatusOK, &plan, "GET "+m.path("/rotation"), "")
	if plan.Overdue || plan.LastRun.Error != nil {
		m.t.Errorf("got the rotation %+v, want it on time and without an error", plan)
	}
}

func (m *tenancy) callersMayWhatTheirScopesSay() {
	m.t.Helper()
	_, mints := m.newKey("mints", "mint")
	_, rotates := m.newKey("rotates", "keys")
	_, reads := m.newKey("reads", "read")
	client := m.admin.client
	var token tokenView
	m.other.as(mints).want(http.StatusCreated, &token, "POST /v1/playback-tokens", `{"video_id":"counter"}`)
	if status, err := plays(m.t.Context(), client, token.URLs.HLS); status != http.StatusOK || err != nil || !strings.HasPrefix(token.URLs.HLS, m.gate) {
		m.t.Errorf("the second gate: got status %d, %v at %s, want 200 at %s", status, err, token.URLs.HLS, m.gate)
	}
	atOtherGate := strings.Replace(token.URLs.HLS, m.gate, m.deployment.gate.URL, 1)
	if status, err := plays(m.t.Context(), client, atOtherGate); status != http.StatusUnauthorized || err != nil {
		m.t.Errorf("another project's gate: got status %d, %v, want 401", status, err)
	}
	for _, c := range []struct {
		key    string
		status int
		route  string
	}{
		{mints, 403, "GET " + m.path("")},
		{mints, 403, "GET " + m.path("/signing-keys")},
		{mints, 403, "POST " + m.path("/rotation")},
		{mints, 403, "POST " + m.path("/api-keys")},
		{rotates, 200, "GET " + m.path("/signing-keys")},
		{rotates, 200, "POST " + m.path("/rotation")},
		{rotates, 403, "POST /v1/playback-tokens"},
		{rotates, 403, "POST /v1/rotation"},
		{reads, 200, "GET " + m.path("")},
		{reads, 403, "PATCH " + m.path("")},
		{reads, 403, "DELETE " + m.path("")},
		{reads, 403, "POST /v1/playback-tokens"},
		{reads, 403, "GET /v1/projects"},
		{mints, 404, "GET /v1/projects/default"},
		{rotates, 404, "GET /v1/projects/default/signing-keys"},
		{rotates, 404, "POST /v1/projects/default/rotation"},
		{reads, 404, "GET /v1/projects/default"},
		{reads, 404, "GET /v1/projects/default/api-keys"},
		{reads, 404, "DELETE /v1/projects/default"},
		{frontendKey, 404, "GET " + m.path("/signing-keys")},
		{frontendKey, 404, "POST " + m.path("/signing-keys/1/revoke")},
		{frontendKey, 404, "GET " + m.path("")},
	} {
		if got := m.other.as(c.key).ask(c.route, bodyOf(c.route)); got.status != c.status {
			m.t.Errorf("%s: %d, want %d: %s", c.route, got.status, c.status, got.body)
		}
	}
	m.other.as(mints).refused(404, "not_found", "POST /v1/playback-tokens", `{"video_id":"counter","project_id":"default"}`)
	m.other.as(frontendKey).refused(404, "not_found", "POST /v1/playback-tokens", `{"video_id":"counter","project_id":"`+m.project+`"}`)
	m.other.as(adminKey).want(http.StatusCreated, nil, "POST /v1/playback-tokens", `{"video_id":"counter","project_id":"`+m.project+`"}`)
}

// bodyOf is a body that the route could work with.
func bodyOf(route string) string {
	switch {
	case strings.HasPrefix(route, "GET"), strings.HasPrefix(route, "DELETE"):
		return ""
	case strings.HasSuffix(route, "/playback-tokens"):
		return `{"video_id":"counter"}`
	case strings.HasSuffix(route, "/rotation"):
		return `{"mode":"due","reason":"test"}`
	case strings.HasSuffix(route, "/revoke"):
		return `{"reason":"test"}`
	}
	return `{"name":"other"}`
}

func (m *tenancy) changesAreSeen() {
	m.t.Helper()
	id, value := m.newKey("to be changed", "mint")
	m.other.as(value).want(http.StatusCreated, nil, "POST /v1/playback-tokens", `{"video_id":"counter"}`)
	var project handlers.Project
	m.admin.want(http.StatusOK, &project, "PATCH "+m.path(""), `{"name":"renamed","token_policy":{"max_ttl":120,"default_ttl":60}}`)
	if project.Name != "renamed" || project.TokenPolicy.MaxTTL != 120 || project.Settings["url"] == "" || project.Capabilities == nil {
		m.t.Errorf("after PATCH: got the project %+v, want the new name and lifetimes, its settings and its capabilities", project)
	}
	m.other.as(value).sees("POST /v1/playback-tokens", `{"video_id":"counter"}`, func(got response) bool {
		var token tokenView
		return got.status == http.StatusCreated && json.Unmarshal(got.body, &token) == nil && token.ExpiresIn == 60
	})
	m.other.as(value).refused(http.StatusUnprocessableEntity, "ttl_out_of_range", "POST /v1/playback-tokens", `{"video_id":"counter","expires_in":121}`)
	m.admin.want(http.StatusOK, nil, "PATCH "+m.path("/api-keys/"+id), `{"name":"changed","scopes":["read"]}`)
	m.other.as(value).seesRefused(http.StatusForbidden, "forbidden", "POST /v1/playback-tokens", `{"video_id":"counter"}`)
	m.other.as(value).want(http.StatusOK, nil, "GET "+m.path(""), "")
	for _, body := range []string{
		`{"platform":"jwplayer"}`, `{"project_id":"x"}`, `{"name":""}`, `{"name":"a","name":"b"}`, `{"Name":"a"}`, `{} x`,
		`{"token_policy":{"max_ttl":-1}}`, `{"platform_settings":{"url":"` + m.deployment.gate.URL + `"}}`,
	} {
		m.admin.refused(http.StatusBadRequest, "invalid_request", "PATCH "+m.path(""), body)
	}
	// Another account would not show the active key, so its viewers would be
	// locked out.
	m.admin.refused(http.StatusConflict, "conflict", "PATCH "+m.path(""), onGateOnly(m.deployment.gate.URL, gateKey))
}

// onGateOnly moves a project to another gate.
func onGateOnly(gate, key string) string {
	return fmt.Sprintf(`{"platform_settings":{"url":"%s"},"platform_credential":{"api_key":"%s"}}`, gate, key)
}

func (m *tenancy) listsShowEachRowOnce() {
	m.t.Helper()
	var made []string
	for i := range 12 {
		id, _ := m.newKey(fmt.Sprintf("row %02d", i), "read")
		made = append(made, id)
	}
	list := m.path("/api-keys")
	if got := m.walk("GET " + list + "?page_size=5&name=ROW&sort_by=name&sort_order=desc"); !slices.Equal(got, reversed(made)) {
		m.t.Errorf("by name, backwards: %q, want the reverse of %q", got, made)
	}
	if got := m.walk("GET " + list + "?page_size=5&name=row"); !slices.Equal(got, made) {
		m.t.Errorf("in order: %q, want %q", got, made)
	}
	var count struct{ Count int }
	m.admin.want(http.StatusOK, &count, "GET "+list+"/count?name=row", "")
	if count.Count != len(made) {
		m.t.Errorf("count: %d, want %d", count.Count, len(made))
	}
	m.admin.want(http.StatusOK, &count, "GET /v1/projects/count", "")
	if count.Count != 2 {
		m.t.Errorf("got %d projects, want 2: default and ours", count.Count)
	}
	if got := m.walk("GET /v1/projects?page_size=1&sort_by=name"); len(got) != 2 || !slices.Contains(got, "default") || !slices.Contains(got, m.project) {
		m.t.Errorf("got the projects %q, want default and %s", got, m.project)
	}
	for _, query := range []string{"page_size=0", "page_size=101", "page=0", "page=x", "sort_by=id", "sort_order=up", "page_size=5&page_size=5", "limit=5", "cursor=x"} {
		m.admin.refused(http.StatusBadRequest, "invalid_request", "GET "+list+"?"+query, "")
	}
}

func reversed(list []string) []string {
	list = slices.Clone(list)
	slices.Reverse(list)
	return list
}

// listed is a page of projects or of API keys.
type listed struct {
	Items []struct {
		ProjectID string `json:"project_id"`
		APIKeyID  string `json:"api_key_id"`
	}
	Pagination struct {
		Number int `json:"current_page"`
		Size   int `json:"page_size"`
		Items  int `json:"items_on_page"`
	}
	Links []struct{ Rel, Href string }
}

func (l listed) link(rel string) string {
	for _, link := range l.Links {
		if link.Rel == rel {
			return link.Href
		}
	}
	return ""
}

// walk follows the links to the end, and returns the ids.
func (m *tenancy) walk(route string) (ids []string) {
	m.t.Helper()
	for number := 1; ; number++ {
		var page listed
		m.admin.want(http.StatusOK, &page, route, "")
		for _, item := range page.Items {
			ids = append(ids, or2(item.APIKeyID, item.ProjectID))
		}
		if p := page.Pagination; p.Number != number || p.Items != len(page.Items) || (page.link("previous") != "") != (number > 1) || page.link("self") == "" {
			m.t.Errorf("page %d: got %+v, want its number, its size and links to its neighbours", number, page)
		}
		next := page.link("next")
		if next == "" {
			return ids
		}
		if !strings.HasPrefix(next, "/v1/projects") {
			m.t.Fatalf("got the link %q, want a relative reference", next)
		}
		route = "GET " + next
	}
}

func or2(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (m *tenancy) deletedKeysAreRefusedAtBothReplicas() {
	m.t.Helper()
	id, value := m.newKey("to be deleted", "mint", "read")
	var tokens handlers.Tokens
	m.other.want(http.StatusOK, &tokens, "POST /v1/auth/api-key", `{"apiKey":"`+value+`"}`)
	m.issued = append(m.issued, tokens.Access, tokens.Refresh)
	for _, key := range []string{value, tokens.Access} {
		m.other.as(key).want(http.StatusCreated, nil, "POST /v1/playback-tokens", `{"video_id":"counter"}`)
	}
	var shown handlers.CreatedAPIKey
	got := m.admin.await("GET "+m.path("/api-keys/"+id), func(got response) bool {
		return json.Unmarshal(got.body, &shown) == nil && shown.LastUsedAt != nil
	})
	if bytes.Contains(got.body, []byte("value")) {
		m.t.Errorf("got the API key %s, want it without its value", got.body)
	}
	m.admin.want(http.StatusNoContent, nil, "DELETE "+m.path("/api-keys/"+id), "")
	for _, key := range []string{value, tokens.Access} {
		m.other.as(key).seesRefused(http.StatusUnauthorized, "unauthenticated", "POST /v1/playback-tokens", `{"video_id":"counter"}`)
	}
	m.other.seesRefused(http.StatusBadRequest, "authentication-invalid-user-credentials", "POST /v1/auth/refresh", `{"refreshToken":"`+tokens.Refresh+`"}`)
	m.other.seesRefused(http.StatusBadRequest, "authentication-invalid-user-credentials", "POST /v1/auth/api-key", `{"apiKey":"`+value+`"}`)
	m.admin.refused(http.StatusNotFound, "not_found", "GET "+m.path("/api-keys/"+id), "")
	m.admin.refused(http.StatusNotFound, "not_found", "DELETE "+m.path("/api-keys/"+id), "")
}

func (m *tenancy) nothingIssuedIsStored(stored []byte) {
	m.t.Helper()
	if len(m.issued) < 10 || len(stored) < 1000 {
		m.t.Fatalf("got %d issued values and %d bytes of the store, want at least 10 and 1000", len(m.issued), len(stored))
	}
	for i, value := range m.issued {
		if shows(string(stored), value) {
			m.t.Errorf("got value %d of %d in the store, want no value that was issued", i, len(m.issued))
		}
	}
}

func (m *tenancy) deletesTheProject() {
	m.t.Helper()
	_, value := m.newKey("lives as long as its project", "mint")
	m.other.as(value).want(http.StatusCreated, nil, "POST /v1/playback-tokens", `{"video_id":"counter"}`)
	m.admin.refused(http.StatusConflict, "conflict", "DELETE "+m.path(""), "")
	m.admin.refused(http.StatusConflict, "conflict", "DELETE "+m.path("")+"?revoke=false", "")
	m.admin.refused(http.StatusBadRequest, "invalid_request", "DELETE "+m.path("")+"?revoke=yes", "")
	m.admin.refused(http.StatusConflict, "conflict", "DELETE /v1/projects/default?revoke=true", "")
	eventually(m.t, patience, func() error { // a rotation may be in the middle of a key
		got := m.admin.ask("DELETE "+m.path("")+"?revoke=true", "")
		if got.status != http.StatusNoContent && got.status != http.StatusConflict {
			m.t.Fatalf("DELETE with revoke: got status %d, want 204 or 409: %s", got.status, got.body)
		}
		return got.unless(got.status == http.StatusNoContent)
	})
	m.other.as(value).seesRefused(http.StatusUnauthorized, "unauthenticated", "POST /v1/playback-tokens", `{"video_id":"counter"}`)
	for _, rest := range []string{"", "/signing-keys", "/api-keys", "/rotation"} {
		m.other.as(adminKey).seesRefused(http.StatusNotFound, "not_found", "GET "+m.path(rest), "")
	}
	var left struct{ Data []any }
	apiClient{t: m.t, client: m.admin.client, url: m.gate}.bearer(secondKey, &left, "/v2/jwt_keys?limit=100")
	if len(left.Data) > 0 {
		m.t.Errorf("keys at the platform after the project was deleted = %v, want none", left.Data)
	}
}

// bearer gets something of a gate.
func (v apiClient) bearer(key string, into any, path string) {
	v.t.Helper()
	req, err := http.NewRequestWithContext(v.t.Context(), http.MethodGet, v.url+path, nil)
	if err != nil {
		v.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	resp, err := v.client.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil || resp.StatusCode != http.StatusOK {
		v.t.Fatalf("GET %s: got status %d, %v, want 200 and JSON", path, resp.StatusCode, err)
	}
}
