package service

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"playtoken/keyrotation"
	"playtoken/projects"
)

// browser is a browser without JavaScript, at the console of one replica.
type browser struct {
	t      testing.TB
	client *http.Client
	at     string
}

// newBrowser opens the console of a deployment over HTTP.
func newBrowser(t testing.TB, s *Service) *browser {
	t.Helper()
	handler, err := s.Handler()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	t.Cleanup(s.Stopping) // before that: it ends what streams are open
	jar, _ := cookiejar.New(nil)
	client := server.Client()
	client.Jar = jar
	return &browser{t: t, client: client, at: server.URL}
}

// page is what a browser shows.
type shownPage struct {
	status int
	path   string // where redirects led to
	text   string
	header http.Header
}

func (b *browser) do(r *http.Request) shownPage {
	b.t.Helper()
	response, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return shownPage{status: response.StatusCode, path: response.Request.URL.RequestURI(), text: string(data), header: response.Header}
}

func (b *browser) get(path string) shownPage {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.at+path, http.NoBody)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.do(r)
}

// post sends a form, as a browser would from a page of the same origin.
func (b *browser) post(path string, form url.Values, headers ...string) shownPage {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.at+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return b.do(r)
}

// signIn signs in with a key and ends the test unless that leads to a page.
func (b *browser) signIn(key string) {
	b.t.Helper()
	if got := b.post("/console/login", url.Values{"key": {key}}); got.status != http.StatusOK || got.path != "/console/" {
		b.t.Fatalf("sign in: got status %d at %s, want 200 at /console/: %s", got.status, got.path, got.text)
	}
}

// cookie is the session as the browser has it.
func (b *browser) cookie() *http.Cookie {
	at, _ := url.Parse(b.at + "/console/")
	for _, c := range b.client.Jar.Cookies(at) {
		if c.Name == "playtoken_console" {
			return c
		}
	}
	return nil
}

// withActiveKey rotates a project until a key is active.
func withActiveKey(t testing.TB, s *Service, project string) {
	t.Helper()
	eventually(t, waitForKey, func() error {
		tenant, err := s.Tenant(t.Context(), project)
		if err == nil {
			_, err = tenant.Rotator.Reconcile(t.Context(), keyrotation.Order{Actor: "test"})
		}
		if err == nil {
			err = s.ProjectReady(t.Context(), project)
		}
		return err
	})
}

// TestAnOperatorSeesAndRevokesAKey goes the whole way: sign in, look, see what a
// revocation will do, revoke, sign out.
func TestAnOperatorSeesAndRevokesAKey(t *testing.T) {
	s, _ := newService(t)
	withActiveKey(t, s, projects.Default)
	b := newBrowser(t, s)
	if got := b.get("/console/projects/default"); got.path != "/console/login?next=%2Fconsole%2Fprojects%2Fdefault" {
		t.Errorf("a page without a session: got %s, want the form for signing in, with the way back", got.path)
	}
	b.signIn(adminKey)
	for path, want := range map[string]string{
		"/console/": `href="/console/projects/default"`, "/console/?q=gate": "<td>gate</td>", "/console/projects/default": "/console/projects/default/keys/1/revoke",
		"/console/projects/default/keys/1/revoke": "Tokens that were made with it are refused",
	} {
		if got := b.get(path); got.status != http.StatusOK || !strings.Contains(got.text, want) {
			t.Errorf("%s: got status %d without %q, want 200 with it: %s", path, got.status, want, got.text)
		}
	}
	revoke := "/console/projects/default/keys/1/revoke"
	if got := b.post(revoke, url.Values{}); got.status != http.StatusBadRequest || !strings.Contains(got.text, `id="p-reason"`) {
		t.Errorf("a revocation without a reason: got status %d, want 400 with what is wrong beside the field: %s", got.status, got.text)
	}
	if got := b.post(revoke, url.Values{"reason": {"a laptop was lost"}}); got.status != http.StatusOK || !strings.Contains(got.text, "Generation 1 is revoked") {
		t.Errorf("a revocation: got status %d, want 200 and what happened: %s", got.status, got.text)
	}
	stolen := b.cookie()
	if got := b.post("/console/logout", nil); got.path != "/console/login" || b.cookie() != nil {
		t.Errorf("signing out: got %s and the cookie %v, want the form for signing in and none", got.path, b.cookie())
	}
	at, _ := url.Parse(b.at + "/console/")
	b.client.Jar.SetCookies(at, []*http.Cookie{stolen})
	if got := b.get("/console/"); got.path != "/console/login" {
		t.Errorf("a cookie from before signing out: got %s, want the form for signing in", got.path)
	}
}

// waitForKey is how long a first key may take to become active.
const waitForKey = 30e9
