package browsertest_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"playtoken/web/browsertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Both browsers answer alike, or the tests of other packages mean little.
func TestTheBrowsersDoAsTheyAreTold(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Set-Cookie", "seen=1")
		w.Write([]byte(`<!doctype html><title>a page</title><button id="b" onclick="title = 'pressed'">b</button>`))
	}))
	defer server.Close()
	for _, b := range browsertest.Browsers(t) {
		t.Run(b.Name, func(t *testing.T) {
			p, other := b.Page(t), b.Page(t)
			p.Open(t, server.URL)
			checkEvaluation(t, p)
			p.Press(t, "Tab", "Enter")
			p.Await(t, 1e9, `document.getElementById("b").title === "pressed" && document.activeElement.id === "b"`)
			p.Resize(t, 390, 700)
			if width := browsertest.Eval[int](t, p, `innerWidth`); width != 390 {
				t.Errorf("width = %d, want 390", width)
			}
			p.Picture(t, "browsertest-"+b.Name)
			if err := other.Navigate("about:blank"); err != nil {
				t.Error(err)
			}
			other.Open(t, server.URL+"/other")
			if title := browsertest.Eval[string](t, other, `document.getElementById("b").title`); title != "" {
				t.Errorf("title in another window = %q, want none", title)
			}
		})
	}
}

func checkEvaluation(t *testing.T, p *browsertest.Page) {
	t.Helper()
	type thing struct{ A []int }
	if got := browsertest.Eval[thing](t, p, `new Promise((resolve) => setTimeout(() => resolve({A: [1, 2]}), 10))`); len(got.A) != 2 {
		t.Errorf("a promise = %v, want its value", got)
	}
	if got := browsertest.Eval[*thing](t, p, `undefined`); got != nil {
		t.Errorf("undefined = %v, want nothing", got)
	}
	if _, err := browsertest.Evaluate[bool](p, `Promise.reject(new Error("because"))`); err == nil || !strings.Contains(err.Error(), "because") {
		t.Errorf("a promise that fails: got %v, want its reason", err)
	}
	if got := browsertest.Eval[string](t, p, `document.title`); got != "a page" {
		t.Errorf("title = %q, want %q", got, "a page")
	}
}
