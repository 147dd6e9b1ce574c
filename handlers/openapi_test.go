package handlers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/google/go-cmp/cmp"

	"playtoken/handlers"
	"playtoken/projects"
)

// described is the document and a router for it.
type described struct {
	doc    *openapi3.T
	router routers.Router
}

// theDocument is read once: reading it takes longer than many tests do.
var theDocument = sync.OnceValues(func() (d described, err error) {
	answer := httptest.NewRecorder()
	handlers.New(handlers.Config{}).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/openapi.json", nil))
	if d.doc, err = openapi3.NewLoader().LoadFromData(answer.Body.Bytes()); err != nil {
		return d, err
	}
	d.router, err = gorillamux.NewRouter(d.doc)
	return d, err
})

func documented(t testing.TB) described {
	t.Helper()
	d, err := theDocument()
	if err != nil {
		t.Fatalf("read the document: %v", err)
	}
	return d
}

// validated wraps a service so that every response must have a documented
// status, headers and body, and every request that is not refused must be a
// documented one. Benchmarks and fuzz tests get the service unwrapped.
func validated(t testing.TB, next http.Handler) http.Handler {
	t.Helper()
	if _, ok := t.(*testing.T); !ok {
		return next
	}
	d := documented(t)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			next.ServeHTTP(w, r) // a test of bodies that do not arrive
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		asked := r.Clone(context.WithoutCancel(r.Context()))
		asked.Body, asked.URL.RawPath = io.NopCloser(bytes.NewReader(body)), "" // one spelling of a path is enough for the document
		if err := d.holds(asked, answer); err != nil {
			t.Errorf("%s %s: got %d, want it as documented: %v", r.Method, r.URL, answer.Code, err)
		}
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	})
}

// holds reports how a request and its response differ from the document.
func (d described) holds(r *http.Request, answer *httptest.ResponseRecorder) error {
	if r.Method == http.MethodHead {
		r.Method = http.MethodGet
		if answer.Body.Len() == 0 {
			return nil
		}
	}
	options := &openapi3filter.Options{IncludeResponseStatus: true, SkipSettingDefaults: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}
	route, params, err := d.router.FindRoute(r)
	if err != nil {
		return d.isProblem(answer, err)
	}
	input := &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route, Options: options}
	if answer.Code < 300 {
		if err := openapi3filter.ValidateRequest(r.Context(), input); err != nil {
			return err
		}
	}
	out := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: answer.Code, Header: answer.Header(), Options: options,
		Body: io.NopCloser(bytes.NewReader(answer.Body.Bytes())),
	}
	return openapi3filter.ValidateResponse(r.Context(), out)
}

// isProblem checks the response to a request that no route matches.
func (d described) isProblem(answer *httptest.ResponseRecorder, why error) error {
	if answer.Code < 400 {
		return fmt.Errorf("it is answered, and %w", why)
	}
	if kind := answer.Header().Get("Content-Type"); kind != "application/problem+json" {
		return fmt.Errorf("Content-Type is %q", kind)
	}
	var problem any
	if err := json.Unmarshal(answer.Body.Bytes(), &problem); err != nil {
		return err
	}
	schema := d.doc.Components.Schemas["Problem"].Value
	return schema.VisitJSON(problem, openapi3.EnableJSONSchema2020(), openapi3.VisitAsResponse())
}

func TestTheDocumentIsValid(t *testing.T) {
	d := documented(t)
	if err := d.doc.Validate(t.Context(), openapi3.EnableExamplesValidation()); err != nil {
		t.Error(err)
	}
	ids := map[string]string{}
	for path, item := range d.doc.Paths.Map() {
		for method, op := range item.Operations() {
			if other := ids[op.OperationID]; op.OperationID == "" || other != "" || op.Summary == "" || len(op.Tags) != 1 {
				t.Errorf("%s %s: got operation id %q (also that of %s), summary %q, tags %q, want an id of its own, a summary and one tag", method, path, op.OperationID, other, op.Summary, op.Tags)
			}
			ids[op.OperationID] = path
		}
	}
}

var variablePattern = regexp.MustCompile(`:[^{}]*({[^}]*})?[^{}]*}`)

func TestTheDocumentHasExactlyTheRoutes(t *testing.T) {
	var served, described []string
	for _, route := range handlers.Routes() {
		served = append(served, variablePattern.ReplaceAllString(route, "}"))
	}
	served = append(served, "GET /metrics") // where it is configured
	for path, item := range documented(t).doc.Paths.Map() {
		for method := range item.Operations() {
			described = append(described, method+" "+path)
		}
	}
	slices.Sort(served)
	slices.Sort(described)
	if diff := cmp.Diff(slices.Compact(served), described); diff != "" {
		t.Errorf("served routes (-got) and described ones (+want):\n%s", diff)
	}
}

func TestTheDocumentIsServed(t *testing.T) {
	w, done := newWorld(t)
	defer done()
	got := w.ask("GET", "/openapi.json", "", "")
	if got.Code != 200 || got.Header().Get("Content-Type") != "application/json" || !strings.Contains(got.Body.String(), `"openapi": "3.1.0"`) {
		t.Errorf("document: got %d %v, want JSON of OpenAPI 3.1.0", got.Code, got.Header())
	}
}

// TestEveryResponseIsAsDocumented calls every route as every kind of caller, with
// good and with bad requests.
func TestEveryResponseIsAsDocumented(t *testing.T) {
	for _, route := range routes() {
		d, done := deploy(t)
		d.Handler = validated(t, d.Handler)
		for _, kind := range callerKinds {
			for _, project := range []projects.Project{d.gone, d.other, d.own} {
				d.try(t, route, kind, project)
			}
		}
		method, path := target(route, d.own.ID)
		for _, bad := range []string{`{"x":1}`, `null`, "", tooLong} {
			d.ask(method, path, adminKey, bad)
		}
		d.ask(method, path+"?x=1", adminKey, "")
		d.ask("TRACE", path, adminKey, "")
		done()
	}
	w, done := newWorld(t)
	defer done()
	w.Handler = validated(t, w.Handler)
	for _, c := range bodies {
		w.ask("POST", c.path, adminKey, c.body)
	}
}

// TestUndocumentedResponsesAreFound is the positive control of all tests that go
// through validated.
func TestUndocumentedResponsesAreFound(t *testing.T) {
	d := documented(t)
	const token = `{"token":"a","video_id":"v","key_id":null,"issued_at":"2026-01-02T15:04:05Z","expires_at":"2026-01-02T15:04:05Z","expires_in":1,"refresh_at":"2026-01-02T15:04:05Z","urls":{},"delivery":{"place":"query","name":"jwt","renew":"request"}}`
	const refusal = `{"type":"about:blank","title":"t","status":404,"detail":"d","code":"not_found","request_id":"R"}`
	for name, c := range map[string]struct {
		path, body string
		status     int
		kind       string
		answer     string
		good       bool
	}{
		"as documented":       {mint, `{"video_id":"v"}`, 201, "application/json", token, true},
		"another status":      {mint, `{"video_id":"v"}`, 202, "application/json", token, false},
		"another type":        {mint, `{"video_id":"v"}`, 201, "text/html", token, false},
		"a member more":       {mint, `{"video_id":"v"}`, 201, "application/json", strings.Replace(token, `{`, `{"x":1,`, 1), false},
		"a member less":       {mint, `{"video_id":"v"}`, 201, "application/json", strings.Replace(token, `"token":"a",`, ``, 1), false},
		"null":                {mint, `{"video_id":"v"}`, 201, "application/json", strings.Replace(token, `"a"`, `null`, 1), false},
		"a bad request":       {mint, `{"video_id":"v","x":1}`, 201, "application/json", token, false},
		"a refusal":           {mint, `{"x":1}`, 404, "application/problem+json", refusal, true},
		"a refusal, no JSON":  {mint, `{"x":1}`, 404, "text/plain", "not found", false},
		"an unknown code":     {mint, `{"x":1}`, 404, "application/problem+json", strings.Replace(refusal, "not_found", "gone", 1), false},
		"no route":            {"/nothing", ``, 404, "application/problem+json", refusal, true},
		"no route, no JSON":   {"/nothing", ``, 404, "text/plain", "", false},
		"no route, but found": {"/nothing", ``, 200, "application/json", "{}", false},
	} {
		answer := httptest.NewRecorder()
		answer.Header().Set("X-Request-Id", "R")
		answer.Header().Set("Content-Type", c.kind)
		answer.WriteHeader(c.status)
		_, _ = answer.WriteString(c.answer)
		if err := d.holds(request("POST", c.path, apiKey, c.body), answer); (err == nil) != c.good {
			t.Errorf("%s: got %v, want an error unless the case is good", name, err)
		}
		answer.Header().Del("X-Request-Id")
		if err := d.holds(request("POST", c.path, apiKey, c.body), answer); err == nil && !strings.HasPrefix(name, "no route") {
			t.Errorf("%s, without X-Request-Id: got no error, want one", name)
		}
	}
}
