package handlers_test

import (
	"fmt"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"playtoken/handlers"
	"playtoken/projects"
)

const because = `{"reason":"because"}`

// kinds of callers, in the order of the columns below. An access token has the
// scopes of the API key that it was exchanged for: here to mint.
var callerKinds = []string{"none", "garbage", "admin", "mint", "keys", "read", "access", "viewer", "auditor", "operator"}

// expectations is every route: a good body, and the status that each kind of
// caller gets for its own project. For projects that are not theirs, or are
// gone, see TestPermissions.
var expectations = map[string]struct {
	body string
	own  [10]int
}{
	"GET /healthz":               {"", always(200)},
	"GET /readyz":                {"", always(200)},
	"GET /openapi.json":          {"", always(200)},
	"GET /.well-known/jwks.json": {"", always(200)},
	"GET /sdk/{version}/{file}":  {"", always(200)},

	"POST /v1/auth/api-key":          {`{"apiKey":"x"}`, always(400)},
	"POST /v1/auth/refresh":          {`{"refreshToken":"refresh-1"}`, always(200)},
	"POST /v1/auth/revoke":           {`{"refreshToken":"refresh-1"}`, always(204)},
	"POST /auth/api-key":             {`{"apiKey":"x"}`, always(400)},
	"POST /auth/refresh":             {`{"refreshToken":"refresh-1"}`, always(200)},
	"GET /v1/auth/operator/login":    {"", always(400)},
	"GET /v1/auth/operator/callback": {"", always(400)},
	"POST /v1/auth/operator/token":   {`{"code":"x","code_verifier":"x"}`, always(400)},

	"POST /v1/auth/operator/logout": {`{"access_token":"x"}`, always(400)},

	"POST /v1/operators/{operator_id}/sessions/end": {because, adminOnly(404)}, // no such operator

	"POST /v1/playback-tokens":         {`{"video_id":"vid1","project_id":"{project_id}"}`, [10]int{401, 401, 201, 201, 403, 403, 201, 201, 403, 403}},
	"POST /v1/playback-tokens/batch":   {`{"requests":[{"video_id":"vid1"}]}`, [10]int{401, 401, 200, 200, 403, 403, 200, 401, 403, 403}},
	"POST /v1/playback-tokens/inspect": {`{"token":"x","project_id":"{project_id}"}`, [10]int{401, 401, 200, 200, 403, 403, 200, 401, 403, 403}},
	"OPTIONS /v1/playback-tokens":      {"", always(204)},

	media + "/sign":                                           {`{}`, signs},
	media + "/sign/drm/{policy_id}":                           {`{}`, signs},
	media + "/sign_public/drm/{policy_id}":                    {`{}`, signs},
	media + "/sign_all_public/drm/{policy_id}":                {`{"vid1":{}}`, signs},
	preflights + "/sign":                                      {"", always(204)},
	preflights + "/sign/drm/{policy_id}":                      {"", always(204)},
	preflights + "/sign_public/drm/{policy_id}":               {"", always(204)},
	preflights + "/sign_all_public/drm/{policy_id}":           {"", always(204)},
	"GET /v1/projects/{project_id}/signing-keys":              {"", shown},
	"GET " + generation:                                       {"", shown},
	"GET " + generation + "/revoke":                           {"", shown},
	"POST " + generation + "/revoke":                          {because, keepers},
	"POST " + generation + "/activate":                        {because, keepers},
	"POST " + generation + "/rollback":                        {because, keepers},
	"POST " + generation + "/release":                         {because, keepers},
	"POST " + generation + "/confirm":                         {because, keepers},
	"POST /v1/projects/{project_id}/sessions/end":             {`{"all":true,"reason":"r"}`, keepers},
	"GET /v1/projects/{project_id}/rotation":                  {"", shown},
	"POST /v1/projects/{project_id}/rotation":                 {`{"mode":"due"}`, keepers},
	"GET /v1/rotation":                                        {"", operatorsFrom(200, 8)},
	"POST /v1/rotation":                                       {`{"mode":"due"}`, operatorsFrom(200, 9)},
	"GET /v1/projects/{project_id}/drift":                     {"", shown},
	"GET /v1/projects/{project_id}" + publicKeys:              {"", always(200)},
	"DELETE /v1/projects/{project_id}/platform-keys/{key_id}": {because, keepers},

	"GET /v1/projects":                                       {"", operatorsFrom(200, 8)},
	"POST /v1/projects":                                      {`{"name":"new","platform":"vidbeo","platform_credential":{"api_key":"x"}}`, adminOnly(201)},
	"GET /v1/projects/count":                                 {"", operatorsFrom(200, 8)},
	"GET /v1/projects/{project_id}":                          {"", [10]int{401, 401, 200, 403, 403, 200, 403, 401, 200, 200}},
	"PATCH /v1/projects/{project_id}":                        {`{"name":"renamed"}`, adminOnly(200)},
	"DELETE /v1/projects/{project_id}":                       {"", adminOnly(409)}, // its keys are live
	"POST /v1/projects/check":                                {`{"platform":"vidbeo","platform_credential":{"api_key":"x"}}`, adminOnly(200)},
	"POST /v1/projects/{project_id}/check":                   {`{}`, adminOnly(200)},
	"POST /v1/projects/{project_id}/viewer-policy/check":     {`{"rule":"true"}`, operatorsFrom(200, 9)},
	"GET /v1/projects/{project_id}/api-keys":                 {"", operatorsFrom(200, 8)},
	"POST /v1/projects/{project_id}/api-keys":                {`{"name":"new"}`, adminOnly(201)},
	"GET /v1/projects/{project_id}/api-keys/count":           {"", operatorsFrom(200, 8)},
	"GET /v1/projects/{project_id}/api-keys/{api_key_id}":    {"", operatorsFrom(200, 8)},
	"PATCH /v1/projects/{project_id}/api-keys/{api_key_id}":  {`{"name":"renamed"}`, adminOnly(200)},
	"DELETE /v1/projects/{project_id}/api-keys/{api_key_id}": {"", adminOnly(204)},

	"DELETE /v1/projects/{project_id}/api-keys/{api_key_id}/tokens": {"", adminOnly(204)},

	"GET /v1/platforms": {"", operatorsFrom(200, 8)},

	"GET /v1/admin-keys":                   {"", operatorsFrom(200, 8)},
	"POST /v1/admin-keys":                  {`{"name":"new","role":"auditor"}`, adminOnly(201)},
	"DELETE /v1/admin-keys/{admin_key_id}": {"", adminOnly(204)},

	"GET /v1/audit": {"", operatorsFrom(200, 8)},

	"GET /v1/doctor":                       {"", operatorsFrom(200, 8)},
	"GET /v1/projects/{project_id}/doctor": {"", operatorsFrom(200, 8)},

	// Nothing waits here; see TestAnActWaitsForAnotherOperator.
	"GET /v1/approvals":                        {"", operatorsFrom(200, 8)},
	"POST /v1/approvals/{approval_id}/approve": {"", operatorsFrom(404, 9)},
}

const (
	publicKeys = "/jwks.json"
	media      = "POST /v1/projects/{project_id}/media/{media_id}"
	preflights = "OPTIONS /v1/projects/{project_id}/media/{media_id}"
	generation = "/v1/projects/{project_id}/signing-keys/{generation}"
)

var (
	signs   = [10]int{401, 401, 200, 200, 403, 403, 200, 200, 403, 403}
	keepers = [10]int{401, 401, 200, 403, 200, 403, 403, 401, 403, 200}
	// shown is what keepers and auditors may read.
	shown = [10]int{401, 401, 200, 403, 200, 403, 403, 401, 200, 200}
)

func always(status int) [10]int {
	return [10]int{status, status, status, status, status, status, status, status, status, status}
}

func adminOnly(status int) [10]int {
	return [10]int{401, 401, status, 403, 403, 403, 403, 401, 403, 403}
}

// operatorsFrom is a route for every role from a position of callerKinds on.
func operatorsFrom(status, from int) [10]int {
	all := adminOnly(status)
	for i := from; i < len(all); i++ {
		all[i] = status
	}
	return all
}

var variable = regexp.MustCompile(`\{(\w+):[^/]+\}`)

// routes lists every route without its patterns.
func routes() (all []string) {
	for _, route := range handlers.Routes() {
		all = append(all, variable.ReplaceAllString(route, "{$1}"))
	}
	return all
}

// target fills a route's path.
func target(route, project string) (method, path string) {
	method, path, _ = strings.Cut(route, " ")
	return method, strings.NewReplacer("{project_id}", project, "{generation}", "2", "{key_id}", "key-9",
		"{media_id}", "vid1", "{version}", sdkVersion, "{file}", "index.js", "{policy_id}", "policy-1").Replace(path)
}

func TestEveryRouteIsInTheTable(t *testing.T) {
	for _, route := range routes() {
		if _, ok := expectations[route]; !ok {
			t.Errorf("route %s: got no expectation, want one in the table", route)
		}
	}
	if len(routes()) != len(expectations) {
		t.Errorf("got %d routes, want %d as in the table", len(routes()), len(expectations))
	}
}

// credentialOf is the credential of a kind of caller.
func (d *deployment) credentialOf(kind string) string {
	return map[string]string{
		"none": "", "garbage": strings.Repeat("x", 36), "admin": adminKey, "access": accessToken, "viewer": viewerToken,
		"auditor": d.operators[projects.RoleAuditor].Value.Reveal(), "operator": d.operators[projects.RoleOperator].Value.Reveal(),
		"mint": d.keys["mint"], "keys": d.keys["keys"], "read": d.keys["read"],
	}[kind]
}

// try calls a route as a kind of caller about a project.
func (d *deployment) try(t *testing.T, route, kind string, project projects.Project) *httptest.ResponseRecorder {
	t.Helper()
	method, path := target(route, project.ID)
	list, err := d.projects.APIKeys(t.Context(), d.own.ID, projects.Page{})
	if err != nil {
		t.Fatal(err)
	}
	path = strings.ReplaceAll(path, "{api_key_id}", list.Items[0].ID)
	operator := d.operators[projects.RoleAuditor]
	if project.ID == d.own.ID { // the last, which finds the other deleted
		operator = d.operators[projects.RoleOperator]
	}
	path = strings.ReplaceAll(path, "{admin_key_id}", operator.ID)
	d.rotation.asked = ""
	return d.ask(method, path, d.credentialOf(kind), strings.ReplaceAll(expectations[route].body, "{project_id}", project.ID))
}

// unchanged reports whether a refused call has changed anything.
func (d *deployment) unchanged(t *testing.T) bool {
	t.Helper()
	list, err := d.projects.Projects(t.Context(), projects.Page{})
	if err != nil {
		t.Fatal(err)
	}
	operators, err := d.projects.AdminKeys(t.Context(), projects.Page{})
	if err != nil {
		t.Fatal(err)
	}
	n, err := d.projects.CountAPIKeys(t.Context(), d.own.ID, "")
	return d.rotation.asked == "" && len(operators.Items) >= 1 && len(list.Items) == 2 && list.Items[0].Name == "own" && n == 4 && err == nil
}

// forOther is the status that a caller gets for another caller's or a deleted
// project, given the status for their own.
func forOther(route, kind string, own int) int {
	single := strings.Contains(route, "{project_id}") || strings.Contains(expectations[route].body, "{project_id}")
	switch {
	case single && strings.HasSuffix(route, publicKeys):
		return 404 // for each caller alike, since it needs no credential
	case !single, own == 401, own == 204 && strings.HasPrefix(route, "OPTIONS"):
		return own
	case kind == "viewer":
		return 401 // a viewer belongs to one project
	case isOperator(kind) && own == 403:
		return 403 // for every project alike
	}
	return 404
}

func isOperator(kind string) bool { return kind == "admin" || kind == "auditor" || kind == "operator" }

func TestPermissions(t *testing.T) {
	for _, route := range routes() {
		c := expectations[route]
		for i, kind := range callerKinds {
			d, done := deploy(t)
			for _, project := range []projects.Project{d.gone, d.other, d.own} { // last what may succeed
				want := c.own[i]
				if project.ID == d.gone.ID || project.ID == d.other.ID && !isOperator(kind) {
					want = forOther(route, kind, want)
				}
				if project.ID == d.other.ID && isOperator(kind) {
					continue // as their own
				}
				got := d.try(t, route, kind, project)
				if got.Code != want {
					t.Errorf("%s by %s of %s: %d, want %d\n%s", route, kind, project.Name, got.Code, want, got.Body)
				}
				if got.Code >= 400 && !d.unchanged(t) {
					t.Errorf("%s by %s of %s: got a change although it was refused, want none", route, kind, project.Name)
				}
				if (got.Header().Get("WWW-Authenticate") != "") != (got.Code == 401) {
					t.Errorf("%s by %s: got WWW-Authenticate %q, want one only for 401", route, kind, got.Header().Get("WWW-Authenticate"))
				}
			}
			done()
		}
	}
}

// The response is the same whether another caller's project exists or not, and
// whether the call would be allowed for the caller's own project or not.
func TestAnotherProjectLooksLikeOneThatDoesNotExist(t *testing.T) {
	d, done := deploy(t)
	defer done()
	for _, route := range routes() {
		for _, kind := range []string{"mint", "keys", "read", "access", "viewer"} {
			var bodies []string
			for _, project := range []projects.Project{d.other, d.gone, {ID: "project_unknown"}} {
				got := d.try(t, route, kind, project)
				bodies = append(bodies, fmt.Sprint(got.Code, requestIDs.ReplaceAllString(got.Body.String(), "")))
			}
			if bodies[0][:3] >= "400" && (bodies[0] != bodies[1] || bodies[0] != bodies[2]) {
				t.Errorf("%s by %s: got different responses for other projects, want the same:\n%s%s%s", route, kind, bodies[0], bodies[1], bodies[2])
			}
		}
		d.counter.taken = map[string]int{}
	}
}

func TestAnAPIKeyIsDeletedWithItsProject(t *testing.T) {
	d, done := deploy(t)
	defer done()
	if got := d.ask("POST", "/v1/playback-tokens", d.lost, `{"video_id":"vid1"}`); got.Code != 401 {
		t.Errorf("key of a deleted project: got %s, want 401", got.Body)
	}
}

var requestIDs = regexp.MustCompile(`"request_id":"[A-Z2-7]{26}"`)

func TestEveryResponseHasAGeneratedIDAndIsNotStored(t *testing.T) {
	w, done := newWorld(t)
	defer done()
	seen := map[string]bool{}
	for _, path := range []string{"/healthz", "/readyz", "/nothing", "/v1/%2f", "/v1/rotation", "/v1/projects/default/drift"} {
		r := request("GET", path, "", "")
		r.Header.Set("X-Request-Id", "forged")
		got := w.send(r)
		id := got.Header().Get("X-Request-Id")
		if len(id) != 26 || seen[id] {
			t.Errorf("%s: got the request id %q, want a new one of 26 characters", path, id)
		}
		seen[id] = true
		if got.Code >= 400 && !strings.Contains(got.Body.String(), `"request_id":"`+id+`"`) {
			t.Errorf("%s: got the problem %s, want one with the request id", path, got.Body)
		}
		if got.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: got a response that may be stored, want Cache-Control: no-store", path)
		}
		for name := range got.Header() {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s: got the header %s, want no header that allows other pages", path, name)
			}
		}
	}
}
