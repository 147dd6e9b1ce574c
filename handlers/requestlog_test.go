package handlers_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"playtoken/handlers"
	"playtoken/logs"
	"playtoken/projects"
	"playtoken/store"
)

const (
	traceID     = "0af7651916cd43dd8448eb211c80319c"
	traceparent = "00-" + traceID + "-b7ad6b7169203331-01"
)

// logged is what a line of the log says, without what differs from run to run.
func (d *deployment) logged() []string {
	varies := regexp.MustCompile(`(time|took|request_id|audit_request_id)=\S+ ?`)
	text := varies.ReplaceAllString(d.log.String(), "")
	d.log.Reset()
	return strings.Split(strings.TrimSuffix(strings.ReplaceAll(text, d.own.ID, "{p}"), "\n"), "\n")
}

func TestOneLinePerRequest(t *testing.T) {
	d, done := deploy(t, func(c *handlers.Config) {
		c.Logged = logs.Requests{Refusals: true, Management: true}.Includes
	})
	defer done()
	own := "/v1/projects/" + d.own.ID
	mintKey := d.callerID(t, d.keys[projects.ScopeMint])
	broken := func() { d.access.err = fmt.Errorf("read: %w", store.ErrUnavailable) }
	for _, c := range []struct {
		method, path, key, body string
		before                  func()
		want                    string // "": no line
	}{
		{"POST", mint, d.keys["mint"], `{"video_id":"vid1"}`, nil, ""},
		{"GET", "/healthz?x=1", "", "", nil, ""},
		{"POST", mint, "guess", `{"video_id":"vid1"}`, nil, `level=INFO msg=request method=POST route=/v1/playback-tokens status=401 code=unauthenticated`},
		{"POST", mint, d.keys["mint"], `{"video_id":"a secret video"}`, nil,
			`level=INFO msg=request method=POST route=/v1/playback-tokens status=422 project={p} caller=` + mintKey + ` code=video_invalid`},
		{"POST", mint, viewerToken, `{"video_id":"a secret video","project_id":"` + d.own.ID + `"}`, nil,
			`level=INFO msg=request method=POST route=/v1/playback-tokens status=422 project={p} caller=viewer code=video_invalid`},
		{"GET", own, adminKey, "", nil, `level=INFO msg=request method=GET route=/v1/projects/{project_id} status=200 project={p} caller=admin`},
		{"POST", own + "/rotation", adminKey, `{"mode":"now","reason":"drill"}`, nil, `level=INFO msg=request method=POST route=/v1/projects/{project_id}/rotation status=200 project={p} caller=admin`},
		{"GET", "/v1/projects/A%20secret", adminKey, "", nil, `level=INFO msg=request method=GET route=/v1/projects/{project_id} status=404 caller=admin code=not_found`},
		{"GET", "/nothing/a-secret", "", "", nil, `level=INFO msg=request method=GET route="" status=404 code=not_found`},
		{"POST", "/v1/auth/refresh", "", `{"refreshToken":"a secret"}`, broken,
			`level=WARN msg="request failed" method=POST route=/v1/auth/refresh status=503 code=signer_unavailable error="read: store unavailable"`},
	} {
		if c.before != nil {
			c.before()
		}
		d.ask(c.method, c.path, c.key, c.body)
		if diff := cmp.Diff([]string{c.want}, d.logged()); diff != "" {
			t.Errorf("%s %s %s, -want +got:\n%s", c.method, c.path, c.body, diff)
		}
	}
}

// callerID is what the audit record calls the owner of an API key.
func (d *deployment) callerID(t *testing.T, key string) string {
	t.Helper()
	list, err := d.projects.APIKeys(t.Context(), d.own.ID, projects.Page{})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range list.Items {
		if strings.Contains(key, k.ID[len("api_key_"):]) {
			return k.ID
		}
	}
	t.Fatalf("got no API key with the value's id, want one")
	return ""
}

// TestABatchIsOneLine: requests of a list fail at the same time.
func TestABatchIsOneLine(t *testing.T) {
	w, done := newWorld(t)
	defer done()
	w.store.err = store.ErrUnavailable
	w.ask("POST", batch, apiKey, `{"requests":[{"video_id":"x"},{"video_id":"vid1"},{"video_id":"vid2"}]}`)
	if got := strings.Count(w.log.String(), "\n"); got != 1 || !strings.Contains(w.log.String(), "signer_unavailable") {
		t.Errorf("got the log %s, want one line about the worst failure", w.log.String())
	}
}

// TestAProxyNamesARequestAndTheRecordDoesNotBelieveIt: only a trusted proxy may, and
// only with an id.
func TestAProxyNamesARequestAndTheRecordDoesNotBelieveIt(t *testing.T) {
	d, done := deploy(t, func(c *handlers.Config) {
		c.Logged = logs.Requests{OneOf: 1}.Includes
		c.Proxied = func(r *http.Request) bool { return strings.HasPrefix(r.RemoteAddr, "10.") }
	})
	defer done()
	for _, c := range []struct{ peer, given, want string }{
		{"10.0.0.1:4711", "edge-1", "edge-1"},
		{"192.0.2.1:4711", "edge-1", ""},
		{"10.0.0.1:4711", "two words", ""},
		{"10.0.0.1:4711", "", ""},
	} {
		d.record.entries = nil
		d.log.Reset()
		r := request("POST", "/v1/projects/"+d.own.ID+"/rotation", adminKey, `{"mode":"due"}`)
		r.RemoteAddr = c.peer
		r.Header.Set("X-Request-Id", c.given)
		r.Header.Set("Traceparent", traceparent)
		shown := d.send(r).Header().Get("X-Request-Id")
		if (shown == c.want) != (c.want != "") || shown == c.given && c.want == "" || shown == "" {
			t.Errorf("%s from %s: got the id %q in the response, want %q", c.given, c.peer, shown, c.want)
		}
		line := d.log.String()
		if !strings.Contains(line, " request_id="+shown+" ") || !strings.Contains(line, "trace_id="+traceID) {
			t.Errorf("%s from %s: got the line %s, want the id %s and the trace", c.given, c.peer, line, shown)
		}
		for _, e := range d.record.entries {
			if e.RequestID == c.want || e.RequestID == "" || e.ProxyRequestID != c.want {
				t.Errorf("%s from %s: the record has the ids %q and %q, want our own and %q", c.given, c.peer, e.RequestID, e.ProxyRequestID, c.want)
			}
			if c.want != "" && !strings.Contains(line, "audit_request_id="+e.RequestID) {
				t.Errorf("%s from %s: got the line %s, want the id in the record, %s", c.given, c.peer, line, e.RequestID)
			}
		}
		if len(d.record.entries) != 2 {
			t.Errorf("got %d entries, want two", len(d.record.entries))
		}
	}
}
