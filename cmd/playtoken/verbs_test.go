package main

import (
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"playtoken/handlers"
)

func TestTheVerbsAnswerAsTheAdminAPIDoes(t *testing.T) {
	t.Parallel()
	slow(t, "it waits for rotations")
	onEachStore(t, func(t *testing.T, w *deployment, _ func() []byte) {
		m := newTenancy(t, w)
		m.awaitActive()
		credential := filepath.Join(t.TempDir(), "credential")
		if err := os.WriteFile(credential, []byte(secondKey+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		var made handlers.Project
		w.must(&made, "project", "create", "--name", "third", "--platform", "gate", "--setting", "url="+m.gate, "--credential", "api_key="+credential)
		var key handlers.CreatedAPIKey
		w.must(&key, "api-key", "create", "--project", m.project, "--name", "by hand", "--scope", "mint,read")
		m.sameAnswers(made.ID, key.ID)
		m.other.as(key.Value).want(http.StatusCreated, nil, "POST /v1/playback-tokens", `{"video_id":"counter"}`)
		m.exitCodes(credential)
		w.mustBeSilent("api-key", "delete", key.ID, "--project", m.project)
		m.other.as(key.Value).seesRefused(http.StatusUnauthorized, "unauthenticated", "POST /v1/playback-tokens", `{"video_id":"counter"}`)
		m.deletesByHand(made.ID)
	})
}

// sameAnswers holds the verbs against the routes.
func (m *tenancy) sameAnswers(third, key string) {
	m.t.Helper()
	for _, c := range []struct{ args, route string }{
		{"project show " + third, "/v1/projects/" + third},
		{"project show " + m.project, m.path("")},
		{"project list --page-size 2 --sort-by name --sort-order desc", "/v1/projects?page_size=2&sort_by=name&sort_order=desc"},
		{"project count", "/v1/projects/count"},
		{"api-key list --project " + m.project, m.path("/api-keys")},
		{"api-key count --project " + m.project, m.path("/api-keys/count")},
		{"api-key show --project " + m.project + " " + key, m.path("/api-keys/" + key)},
	} {
		var verb, api any
		m.must(&verb, strings.Fields(c.args)...)
		m.admin.want(http.StatusOK, &api, "GET "+c.route, "")
		if !reflect.DeepEqual(withoutCursors(verb), withoutCursors(api)) {
			m.t.Errorf("%s: %v\nover HTTP: %v", c.args, verb, api)
		}
	}
	for _, c := range []struct{ args, route, body string }{
		{"project update " + third + " --name fourth", "/v1/projects/" + third, `{"name":"fourth"}`},
		{"api-key update --project " + m.project + " --scope mint --name again " + key, m.path("/api-keys/" + key), `{"name":"again","scopes":["mint"]}`},
	} {
		var verb, api map[string]any
		m.must(&verb, strings.Fields(c.args)...)
		m.admin.want(http.StatusOK, &api, "PATCH "+c.route, c.body)
		delete(verb, "updated_at")
		delete(api, "updated_at")
		if !reflect.DeepEqual(verb, api) {
			m.t.Errorf("%s: %v\nover HTTP: %v", c.args, verb, api)
		}
	}
}

// withoutCursors is an answer without what is sealed anew each time.
func withoutCursors(answer any) any {
	list, ok := answer.(map[string]any)
	if !ok || list["links"] == nil {
		return answer
	}
	for _, link := range list["links"].([]any) {
		to := link.(map[string]any)
		to["href"], _, _ = strings.Cut(to["href"].(string), "&cursor=")
	}
	return list
}

func (m *tenancy) exitCodes(credential string) {
	m.t.Helper()
	const unknown = "project_aaaaaaaaaaaaaaaaaaaaaaaaaa"
	for _, c := range []struct {
		args string
		code int
	}{
		{"project show " + unknown, exitFailed},
		{"project delete " + unknown, exitFailed},
		{"project update " + unknown + " --name x", exitFailed},
		{"api-key show --project " + m.project + " api_key_aaaaaaaaaaaaaaaaaaaaaaaaaa", exitFailed},
		{"api-key create --name x --project " + unknown, exitFailed},
		{"api-key list --project " + unknown, exitFailed},
		{"project create --platform vidbeo", exitUsage},
		{"project create --name x --platform vidbeo", exitUsage},
		{"project create --name x --platform none --credential api_key=" + credential, exitUsage},
		{"project create --name x --platform vidbeo --credential api_key=/nowhere", exitUsage},
		{"project create --name x --platform vidbeo --setting colour=red --credential api_key=" + credential, exitUsage},
		{"project update " + m.project + " --setting url=ftp://x", exitUsage},
		{"project list --page-size 101", exitUsage},
		{"project list --sort-by id", exitUsage},
		{"project list --cursor x", exitUsage},
		{"api-key create --project " + m.project + " --name x --scope all", exitUsage},
		{"api-key create --project " + m.project, exitUsage},
		{"project delete " + m.project, exitRefused},
		{"project delete default --revoke", exitRefused},
		{"project update " + m.project + " --setting url=" + m.deployment.gate.URL + " --credential api_key=" + credential, exitRefused},
	} {
		r := m.run(strings.Fields(c.args)...)
		if r.code != c.code || r.stderr == "" {
			m.t.Errorf("%s: exit %d, want %d: %s%s", c.args, r.code, c.code, r.stdout, r.stderr)
		}
		if shows(r.stdout+r.stderr, secondKey) {
			m.t.Errorf("%s: shows the credential", c.args)
		}
	}
}

// mustBeSilent carries out a command line whose success says nothing.
func (w *deployment) mustBeSilent(args ...string) {
	w.t.Helper()
	if r := w.run(args...); r.code != exitDone || r.stdout != "" {
		w.t.Errorf("%q: exit %d, %s%s", args, r.code, r.stdout, r.stderr)
	}
}

func (m *tenancy) deletesByHand(third string) {
	m.t.Helper()
	for _, id := range []string{m.project, third} {
		eventually(m.t, patience, func() error { // a rotation may be in the middle of a key
			r := m.run("project", "delete", id, "--revoke")
			if r.code != exitDone && r.code != exitRefused {
				m.t.Fatalf("delete %s: exit %d, %s", id, r.code, r.stderr)
			}
			return r.unless(r.code == exitDone)
		})
		m.admin.refused(http.StatusNotFound, "not_found", "GET /v1/projects/"+id, "")
	}
}
