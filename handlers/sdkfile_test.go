package handlers_test

import (
	"strings"
	"testing"

	"playtoken/handlers"
)

func TestPagesLoadTheSDK(t *testing.T) {
	d, done := deploy(t)
	defer done()
	if got := d.ask("GET", "/sdk/"+sdkVersion+"/index.js", "", ""); got.Code != 200 || got.Header().Get("Cache-Control") != "public" || got.Body.String() != "export {};" {
		t.Errorf("got %d %v %q, want the file with its own headers", got.Code, got.Header(), got.Body)
	}
	for _, path := range []string{"/sdk/0.0.9/index.js", "/sdk/" + sdkVersion + "/none.js"} {
		got := d.ask("GET", path, "", "")
		if p := problemOf(t, got); p.Code != "not_found" || !strings.Contains(p.Detail, sdkVersion) {
			t.Errorf("%s: got %+v, want not_found, naming the version that there is", path, p)
		}
	}
	for _, path := range []string{"/sdk/", "/sdk/" + sdkVersion, "/sdk/" + sdkVersion + "/src/index.js"} {
		if got := d.ask("GET", path, "", ""); got.Code != 404 {
			t.Errorf("%s: got %d, want 404", path, got.Code)
		}
	}
	w, done := deploy(t, func(c *handlers.Config) { c.SDK = nil })
	defer done()
	if got := w.ask("GET", "/sdk/"+sdkVersion+"/index.js", "", ""); got.Code != 404 {
		t.Errorf("without the package: got %d, want 404", got.Code)
	}
}
