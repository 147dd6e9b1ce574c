package handlers_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"playtoken/handlers"
)

// open routes answer everybody.
var open = []string{"GET /healthz", "GET /readyz"}

const because = `{"reason":"because"}`

// guarded is every other route: a good body, and the status that each kind of
// caller gets for the project default.
var guarded = map[string]struct {
	body                          string
	admin, mintKey, keysKey, read int
}{
	"POST /v1/playback-tokens":         {`{"video_id":"vid1"}`, 201, 201, 403, 403},
	"POST /v1/playback-tokens/batch":   {`{"requests":[{"video_id":"vid1"}]}`, 200, 200, 403, 403},
	"POST /v1/playback-tokens/inspect": {`{"token":"x"}`, 200, 200, 403, 403},

	"GET /v1/projects/{project_id}/signing-keys":                        {"", 200, 403, 200, 403},
	"GET /v1/projects/{project_id}/signing-keys/{generation}":           {"", 200, 403, 200, 403},
	"POST /v1/projects/{project_id}/signing-keys/{generation}/revoke":   {because, 200, 403, 200, 403},
	"POST /v1/projects/{project_id}/signing-keys/{generation}/activate": {because, 200, 403, 200, 403},
	"POST /v1/projects/{project_id}/signing-keys/{generation}/rollback": {because, 200, 403, 200, 403},
	"POST /v1/projects/{project_id}/signing-keys/{generation}/release":  {because, 200, 403, 200, 403},
	"GET /v1/projects/{project_id}/rotation":                            {"", 200, 403, 200, 403},
	"POST /v1/projects/{project_id}/rotation":                           {`{"mode":"due"}`, 200, 403, 200, 403},
	"POST /v1/rotation":                                       {`{"mode":"due"}`, 200, 403, 403, 403},
	"GET /v1/projects/{project_id}/drift":                     {"", 200, 403, 200, 403},
	"DELETE /v1/projects/{project_id}/platform-keys/{key_id}": {because, 200, 403, 200, 403},
}

var pattern = regexp.MustCompile(`\{(\w+):[^/]+\}`)

// routes lists every route without its patterns.
func routes() (all []string) {
	for _, route := range handlers.Routes() {
		all = append(all, pattern.ReplaceAllString(route, "{$1}"))
	}
	return all
}

// target fills a route's path.
func target(route, project string) (method, path string) {
	method, path, _ = strings.Cut(route, " ")
	return method, strings.NewReplacer("{project_id}", project, "{generation}", "2", "{key_id}", "key-9").Replace(path)
}

func TestEveryRouteIsInTheTable(t *testing.T) {
	for _, route := range routes() {
		if _, ok := guarded[route]; !ok && !slices.Contains(open, route) {
			t.Errorf("%s: nothing says who may call it", route)
		}
	}
	if want := len(guarded) + len(open); len(routes()) != want {
		t.Errorf("%d routes, the table has %d", len(routes()), want)
	}
}

func TestWhoMayCallWhat(t *testing.T) {
	w, done := newWorld(t)
	defer done()
	for _, route := range routes() {
		c, ok := guarded[route]
		if !ok {
			c.admin, c.mintKey, c.keysKey, c.read = 200, 200, 200, 200
		}
		denied := http.StatusUnauthorized
		if !ok {
			denied = http.StatusOK
		}
		for _, who := range []struct {
			name, key string
			want      int
		}{
			{"nobody", "", denied}, {"wrong key", strings.Repeat("x", 36), denied}, {"admin", adminKey, c.admin},
			{"mint key", apiKey, c.mintKey}, {"keys key", keysKey, c.keysKey}, {"read key", readKey, c.read},
		} {
			method, path := target(route, "default")
			w.rotation.asked = ""
			got := w.ask(method, path, who.key, c.body)
			if got.Code != who.want {
				t.Errorf("%s by %s: %d, want %d\n%s", route, who.name, got.Code, who.want, got.Body)
			}
			if got.Code >= 400 && w.rotation.asked != "" {
				t.Errorf("%s by %s was refused after it was done", route, who.name)
			}
			if (got.Header().Get("WWW-Authenticate") != "") != (got.Code == 401) {
				t.Errorf("%s by %s: WWW-Authenticate %q", route, who.name, got.Header().Get("WWW-Authenticate"))
			}
		}
	}
}

// TestAnothersProjectCannotBeToldFromNone: whether it exists or not, the
// answer is the same, for whatever would be allowed or not at home.
func TestAnothersProjectCannotBeToldFromNone(t *testing.T) {
	w, done := newWorld(t)
	defer done()
	for route, c := range guarded {
		if !strings.Contains(route, "{project_id}") && !strings.Contains(route, "playback-tokens") {
			continue
		}
		for _, key := range []string{apiKey, keysKey, readKey} {
			var bodies []string
			for _, project := range []string{"project_failing", "project_of_nobody"} {
				method, path := target(route, project)
				body := c.body
				if !strings.Contains(route, "{project_id}") && !strings.HasSuffix(route, "batch") {
					body = strings.Replace(body, "{", `{"project_id":"`+project+`",`, 1)
				}
				if strings.HasSuffix(route, "batch") {
					continue // see TestABatch
				}
				got := w.ask(method, path, key, body)
				if got.Code != http.StatusNotFound {
					t.Errorf("%s of %s: %d, want 404\n%s", route, project, got.Code, got.Body)
				}
				bodies = append(bodies, requestIDs.ReplaceAllString(got.Body.String(), ""))
			}
			if len(bodies) == 2 && bodies[0] != bodies[1] {
				t.Errorf("%s: the answers differ:\n%s%s", route, bodies[0], bodies[1])
			}
		}
	}
}

var requestIDs = regexp.MustCompile(`"request_id":"[A-Z2-7]{26}"`)

func TestEveryAnswerHasAnIdOfOursAndIsNotStored(t *testing.T) {
	w, done := newWorld(t)
	defer done()
	seen := map[string]bool{}
	for _, path := range []string{"/healthz", "/readyz", "/nothing", "/v1/%2f", "/v1/rotation", "/v1/projects/default/drift"} {
		r := request("GET", path, "", "")
		r.Header.Set("X-Request-Id", "forged")
		got := w.send(r)
		id := got.Header().Get("X-Request-Id")
		if len(id) != 26 || seen[id] {
			t.Errorf("%s: id %q", path, id)
		}
		seen[id] = true
		if got.Code >= 400 && !strings.Contains(got.Body.String(), `"request_id":"`+id+`"`) {
			t.Errorf("%s: %s", path, got.Body)
		}
		if got.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s may be stored", path)
		}
		for name := range got.Header() {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s: %s", path, name)
			}
		}
	}
}
