package handlers_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// problem is the body of an error response.
type problem struct {
	Type, Title, Detail, Code string
	Status                    int
	RetryAfter                int    `json:"retry_after"`
	EarliestAt                string `json:"earliest_at"`
	Errors                    []struct{ Field, Detail string }
}

func problemOf(t *testing.T, got *httptest.ResponseRecorder) (p problem) {
	t.Helper()
	if kind := got.Header().Get("Content-Type"); kind != "application/problem+json" {
		t.Errorf("got Content-Type %q of %s, want application/problem+json", kind, got.Body)
	}
	if err := json.Unmarshal(got.Body.Bytes(), &p); err != nil {
		t.Errorf("got the error %v in %s, want a problem in JSON", err, got.Body)
	}
	if p.Status != got.Code || p.Title == "" || p.Type == "" || p.Detail == "" || p.Code == "" {
		t.Errorf("got the problem %s, want status, title, type, detail and code", got.Body)
	}
	return p
}

const mint, batch, rotate, inspect = "/v1/playback-tokens", "/v1/playback-tokens/batch", "/v1/projects/default/rotation", "/v1/playback-tokens/inspect"

var tooLong = strings.Repeat("x", 64<<10)

// bodies are requests and the responses to them.
var bodies = []struct {
	path, body  string
	status      int
	code, field string // field: of errors[0]
	detail      string // a part of it
}{
	{mint, `{"video_id":"vid1"}`, 201, "", "", ""},
	{mint, " \r\n\t" + `{"video_id":"vid1","expires_in":60,"viewer":{"id":"u"},"claims":{"plan":"a"},"project_id":"default"}` + "\n", 201, "", "", ""},
	{mint, `{"video_id":"vid1","expires_in":null,"viewer":null,"claims":null}`, 201, "", "", ""},

	{mint, ``, 400, "invalid_request", "", "not a JSON object"},
	{mint, `null`, 400, "invalid_request", "", "not a JSON object"},
	{mint, `[]`, 400, "invalid_request", "", "not a JSON object"},
	{mint, `"x"`, 400, "invalid_request", "", "not a JSON object"},
	{mint, `{}`, 400, "invalid_request", "video_id", "is required"},
	{mint, `{"video_id":null}`, 400, "invalid_request", "video_id", "is required"},
	{mint, `{"video_id":"vid1"`, 400, "invalid_request", "", "invalid JSON at byte 18"},
	{mint, `{"video_id":"vid1"}{}`, 400, "invalid_request", "", "invalid JSON at byte 19"},
	{mint, `{"video_id":"vid1"} x`, 400, "invalid_request", "", "invalid JSON at byte 20"},
	{mint, `{"video_id":"vid1",}`, 400, "invalid_request", "", "invalid JSON at byte 18"},
	{mint, `{"video_id":"vid1","video_id":"vid2"}`, 400, "invalid_request", "video_id", "appears twice"},
	{mint, `{"video_id":"vid1","VIDEO_ID":"vid2"}`, 400, "invalid_request", "VIDEO_ID", "unknown field; names are case-sensitive"},
	{mint, `{"Video_id":"vid1"}`, 400, "invalid_request", "Video_id", "unknown field; names are case-sensitive"},
	{mint, `{"video_id":"vid1","ttl":5}`, 400, "invalid_request", "ttl", "unknown field; names are case-sensitive"},
	{mint, `{"video_id":"vid1","a` + "\u202e" + `":5}`, 400, "invalid_request", "a\ufffd", "unknown field; names are case-sensitive"},
	{mint, `{"video_id":"vid1","viewer":{"uid":"x"}}`, 400, "invalid_request", "viewer.uid", "unknown field; names are case-sensitive"},
	{mint, `{"video_id":"vid1","viewer":{"id":"x","id":"y"}}`, 400, "invalid_request", "viewer.id", "appears twice"},
	{mint, `{"video_id":"vid1","claims":{"plan":1,"plan":2}}`, 400, "invalid_request", "claims.plan", "appears twice"},
	{mint, `{"video_id":5}`, 400, "invalid_request", "video_id", "must be a string"},
	{mint, `{"video_id":"vid1","claims":[]}`, 400, "invalid_request", "claims", "must be an object"},
	{mint, `{"video_id":"vid1","viewer":"x"}`, 400, "invalid_request", "viewer", "must be an object"},
	{mint, `{"video_id":"vid1","viewer":{"ip":"1.2.3"}}`, 400, "invalid_request", "viewer.ip", "not an IP address"},
	{mint, `{"video_id":"vid1","viewer":{"id":"a\nb"}}`, 400, "invalid_request", "viewer.id", "without control characters"},
	{mint, "{\"video_id\":\"vid\xff\"}", 400, "invalid_request", "", "invalid JSON at byte"},
	{mint, `{"video_id":"\ud800"}`, 400, "invalid_request", "", "invalid JSON at byte"},
	{mint, `{"video_id":"` + tooLong + `"}`, 413, "payload_too_large", "", "65536"},
	{mint, `{"video_id":"vid1"}` + strings.Repeat(" ", 64<<10-19), 201, "", "", ""},
	{mint, `{"video_id":"vid1"}` + strings.Repeat(" ", 64<<10-18), 413, "payload_too_large", "", "65536"},
	{mint, `{"claims":` + strings.Repeat("[", 20_000), 400, "invalid_request", "", ""},
	{mint, `{"video_id":"vid1","claims":{"plan":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}}`, 422, "claim_not_allowed", "", "nested"},

	{batch, `{}`, 400, "invalid_request", "requests", "0 requests"},
	{batch, `{"requests":[]}`, 400, "invalid_request", "requests", "0 requests"},
	{batch, `{"requests":{}}`, 400, "invalid_request", "requests", "must be a list"},
	{batch, `{"requests":[{},{"x":1}]}`, 400, "invalid_request", "requests.1.x", "unknown field; names are case-sensitive"},
	{batch, `{"requests":[` + strings.Repeat(`{},`, 100) + `{}]}`, 400, "invalid_request", "requests", "101 requests"},

	{inspect, `{}`, 400, "invalid_request", "token", "is required"},
	{inspect, `{"token":"x","at":"yesterday"}`, 400, "invalid_request", "at", `a time like "2026`},
	{inspect, `{"token":"x","at":5}`, 400, "invalid_request", "at", `a time like "2026`},

	{rotate, `{"mode":"NOW"}`, 400, "invalid_request", "mode", `"due"`},
	{rotate, `{"mode":"replace_lost"}`, 400, "invalid_request", "reason", "is required"},
	{rotate, `{"mode":"now","reason":"a\u0000"}`, 400, "invalid_request", "reason", "control"},
}

func TestBodiesAreReadStrictly(t *testing.T) {
	w, done := newWorld(t)
	defer done()
	for _, c := range bodies {
		got := w.ask("POST", c.path, adminKey, c.body)
		if c.body == "" {
			r := request("POST", c.path, adminKey, "")
			r.Header.Set("Content-Type", "application/json")
			got = w.send(r)
		}
		if got.Code != c.status {
			t.Errorf("%.80s: %d, want %d\n%s", c.body, got.Code, c.status, got.Body)
			continue
		}
		if c.status < 400 {
			continue
		}
		p := problemOf(t, got)
		if p.Code != c.code || !strings.Contains(p.Detail, c.detail) {
			t.Errorf("%.80s: got %s, want code %s and a detail with %q", c.body, got.Body, c.code, c.detail)
		}
		if c.field != "" && (len(p.Errors) == 0 || p.Errors[0].Field != c.field || !strings.Contains(p.Detail, c.field)) {
			t.Errorf("%.80s: names %v, want %q", c.body, p.Errors, c.field)
		}
	}
}

func TestLifetimesInRequests(t *testing.T) {
	w, done := newWorld(t)
	defer done()
	for value, want := range map[string]string{
		"1": "", "3600": "", "null": "",
		"3601": "ttl_out_of_range", "0": "ttl_out_of_range", "-1": "ttl_out_of_range", "9223372036": "ttl_out_of_range",
		"9223372037": "ttl_out_of_range", "9223372036854775807": "ttl_out_of_range",
		"9223372036854775808": "invalid_request", "1e300": "invalid_request", "1e2": "invalid_request",
		"60.0": "invalid_request", "0.5": "invalid_request", `"60"`: "invalid_request", `""`: "invalid_request",
		"true": "invalid_request", "[60]": "invalid_request", "{}": "invalid_request", "-0": "ttl_out_of_range",
		"NaN": "invalid_request", "0x10": "invalid_request", "060": "invalid_request",
	} {
		got := w.ask("POST", "/v1/playback-tokens", apiKey, `{"video_id":"vid1","expires_in":`+value+`}`)
		if want == "" {
			if got.Code != 201 {
				t.Errorf("lifetime %s: got %s, want 201", value, got.Body)
			}
			continue
		}
		status := map[string]int{"ttl_out_of_range": 422, "invalid_request": 400}[want]
		if p := problemOf(t, got); p.Code != want || got.Code != status {
			t.Errorf("%s: %s, want %s", value, got.Body, want)
		}
		if want == "ttl_out_of_range" && !strings.Contains(got.Body.String(), "1 to 3600 whole seconds") {
			t.Errorf("lifetime %s: got %s, want the range named", value, got.Body)
		}
	}
}

func TestABodyThatIsNotPlainJSONIsRefused(t *testing.T) {
	w, done := newWorld(t)
	defer done()
	for _, c := range []struct {
		name, value string
		status      int
	}{
		{"Content-Type", "application/json", 201},
		{"Content-Type", "Application/JSON; charset=UTF-8", 201},
		{"Content-Type", "", 400},
		{"Content-Type", "text/plain", 400},
		{"Content-Type", "application/x-www-form-urlencoded", 400},
		{"Content-Type", "application/json; charset=utf-16", 400},
		{"Content-Type", "application/json, text/plain", 400},
		{"Content-Encoding", "gzip", 400},
	} {
		r := request("POST", "/v1/playback-tokens", apiKey, `{"video_id":"vid1"}`)
		r.Header.Set(c.name, c.value)
		got := w.send(r)
		if got.Code != c.status {
			t.Errorf("%s %q: got %s, want %d", c.name, c.value, got.Body, c.status)
		}
		if c.status == 400 && !strings.Contains(problemOf(t, got).Detail, "Content-") {
			t.Errorf("%s %q: got %s, want a detail that names the header", c.name, c.value, got.Body)
		}
	}
	got := w.ask("POST", "/v1/playback-tokens?api_key=x", apiKey, `{"video_id":"vid1"}`)
	if got.Code != 400 || !strings.Contains(problemOf(t, got).Detail, "query") {
		t.Errorf("query on a path without parameters: got %s, want 400 that says so", got.Body)
	}
}

// broken is a body whose sender disconnects.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestAnIncompleteBodyIsRefused(t *testing.T) {
	w, done := newWorld(t)
	defer done()
	r := httptest.NewRequest("POST", "/v1/projects/default/signing-keys/2/revoke", io.MultiReader(strings.NewReader(because), broken{}))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+adminKey)
	if got := w.send(r); got.Code != 400 || w.rotation.asked != "" {
		t.Errorf("body that breaks off: got %d, asked for %q, want 400 and nothing asked", got.Code, w.rotation.asked)
	}
}

func TestPathsHaveOneMeaning(t *testing.T) {
	w, done := newWorld(t)
	defer done()
	const keys = "/v1/projects/default/signing-keys"
	for path, want := range map[string]int{
		keys + "/2": 200, "/v1/projects/default/signing%2dkeys": 200,

		keys + "/%2e%2e/x": 400, keys + "/../x": 400, keys + "//2": 400, "/v1//rotation": 400, keys + "/.": 400,
		"/v1/projects/default%2fsigning-keys": 400, "/v1/projects/default%2Fsigning-keys": 400, keys + `/%5c`: 400,
		keys + "/%00": 400, keys + "/2%0d%0aX": 400, keys + "/%7f": 400, keys + "/%e2%80%ae": 400, keys + "/%ff": 400,

		keys + "/": 404, keys + "/0": 404, keys + "/02": 404, keys + "/-1": 404, keys + "/2x": 404, keys + "/99999999999999999999": 404,
		keys + "/3": 404, "/v1/projects/Default/signing-keys": 404, "/v1/projects/%20/signing-keys": 404, "/v1/projects/a%252fb/signing-keys": 404,
		"/v1/projects/" + strings.Repeat("a", 41) + "/signing-keys": 404, "/": 404, "/V1/rotation": 404, "/v1/rotation/": 404,
	} {
		u, err := url.ParseRequestURI(path)
		if err != nil {
			t.Fatal(err)
		}
		r := request("GET", "/", adminKey, "")
		r.URL = u
		got := w.send(r)
		if got.Code != want {
			t.Errorf("%s: %d, want %d\n%s", path, got.Code, want, got.Body)
		}
		if want >= 400 {
			problemOf(t, got)
		}
	}
}

func TestAWrongMethodGetsTheAllowedOnes(t *testing.T) {
	w, done := deploy(t)
	defer done()
	allowed := map[string]map[string]bool{}
	for _, route := range routes() {
		method, path := target(route, "default")
		if allowed[path] == nil {
			allowed[path] = map[string]bool{}
		}
		allowed[path][method] = true
		if method == "GET" {
			allowed[path]["HEAD"] = true
		}
	}
	for path, methods := range allowed {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get", "BREW"} {
			if methods[method] {
				continue
			}
			got := w.ask(method, path, adminKey, "")
			if got.Code != http.StatusMethodNotAllowed || problemOf(t, got).Code != "method_not_allowed" {
				t.Errorf("%s %s: got %s, want 405 method_not_allowed", method, path, got.Body)
			}
			list := strings.Split(got.Header().Get("Allow"), ", ")
			if len(list) != len(methods) || !methods[list[0]] || !methods[list[len(list)-1]] {
				t.Errorf("%s %s: Allow %v, want %v", method, path, list, methods)
			}
		}
	}
	if got := w.ask("HEAD", "/healthz", "", ""); got.Code != 200 {
		t.Errorf("HEAD /healthz: got %d, want 200", got.Code)
	}
}

func TestReasons(t *testing.T) {
	w, done := newWorld(t)
	defer done()
	routes := []string{
		"POST /v1/projects/default/signing-keys/2/revoke", "POST /v1/projects/default/signing-keys/2/activate",
		"POST /v1/projects/default/signing-keys/2/rollback", "POST /v1/projects/default/signing-keys/2/release",
		"POST /v1/projects/default/signing-keys/2/confirm", "DELETE /v1/projects/default/platform-keys/key-9",
	}
	for reason, want := range map[string]int{
		"leaked": 200, strings.Repeat("ä", 200): 200,
		"": 400, "  ": 400, strings.Repeat("x", 201): 400, "a\nb": 400, "a\u202eb": 400, "a\u2028b": 400, "\u200b": 400,
	} {
		for _, route := range routes {
			method, path, _ := strings.Cut(route, " ")
			body, _ := json.Marshal(map[string]string{"reason": reason})
			w.rotation.asked = ""
			got := w.ask(method, path, keysKey, string(body))
			if got.Code != want || (w.rotation.asked != "") != (want == 200) {
				t.Errorf("%s with reason %q: got %d, asked for %q, want %d", route, reason, got.Code, w.rotation.asked, want)
			}
			if want == 400 && problemOf(t, got).Errors[0].Field != "reason" {
				t.Errorf("%s with reason %q: got %s, want an error about reason", route, reason, got.Body)
			}
			if want == 200 && fmt.Sprint(w.rotation.order) != fmt.Sprintf("{false false api_key_keys %s }", reason) {
				t.Errorf("%s: got the order %+v, want one with the caller and the reason", route, w.rotation.order)
			}
		}
	}
}
