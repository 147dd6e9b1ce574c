package main

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"playtoken/vaultkeys"
)

// act is a verb and the route that does the same. Both are tried, the verb on
// one project and the route on its twin: {P} is the project's id, {TOKEN} a
// token of it, {FOREIGN} a key at its platform that is not ours.
type act struct {
	verb  string
	route string
	body  string
	want  int // status of the route
}

// acts change the twins step by step, so their order matters.
var acts = []act{
	{verb: "rotate --project {P} --dry-run", route: "GET /v1/projects/{P}/rotation", want: 200},
	{verb: "token mint counter --project {P}", route: "POST /v1/playback-tokens", body: `{"project_id":"{P}","video_id":"counter"}`, want: 503},
	{verb: "rotate --project {P} --reason first", route: "POST /v1/projects/{P}/rotation", body: `{"reason":"first"}`, want: 200},
	{verb: "rotate --project {P}", route: "POST /v1/projects/{P}/rotation", body: `{"mode":"due"}`, want: 200},
	{verb: "rotate --project {P} --dry-run", route: "GET /v1/projects/{P}/rotation", want: 200},
	{verb: "rotate --reason all", route: "POST /v1/rotation", body: `{"mode":"due","reason":"all"}`, want: 200},
	{verb: "rotate --dry-run", route: "GET /v1/rotation", want: 200},
	{verb: "keys list --project {P}", route: "GET /v1/projects/{P}/signing-keys", want: 200},
	{verb: "keys show 1 --project {P}", route: "GET /v1/projects/{P}/signing-keys/1", want: 200},
	{verb: "keys export 1 --project {P}", route: "GET /v1/projects/{P}/signing-keys/1", want: 200},
	{verb: "keys show 99 --project {P}", route: "GET /v1/projects/{P}/signing-keys/99", want: 404},
	{verb: "keys list --project nowhere", route: "GET /v1/projects/nowhere/signing-keys", want: 404},

	{verb: "token mint counter --project {P} --expires-in 4m", route: "POST /v1/playback-tokens", body: `{"project_id":"{P}","video_id":"counter","expires_in":240}`, want: 201},
	{verb: "token mint counter --project {P} --expires-in 1h", route: "POST /v1/playback-tokens", body: `{"project_id":"{P}","video_id":"counter","expires_in":3600}`, want: 422},
	{verb: "token mint no/video --project {P}", route: "POST /v1/playback-tokens", body: `{"project_id":"{P}","video_id":"no/video"}`, want: 422},
	{verb: "token mint * --project {P}", route: "POST /v1/playback-tokens", body: `{"project_id":"{P}","video_id":"*"}`, want: 403},
	{verb: "token mint counter --project nowhere", route: "POST /v1/playback-tokens", body: `{"project_id":"nowhere","video_id":"counter"}`, want: 404},
	{verb: "token inspect {TOKEN} --project {P}", route: "POST /v1/playback-tokens/inspect", body: `{"project_id":"{P}","token":"{TOKEN}"}`, want: 200},
	{verb: "token inspect x.y.z --project {P} --video other", route: "POST /v1/playback-tokens/inspect", body: `{"project_id":"{P}","token":"x.y.z","video_id":"other"}`, want: 200},

	{verb: "rotate --project {P} --now --reason drill", route: "POST /v1/projects/{P}/rotation", body: `{"mode":"now","reason":"drill"}`, want: 200},
	{verb: "keys rollback 1 --project {P} --reason back", route: "POST /v1/projects/{P}/signing-keys/1/rollback", body: `{"reason":"back"}`, want: 200},
	{verb: "keys rollback 3 --project {P} --reason no", route: "POST /v1/projects/{P}/signing-keys/3/rollback", body: `{"reason":"no"}`, want: 409},
	{verb: "keys activate 3 --project {P} --reason on", route: "POST /v1/projects/{P}/signing-keys/3/activate", body: `{"reason":"on"}`, want: 200},
	{verb: "keys release 3 --project {P} --reason no", route: "POST /v1/projects/{P}/signing-keys/3/release", body: `{"reason":"no"}`, want: 409},
	{verb: "keys confirm 3 --project {P} --reason no", route: "POST /v1/projects/{P}/signing-keys/3/confirm", body: `{"reason":"no"}`, want: 409},
	{verb: "keys confirm 1 --removed --project {P} --reason no", route: "POST /v1/projects/{P}/signing-keys/1/confirm", body: `{"reason":"no","removed":true}`, want: 409},
	{verb: "keys confirm 3 --project {P} --reason no --key-id other", route: "POST /v1/projects/{P}/signing-keys/3/confirm", body: `{"reason":"no","key_id":"other"}`, want: 409},
	{verb: "keys revoke 1 --project {P} --dry-run", route: "GET /v1/projects/{P}/signing-keys/1/revoke", want: 200},
	{verb: "keys revoke 99 --project {P} --dry-run", route: "GET /v1/projects/{P}/signing-keys/99/revoke", want: 404},
	{verb: "keys revoke 1 --project {P} --reason stolen", route: "POST /v1/projects/{P}/signing-keys/1/revoke", body: `{"reason":"stolen"}`, want: 200},
	{verb: "sessions end --viewer ann --project {P} --reason left", route: "POST /v1/projects/{P}/sessions/end", body: `{"viewer":"ann","reason":"left"}`, want: 200},
	{verb: "sessions end --generation 9 --project {P} --reason no", route: "POST /v1/projects/{P}/sessions/end", body: `{"generation":9,"reason":"no"}`, want: 404},
	{verb: "keys remove-unmanaged nothing --project {P} --reason no", route: "DELETE /v1/projects/{P}/platform-keys/nothing", body: `{"reason":"no"}`, want: 404},
	{verb: "keys remove-unmanaged arn:aws:ivs:1:playback-key/abc --project {P} --reason no", route: "DELETE /v1/projects/{P}/platform-keys/arn:aws:ivs:1:playback-key/abc",
		body: `{"reason":"no"}`, want: 404},
	{verb: "keys remove-unmanaged {FOREIGN} --project {P} --reason old", route: "DELETE /v1/projects/{P}/platform-keys/{FOREIGN}", body: `{"reason":"old"}`, want: 200},

	{verb: "project update {P} --from {BODY}", route: "PATCH /v1/projects/{P}", body: `{"token_policy":{"audit_mints":true}}`, want: 200},
	{verb: "token mint counter --project {P}", route: "POST /v1/playback-tokens", body: `{"project_id":"{P}","video_id":"counter"}`, want: 201},
	{verb: "project update {P} --from {BODY}", route: "PATCH /v1/projects/{P}", body: `{"viewer_policy":{"rule":"false"},"token_policy":{"audit_mints":true}}`, want: 200},
	{verb: "token mint counter --project {P}", route: "POST /v1/playback-tokens", body: `{"project_id":"{P}","video_id":"counter"}`, want: 403},
	{verb: "project update {P} --from {BODY}", route: "PATCH /v1/projects/{P}", body: `{"viewer_policy":{"rule":"","webhook":{"url":"{HOOK}"},"webhook_secret":"whsec_c2VjcmV0LWZvci10ZXN0cy0wMTIzNDU2Nzg5YWI="}}`, want: 200},
	{verb: "token mint counter --project {P}", route: "POST /v1/playback-tokens", body: `{"project_id":"{P}","video_id":"counter"}`, want: 403},

	{verb: "api-key create --project {P} --name x --scope mint", route: "POST /v1/projects/{P}/api-keys", body: `{"name":"x","scopes":["mint"]}`, want: 201},
	{verb: "api-key create --project {P} --name x --scope all", route: "POST /v1/projects/{P}/api-keys", body: `{"name":"x","scopes":["all"]}`, want: 400},
	{verb: "api-key create --project {P} --name x --description d --expires-at 2100-01-01T00:00:00Z --video a,b* --network 192.0.2.0/24", route: "POST /v1/projects/{P}/api-keys",
		body: `{"name":"x","description":"d","expires_at":"2100-01-01T00:00:00Z","videos":["a","b*"],"networks":["192.0.2.0/24"]}`, want: 201},
	{verb: "api-key create --project {P} --name x --network 192.0.2.1/24", route: "POST /v1/projects/{P}/api-keys", body: `{"name":"x","networks":["192.0.2.1/24"]}`, want: 400},
	{verb: "api-key end-tokens api_key_no --project {P}", route: "DELETE /v1/projects/{P}/api-keys/api_key_no/tokens", want: 404},
	{verb: "api-key count --project {P}", route: "GET /v1/projects/{P}/api-keys/count", want: 200},
	{verb: "api-key list --project {P}", route: "GET /v1/projects/{P}/api-keys", want: 200},
	{verb: "api-key show api_key_no --project {P}", route: "GET /v1/projects/{P}/api-keys/api_key_no", want: 404},
	{verb: "api-key update api_key_no --project {P} --name y", route: "PATCH /v1/projects/{P}/api-keys/api_key_no", body: `{"name":"y"}`, want: 404},
	{verb: "api-key delete api_key_no --project {P}", route: "DELETE /v1/projects/{P}/api-keys/api_key_no", want: 404},

	{verb: "admin-key create --name x --role root", route: "POST /v1/admin-keys", body: `{"name":"x","role":"root"}`, want: 400},
	{verb: "admin-key create --name x --role auditor --expires-at 2100-01-01T00:00:00Z", route: "POST /v1/admin-keys", body: `{"name":"x","role":"auditor","expires_at":"2100-01-01T00:00:00Z"}`, want: 201},
	{verb: "admin-key list", route: "GET /v1/admin-keys", want: 200},
	{verb: "admin-key delete admin_key_no --reason left", route: "DELETE /v1/admin-keys/admin_key_no", body: `{"reason":"left"}`, want: 404},
	{verb: "admin-key delete admin", route: "DELETE /v1/admin-keys/admin", want: 409},

	{verb: "operator end-sessions operator_no --reason left", route: "POST /v1/operators/operator_no/sessions/end", body: `{"reason":"left"}`, want: 404},
	{verb: "operator end-sessions operator_aaaaaaaaaaaaaaaaaaaaaaaaaa --reason left", route: "POST /v1/operators/operator_aaaaaaaaaaaaaaaaaaaaaaaaaa/sessions/end", body: `{"reason":"left"}`, want: 204},
	{verb: "audit list --project {P} --limit 0", route: "GET /v1/audit?project_id={P}&limit=0", want: 400},
	{verb: "audit list --actor admin --action rotation --cursor x", route: "GET /v1/audit?actor=admin&action=rotation&cursor=x", want: 400},
	{verb: "platforms", route: "GET /v1/platforms", want: 200},
	{verb: "approvals list", route: "GET /v1/approvals", want: 200},
	{verb: "approvals approve approval_no --reason seen", route: "POST /v1/approvals/approval_no/approve", body: `{"reason":"seen"}`, want: 404},

	{verb: "project create --name x --platform nowhere", route: "POST /v1/projects", body: `{"name":"x","platform":"nowhere"}`, want: 400},
	{verb: "project check {P}", route: "POST /v1/projects/{P}/check", body: `{}`, want: 200},
	{verb: "project check --platform nowhere", route: "POST /v1/projects/check", body: `{"platform":"nowhere"}`, want: 400},
	{verb: "project show {P}", route: "GET /v1/projects/{P}", want: 200},
	{verb: "project list --name none", route: "GET /v1/projects?name=none", want: 200},
	{verb: "project count", route: "GET /v1/projects/count", want: 200},
	{verb: "project delete {P} --reason over", route: "DELETE /v1/projects/{P}", body: `{"reason":"over"}`, want: 409},
	{verb: "project delete {P} --revoke", route: "DELETE /v1/projects/{P}?revoke=true", want: 204},
	{verb: "rotate --project {P}", route: "POST /v1/projects/{P}/rotation", body: `{}`, want: 404},
}

// withoutRoute are the verbs that are not a request to the API.
var withoutRoute = []string{
	"serve", "gate", "gate check", "demo", "audit verify", "vault setup", "vault policy", "doctor", "settings", "version",
	"login", "logout", "store rekey", "store backup", "completion", "man", "keys fetch",
}

// withoutVerb are the routes that no verb has.
var withoutVerb = regexp.MustCompile(`^(GET|POST) (/healthz|/readyz|/metrics|/openapi\.json|/sdk/\{version\}/\{file\}|/\.well-known/jwks\.json|.*/jwks\.json|(/v1)?/auth/.*|/v1/playback-tokens/batch|.*/media/.*|.*/drift|.*/doctor|.*/viewer-policy/check)$`)

// TestEveryVerbIsItsRoute: a verb has the permission, the rules, the webhook, the
// record and the outcome of its route, on both stores.
func TestEveryVerbIsItsRoute(t *testing.T) {
	t.Parallel()
	onEachStore(t, func(t *testing.T, w *deployment, _ func() []byte) {
		d := newDoors(t, w)
		for _, a := range acts {
			d.compare(a)
		}
	}, "PLAYTOKEN_PROPAGATION_DELAY=0s", "PLAYTOKEN_OBSERVE_EVERY=1h", "PLAYTOKEN_CLOCK_SKEW=5s", "PLAYTOKEN_PRIVATE_TARGETS=127.0.0.0/8",
		"PLAYTOKEN_OPERATOR_ISSUER=https://login.example.com", "PLAYTOKEN_OPERATOR_CLIENT_ID=x", `PLAYTOKEN_OPERATOR_ROLES="admin"`, "PLAYTOKEN_URL=https://tokens.example.com")
}

// TestAProcessThatMayOnlySignIsRefusedByEitherDoor: the store's rights hold for
// the local operator, too.
func TestAProcessThatMayOnlySignIsRefusedByEitherDoor(t *testing.T) {
	t.Parallel()
	w := newVaultDeployment(t)
	w.environ = w.as(vaultkeys.Rotator)
	d := newDoors(t, w.deployment)
	d.environ = w.as(vaultkeys.Signer)
	for _, a := range []act{
		{verb: "rotate --project {P}", route: "POST /v1/projects/{P}/rotation", body: `{}`, want: 403},
		{verb: "keys revoke 1 --project {P} --reason stolen", route: "POST /v1/projects/{P}/signing-keys/1/revoke", body: `{"reason":"stolen"}`, want: 403},
	} {
		d.compare(a)
	}
}

// TestEveryVerbAndRouteIsCompared: a new verb is a request to the API, or it is
// listed as one that is not; a new route has a verb, or is listed.
func TestEveryVerbAndRouteIsCompared(t *testing.T) {
	compared, routes := map[string]bool{}, map[string]bool{}
	for _, a := range acts {
		compared[verbOf(t, a.verb)] = true
		routes[templateOf(a.route)] = true
	}
	var walk func(cmd *cobra.Command, path string)
	walk = func(cmd *cobra.Command, path string) {
		for _, sub := range cmd.Commands() {
			name := strings.TrimSpace(path + " " + sub.Name())
			walk(sub, name)
			if sub.HasSubCommands() || compared[name] || slices.Contains(withoutRoute, name) {
				continue
			}
			t.Errorf("the verb %q has no act that compares it with its route", name)
		}
	}
	walk(newApp(process{}).command(), "")
	for _, route := range documentedRoutes(t) {
		if !routes[route] && !withoutVerb.MatchString(route) {
			t.Errorf("the route %s has no act that compares it with its verb", route)
		}
	}
}

// verbOf is the verb of a command line.
func verbOf(t *testing.T, line string) string {
	t.Helper()
	cmd, _, err := newApp(process{}).command().Find(strings.Fields(line))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(cmd.CommandPath(), "playtoken ")
}

// templateOf replaces the ids in the route of an act.
func templateOf(route string) string {
	route, _, _ = strings.Cut(route, "?")
	for _, form := range [][2]string{
		{`/projects/(\{P\}|nowhere)`, "/projects/{project_id}"}, {`/signing-keys/\d+`, "/signing-keys/{generation}"},
		{`/platform-keys/.+`, "/platform-keys/{key_id}"}, {`/api-keys/api_key_no`, "/api-keys/{api_key_id}"},
		{`/admin-keys/.+`, "/admin-keys/{admin_key_id}"}, {`/approvals/[^/]+/`, "/approvals/{approval_id}/"}, {`/operators/[^/]+/`, "/operators/{operator_id}/"},
	} {
		route = regexp.MustCompile(form[0]).ReplaceAllString(route, form[1])
	}
	return route
}

// documentedRoutes are those of the API's document.
func documentedRoutes(t *testing.T) (routes []string) {
	t.Helper()
	text, err := os.ReadFile("../../handlers/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Paths map[string]map[string]any `json:"paths"`
	}
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	for path, methods := range document.Paths {
		for _, method := range slices.Sorted(maps.Keys(methods)) {
			if slices.Contains([]string{"get", "post", "patch", "delete"}, method) {
				routes = append(routes, strings.ToUpper(method)+" "+path)
			}
		}
	}
	return routes
}
