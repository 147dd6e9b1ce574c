package service

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"playtoken/settings"
)

// admin makes requests with the admin key.
type admin struct {
	t       *testing.T
	handler http.Handler
}

func adminOf(t *testing.T, s *Service) admin {
	t.Helper()
	return admin{t, s.LocalHandler()} // which limits no caller
}

// want makes a request that has to end with this status, and returns the body.
func (a admin) want(status int, route, body string) (answer map[string]any) {
	a.t.Helper()
	got := a.ask(route, body)
	if err := json.Unmarshal(got.Body.Bytes(), &answer); err != nil || got.Code != status {
		a.t.Fatalf("%s %s: got %d %s, want %d", route, body, got.Code, got.Body, status)
	}
	return answer
}

func (a admin) ask(route, body string) *httptest.ResponseRecorder {
	method, path, _ := strings.Cut(route, " ")
	r := httptest.NewRequestWithContext(a.t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.SetBasicAuth(adminKey, "")
	got := httptest.NewRecorder()
	a.handler.ServeHTTP(got, r)
	return got
}

// vidbeoAt is a project on vidbeo whose address is a gate's.
func vidbeoAt(gate, credential string, templates ...string) string {
	set := fmt.Sprintf(`"url":%q`, gate+"/v2")
	for _, name := range templates {
		set += fmt.Sprintf(`,"%s_url":"%s/{video_id}?%[1]s&jwt={token}"`, name, gate)
	}
	return fmt.Sprintf(`{"name":"x","platform":"vidbeo","platform_settings":{%s},"platform_credential":{"api_key":%q}}`, set, credential)
}

func TestAVidbeoProjectAtAGateIsRefusedWhenItIsSaved(t *testing.T) {
	at := startGate(t)
	a := adminOf(t, open(t, environ(t, at), Options{}))
	for _, body := range []string{vidbeoAt(at, gateKey), vidbeoAt(at, "another-credential"), vidbeoAt(at, gateKey, "landing", "embed")} {
		if got := fmt.Sprint(a.want(400, "POST /v1/projects", body)); !strings.Contains(got, "platform") || !strings.Contains(got, "make it gate") {
			t.Errorf("%s: got %s, want the platform to be named, and the right one", body, got)
		}
	}
	made := a.want(201, "POST /v1/projects", vidbeoAt(at, gateKey, "landing", "embed", "hls"))
	path := "/v1/projects/" + made["project_id"].(string)
	a.want(400, "PATCH "+path, `{"platform_settings":{"hls_url":null}}`)
	a.want(200, "PATCH "+path, `{"name":"y"}`)
}

func TestAVidbeoProjectBecomesOneAtTheGate(t *testing.T) {
	at, other := startGate(t), startGate(t)
	a := adminOf(t, open(t, environ(t, at, "PLAYTOKEN_PROPAGATION_DELAY=0s"), Options{})) // so that a key is active at once
	path := "/v1/projects/" + a.want(201, "POST /v1/projects", vidbeoAt(at, gateKey, "landing", "embed", "hls"))["project_id"].(string)
	change := func(gate, credential string) string {
		return fmt.Sprintf(`{"platform":"gate","platform_settings":{"url":%q,"landing_url":null,"embed_url":null,"hls_url":null}%s}`, gate, credential)
	}
	credential := fmt.Sprintf(`,"platform_credential":{"api_key":%q}`, gateKey)
	a.want(409, "PATCH "+path, change(at, credential)) // no key is active yet
	a.want(200, "POST "+path+"/rotation", `{}`)
	before := a.want(200, "GET "+path+"/signing-keys", "")

	a.want(400, "PATCH "+path, change(at, ""))
	a.want(400, "PATCH "+path, change(at+"/v2", credential))
	a.want(400, "PATCH "+path, `{"platform":"jwplayer","platform_settings":{"url":null},"platform_credential":{"signing_secret":"x"}}`)
	a.want(400, "PATCH "+path, `{"platform":"nowhere"}`)
	a.want(409, "PATCH "+path, change(other, credential))

	made := a.want(200, "PATCH "+path, change(at, credential))
	if can, ok := made["capabilities"].(map[string]any); !ok || can["ends_sessions"] != true {
		t.Errorf("got the capabilities %v, want ends_sessions", made["capabilities"])
	}
	if after := a.want(200, "GET "+path+"/signing-keys", ""); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("got the keys %v, want those from before: %v", after, before)
	}
	id := strings.TrimPrefix(path, "/v1/projects/")
	mint := fmt.Sprintf(`{"project_id":%q,"video_id":"counter","viewer":{"id":"ann"}}`, id)
	for a.ask("POST /v1/playback-tokens", mint).Code == 422 && t.Context().Err() == nil { // until the view of the project is too old
	}
	token := a.want(201, "POST /v1/playback-tokens", mint)
	resp, err := http.Get(token["urls"].(map[string]any)["hls"].(string))
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("the token's URL: %v, %v; want 200", resp, err)
	}
	resp.Body.Close()
	a.want(200, "POST "+path+"/sessions/end", `{"viewer":"ann","reason":"test"}`)
	a.want(400, "PATCH "+path, fmt.Sprintf(`{"platform":"vidbeo","platform_settings":{"url":%q}%s}`, at+"/v2", credential))
}

// TestTheDefaultProjectBecomesOneAtTheGate: its platform is what the environment
// says, and its keys stay.
func TestTheDefaultProjectBecomesOneAtTheGate(t *testing.T) {
	at := startGate(t)
	env := environ(t, at, "PLAYTOKEN_PROPAGATION_DELAY=0s") // so that the first rotation has nothing left to do
	old := append(env, "PLAYTOKEN_PLATFORM=vidbeo", "PLAYTOKEN_PLATFORM_URL="+at+"/v2")
	a := adminOf(t, open(t, old, Options{}))
	a.want(200, "POST /v1/projects/default/rotation", `{}`)
	before := a.want(200, "GET /v1/projects/default/signing-keys", "")
	a.want(422, "POST /v1/projects/default/sessions/end", `{"all":true,"reason":"test"}`)

	b := adminOf(t, open(t, env, Options{}))
	if got := b.want(200, "POST /v1/projects/default/rotation", `{}`); got["refused"] != nil {
		t.Errorf("got the rotation %v, want none that is refused", got)
	}
	if after := b.want(200, "GET /v1/projects/default/signing-keys", ""); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("got the keys %v, want those from before: %v", after, before)
	}
	b.want(200, "POST /v1/projects/default/sessions/end", `{"all":true,"reason":"test"}`)
}

func TestTheLogNamesProjectsOnTheWrongPlatform(t *testing.T) {
	at := startGate(t)
	for platform, want := range map[string]bool{"vidbeo": true, "gate": false} {
		env := append(environ(t, at), "PLAYTOKEN_PLATFORM="+platform)
		if platform == "vidbeo" {
			env = append(env, "PLAYTOKEN_PLATFORM_URL="+at+"/v2")
		}
		set, err := settings.ForService(env)
		if err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		s, err := Open(t.Context(), set, Options{CreateStore: true, Stderr: io.Discard, Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		s.WarnOfMistakes(t.Context())
		s.Close()
		if got := strings.Contains(log.String(), "right=gate"); got != want {
			t.Errorf("on %s: got the log %q, want a warning: %t", platform, &log, want)
		}
	}
}
