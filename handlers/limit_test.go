package handlers_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"playtoken/handlers"
	"playtoken/projects"
)

func TestEveryResponseShowsTheLimit(t *testing.T) {
	d, done := deploy(t)
	defer done()
	mints := `"mints";r=%d;t=30 "mints";q=6000000;w=60`
	for _, c := range []struct{ method, path, key, body, want string }{
		{"POST", "/v1/playback-tokens", d.keys["mint"], `{"video_id":"vid1"}`, fmt.Sprintf(mints, 5999999)},
		{"POST", "/v1/playback-tokens", d.keys["mint"], `{"video":"vid1"}`, fmt.Sprintf(mints, 5999998)},
		{"POST", "/v1/playback-tokens/batch", d.keys["mint"], `{"requests":[{"video_id":"vid1"},{}]}`, fmt.Sprintf(mints, 5999996)},
		{"GET", "/v1/projects/" + d.own.ID + "/signing-keys", d.keys["keys"], "", `"management";r=59;t=30 "management";q=60;w=60`},
		{"GET", "/v1/projects/" + d.own.ID + "/api-keys", d.keys["keys"], "", `"management";r=58;t=30 "management";q=60;w=60`},
		{"GET", "/v1/projects", adminKey, "", `"admin";r=9;t=30 "admin";q=10;w=1`},
		{"DELETE", "/v1/projects/x", adminKey, "", `"admin";r=8;t=30 "admin";q=10;w=1`},
		{"GET", "/healthz", "", "", `"failures";r=60;t=30 "failures";q=60;w=60`},
		{"GET", "/nothing", "", "", `"failures";r=60;t=30 "failures";q=60;w=60`},
		{"PUT", "/healthz", "", "", `"failures";r=60;t=30 "failures";q=60;w=60`},
		{"GET", "/v1//x", "", "", `"failures";r=60;t=30 "failures";q=60;w=60`},
		{"OPTIONS", "/v1/playback-tokens", "", "", `"failures";r=60;t=30 "failures";q=60;w=60`},
		{"POST", "/v1/playback-tokens", "", `{}`, `"failures";r=60;t=30 "failures";q=60;w=60`},
		{"POST", "/v1/playback-tokens", "guess", `{}`, `"failures";r=59;t=30 "failures";q=60;w=60`},
		{"POST", "/v1/auth/api-key", "", `{"apiKey":"guess"}`, `"failures";r=58;t=30 "failures";q=60;w=60`},
		{"GET", "/.well-known/jwks.json", "", "", `"failures";r=58;t=30 "failures";q=60;w=60`},
	} {
		h := d.ask(c.method, c.path, c.key, c.body).Header()
		if got := h.Get("RateLimit") + " " + h.Get("RateLimit-Policy"); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.method, c.path, got, c.want)
		}
		var name string
		var limit, remaining, reset, window int
		_, err := fmt.Sscanf(strings.NewReplacer(`"`, "", ";r=", " ", ";t=", " ", ";q=", " ", ";w=", " ").Replace(c.want), "%s %d %d %s %d %d", &name, &remaining, &reset, &name, &limit, &window)
		old := fmt.Sprint(h.Get("X-RateLimit-Limit"), h.Get("X-RateLimit-Remaining"), h.Get("X-RateLimit-Reset"))
		if want := fmt.Sprint(fmt.Sprint(limit), fmt.Sprint(remaining), fmt.Sprint(reset)); err != nil || old != want {
			t.Errorf("%s %s: %s, want %s, %v", c.method, c.path, old, want, err)
		}
	}
}

func TestACallAboveTheLimitDoesNothing(t *testing.T) {
	d, done := deploy(t)
	defer done()
	revoke := "/v1/projects/" + d.own.ID + "/signing-keys/2/revoke"
	for n := range 61 {
		d.rotation.asked = ""
		got := d.ask("POST", revoke, d.keys["keys"], because)
		if n < 60 {
			if got.Code != 200 {
				t.Fatalf("call %d: got %s, want 200", n, got.Body)
			}
			continue
		}
		p := problemOf(t, got)
		if got.Code != 429 || p.Code != "rate_limited" || p.RetryAfter != 2 || got.Header().Get("Retry-After") != "2" || d.rotation.asked != "" {
			t.Errorf("call %d: got %s, asked for %q, want 429 rate_limited, 2 seconds to wait, and nothing asked", n, got.Body, d.rotation.asked)
		}
	}
	if got := d.ask("GET", "/v1/projects/"+d.own.ID, d.keys["read"], ""); got.Code != 200 {
		t.Errorf("another key of the project: got %s, want 200", got.Body)
	}
	for range 10 {
		d.ask("GET", "/v1/projects", adminKey, "")
	}
	if got := d.ask("POST", "/v1/projects", adminKey, `{"name":"n","platform":"vidbeo","platform_credential":{"api_key":"x"}}`); got.Code != 429 || !d.unchanged(t) {
		t.Errorf("admin key above its limit: got %s, want 429 and nothing changed", got.Body)
	}
	if got := d.ask("POST", "/v1/playback-tokens", adminKey, `{"video_id":"vid1","project_id":"`+d.own.ID+`"}`); got.Code != 201 {
		t.Errorf("minting with the admin key above its limit for management: got %s, want 201", got.Body)
	}
}

func TestAProjectLimitsItsMintsByKeyAndByViewer(t *testing.T) {
	d, done := deploy(t)
	defer done()
	d.change(t, func(p *projects.Project) { p.TokenPolicy.MintsPerMinute, p.TokenPolicy.ManagementPerMinute = 3, 1 })
	two := `{"requests":[{"video_id":"vid1"},{"video_id":"vid2"}]}`
	four := `{"requests":[{"video_id":"vid1"},{"video_id":"vid2"},{"video_id":"vid3"},{"video_id":"vid4"}]}`
	got := d.ask("POST", "/v1/playback-tokens/batch", d.keys["mint"], four) // never possible, and not charged
	if short(got) != "400 invalid_request" || !strings.Contains(got.Body.String(), "split it") || got.Header().Get("X-RateLimit-Remaining") != "3" {
		t.Errorf("batch larger than the limit: got %v %s, want 400 invalid_request and nothing charged", got.Header(), got.Body)
	}
	for _, want := range []string{"200", "429 rate_limited"} {
		if got := short(d.ask("POST", "/v1/playback-tokens/batch", d.keys["mint"], two)); got != want {
			t.Errorf("a batch: %s, want %s", got, want)
		}
	}
	for _, want := range []string{"201", "429 rate_limited"} {
		if got := short(d.mintAs(d.keys["mint"], "", `"video_id":"vid1"`)); got != want {
			t.Errorf("one: %s, want %s", got, want)
		}
	}
	for _, viewer := range []string{"viewer.alice.sig", "viewer.bob.sig"} {
		for n, want := range []string{"201", "201", "201", "429 rate_limited"} {
			got := d.mintAs(viewer, page, `"video_id":"vid1"`)
			if short(got) != want || got.Header().Get("Access-Control-Allow-Origin") != page {
				t.Errorf("%s, %d: %s, want %s", viewer, n, got.Body, want)
			}
		}
	}
	for _, want := range []string{"200", "429 rate_limited"} {
		if got := short(d.ask("GET", "/v1/projects/"+d.own.ID, d.keys["read"], "")); got != want {
			t.Errorf("management: %s, want %s", got, want)
		}
	}
}

func TestFailuresLimitAnAddressAndNotItsNeighbours(t *testing.T) {
	d, done := deploy(t, func(c *handlers.Config) {
		c.ClientIP = func(r *http.Request) netip.Addr { return netip.MustParseAddr(r.Header.Get("Test-Source")) }
	})
	defer done()
	try := func(source, key string) string {
		r := request("POST", "/v1/playback-tokens", key, `{"video_id":"vid1"}`)
		r.Header.Set("Test-Source", source)
		return short(d.send(r))
	}
	for range 60 {
		if got := try("2001:db8::1", "guess"); got != "401 unauthenticated" {
			t.Fatal(got)
		}
	}
	before := len(d.record.short())
	for source, want := range map[string]string{
		"2001:db8::1": "429 rate_limited", "2001:db8::ffff:2": "429 rate_limited", "2001:db8:0:1::1": "401 unauthenticated", "192.0.2.9": "401 unauthenticated",
	} {
		if got := try(source, "guess"); got != want {
			t.Errorf("%s: %s, want %s", source, got, want)
		}
	}
	if got := try("2001:db8::1", d.keys["mint"]); got != "201" {
		t.Errorf("valid key from an address above the failure limit: got %s, want 201", got)
	}
	if got := try("2001:db8::1", ""); got != "401 unauthenticated" {
		t.Errorf("no credential from an address above the failure limit: got %s, want 401 unauthenticated", got)
	}
	if after := d.record.short(); len(after) != before+3 || before != 60 || after[0] != "2001:db8::1 authenticate unauthenticated" {
		t.Errorf("recorded %d failures, then %v, want 60, then 2 from other networks and the first above the limit", before, after[before:])
	}
}

// TestABurstOfFailuresIsCountedOnRecord: it cannot fill the audit log, and how large
// it is shows while it lasts.
func TestABurstOfFailuresIsCountedOnRecord(t *testing.T) {
	d, done := deploy(t)
	defer done()
	for range 60 + 123 {
		d.ask("POST", "/v1/playback-tokens", "guess", `{"video_id":"vid1"}`)
	}
	clear(d.counter.taken) // a minute later
	d.ask("POST", "/v1/playback-tokens", "guess", `{"video_id":"vid1"}`)
	var reasons []string
	for _, e := range d.record.entries {
		if e.Reason != "" {
			reasons = append(reasons, e.Result+": "+e.Reason)
		}
	}
	want := []string{
		"rate_limited: attempt 1 of this source above the limit", "rate_limited: attempt 10 of this source above the limit",
		"rate_limited: attempt 100 of this source above the limit",
		"unauthenticated: 123 attempts of this source before this one were above the limit and are not in the log",
	}
	if diff := cmp.Diff(want, reasons); diff != "" {
		t.Errorf("on record, -want +got:\n%s", diff)
	}
}

// TestAViewerIsLimitedBesideTheBackEnd: the default lets a viewer open a page of a
// hundred videos, and then one a second.
func TestAViewerIsLimitedBesideTheBackEnd(t *testing.T) {
	for name, c := range map[string]struct {
		policy  projects.TokenPolicy
		allowed int
		header  string
	}{
		"by default":           {projects.TokenPolicy{}, 100, "100"},
		"less":                 {projects.TokenPolicy{ViewerMintsPerMinute: new(6)}, 100, "100"},
		"more":                 {projects.TokenPolicy{ViewerMintsPerMinute: new(120)}, 120, "120"},
		"not at all":           {projects.TokenPolicy{ViewerMintsPerMinute: new(0)}, 200, "6000000"},
		"apart from API keys":  {projects.TokenPolicy{ViewerMintsPerMinute: new(60), MintsPerMinute: 1}, 100, "100"},
		"in the API keys' way": {projects.TokenPolicy{MintsPerMinute: 2}, 2, "2"},
	} {
		d, done := deploy(t)
		d.change(t, func(p *projects.Project) { p.TokenPolicy = c.policy })
		allowed := 0
		for range 200 {
			got := d.mintAs("viewer.alice.sig", page, `"video_id":"vid1"`)
			if got.Header().Get("X-RateLimit-Limit") != c.header {
				t.Fatalf("%s: got the limit %s, want %s", name, got.Header().Get("X-RateLimit-Limit"), c.header)
			}
			if got.Code != 201 {
				break
			}
			allowed++
		}
		if allowed != c.allowed {
			t.Errorf("%s: got %d tokens at once, want %d", name, allowed, c.allowed)
		}
		if got := short(d.mintAs("viewer.bob.sig", page, `"video_id":"vid1"`)); got != "201" {
			t.Errorf("%s: another viewer: got %s, want 201", name, got)
		}
		if got := short(d.mintAs(d.keys["mint"], "", `"video_id":"vid1"`)); got != "201" {
			t.Errorf("%s: the back end: got %s, want 201", name, got)
		}
		done()
	}
}

// TestPreflightsAreLimitedBySource: a client that makes up origins exhausts only
// its own allowance, and origins of projects are always allowed.
func TestPreflightsAreLimitedBySource(t *testing.T) {
	d, done := deploy(t)
	defer done()
	preflight := func(peer, origin string) string {
		r := request("OPTIONS", "/v1/playback-tokens", "", "")
		r.RemoteAddr = peer + ":4711"
		r.Header.Set("Origin", origin)
		return short(d.send(r))
	}
	refused := 0
	for n := range 200 {
		if preflight("192.0.2.1", fmt.Sprintf("https://made-up-%d.example", n)) == "429 rate_limited" {
			refused++
		}
	}
	if refused != 140 {
		t.Errorf("200 made-up origins: got %d refused, want 140", refused)
	}
	if got := preflight("192.0.2.2", page); got != "204" {
		t.Errorf("another client: got %s, want 204", got)
	}
}
