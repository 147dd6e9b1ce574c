package service

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"playtoken/projects"
	"playtoken/web/console"
)

// operatorKey makes an admin key of a role.
func operatorKey(t testing.TB, s *Service, role projects.Role) string {
	t.Helper()
	made, err := s.Projects.CreateAdminKey(t.Context(), string(role), role, nil)
	if err != nil {
		t.Fatal(err)
	}
	return made.Value.Reveal()
}

// filled is a path of the console with its variables.
func filled(path string) string {
	return strings.NewReplacer("{project}", "default", "{generation}", "1", "{platform}", "jws", "{$}", "").Replace("/console" + path)
}

// TestEachRoleSeesEachPageAndAnAuditorChangesNothing tries every page and every
// change of the console as every role.
func TestEachRoleSeesEachPageAndAnAuditorChangesNothing(t *testing.T) {
	s, _ := examinedService(t)
	keys := map[projects.Role]string{}
	for _, role := range []projects.Role{projects.RoleAdmin, projects.RoleOperator, projects.RoleAuditor} {
		keys[role] = operatorKey(t, s, role)
	}
	b := newBrowser(t, s)
	pages, acts := s.console.Paths()
	for role, key := range keys {
		b.signIn(key)
		for _, path := range pages {
			if got := b.get(filled(path)); got.status >= http.StatusInternalServerError || got.status == http.StatusForbidden && path != "/admin-keys" {
				t.Errorf("%s as %s: got status %d, want a page: %s", path, role, got.status, got.text)
			}
		}
		if role != projects.RoleAuditor {
			continue
		}
		for _, path := range acts {
			got := b.post(filled(path), url.Values{"reason": {"try"}, "mode": {"now"}, "key_id": {"x"}, "name": {"x"}, "value": {"x"}})
			if got.status < 400 {
				t.Errorf("POST %s as an auditor: got status %d, want it refused: %s", path, got.status, got.text)
			}
		}
	}
	tenant, err := s.Tenant(t.Context(), projects.Default)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := tenant.Rotator.Ring(t.Context())
	if active, ok := ring.Active(); err != nil || !ok || active.Generation != 1 {
		t.Errorf("after an auditor tried every change: got generation %d active, %v, want 1 as before", active.Generation, err)
	}
}

// TestPagesOfOtherSitesGetNothing: no change from another site, no frame, no code,
// nothing kept.
func TestPagesOfOtherSitesGetNothing(t *testing.T) {
	s, _ := newService(t)
	withActiveKey(t, s, projects.Default)
	b := newBrowser(t, s)
	b.signIn(adminKey)
	for name, header := range map[string][]string{
		"another site": {"Sec-Fetch-Site", "cross-site"}, "another port": {"Sec-Fetch-Site", "same-site"},
		"an old browser": {"Sec-Fetch-Site", "", "Origin", "https://evil.example"},
	} {
		if got := b.post("/console/projects/default/keys/1/revoke", url.Values{"reason": {"evil"}}, header...); got.status != http.StatusForbidden {
			t.Errorf("a revocation from %s: got status %d, want 403", name, got.status)
		}
		if got := b.post("/console/login", url.Values{"key": {adminKey}}, header...); got.status != http.StatusForbidden {
			t.Errorf("a sign-in from %s: got status %d, want 403", name, got.status)
		}
	}
	pages, acts := s.console.Paths()
	for _, path := range append(acts, "/projects/{project}/settings", "/projects/{project}/rule", "/projects/{project}/try", "/projects/{project}/inspect", "/projects/{project}/try/token", "/logout") {
		if got := b.post(filled(path), because(url.Values{"name": {"x"}}), "Sec-Fetch-Site", "cross-site"); got.status != http.StatusForbidden {
			t.Errorf("POST %s from another site: got status %d, want 403", path, got.status)
		}
	}
	for _, path := range append(append(pages, acts...), "/login", "/projects/{project}/rule", "/projects/{project}/try", "/nothing") {
		b.keepsOthersOut(filled(path))
	}
}

// keepsOthersOut looks at the headers of a page.
func (b *browser) keepsOthersOut(path string) {
	b.t.Helper()
	got := b.get(path)
	for header, want := range map[string]string{
		"Content-Security-Policy": "frame-ancestors 'none'", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
		"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Cross-Origin-Opener-Policy": "same-origin",
	} {
		if !strings.Contains(got.header.Get(header), want) {
			b.t.Errorf("%s: %s: got %q, want %q in it", path, header, got.header.Get(header), want)
		}
	}
	if policy := got.header.Get("Content-Security-Policy"); strings.Contains(policy, "unsafe") || !strings.HasPrefix(policy, "default-src 'none'") {
		b.t.Errorf("%s: got the policy %q, want nothing unsafe in it", path, policy)
	}
}

func TestWrongKeysDoNotSignIn(t *testing.T) {
	s, _ := newService(t)
	b := newBrowser(t, s)
	for name, key := range map[string]string{"empty": "", "unknown": strings.Repeat("x", 40), "with a blank": "a b", "of the gate": gateKey} {
		if got := b.post("/console/login", url.Values{"key": {key}}); got.status < 400 || b.cookie() != nil {
			t.Errorf("a key that is %s: got status %d and the cookie %v, want it refused", name, got.status, b.cookie())
		}
	}
	for name, next := range map[string]string{"another site": "https://evil.example/console/", "no scheme": "//evil.example/console/", "a backslash": `/console/\evil.example`, "the API": "/v1/projects"} {
		if got := b.post("/console/login", url.Values{"key": {adminKey}, "next": {next}}); got.path != "/console/" {
			t.Errorf("signing in with a way to %s: got %s, want the first page", name, got.path)
		}
	}
	for name, forged := range map[string]string{"empty": "", "the key": adminKey, "made up": "ptc_" + strings.Repeat("A", 300)} {
		at, _ := url.Parse(b.at + "/console/")
		b.client.Jar.SetCookies(at, []*http.Cookie{{Name: console.Cookie, Value: forged, Path: "/console/"}})
		if got := b.get("/console/projects/default"); !strings.HasPrefix(got.path, "/console/login") {
			t.Errorf("a cookie that is %s: got %s, want the form for signing in", name, got.path)
		}
	}
}

// TestASessionIsGoodOnEveryReplica, and its value is no credential of the API.
func TestASessionIsGoodOnEveryReplica(t *testing.T) {
	at := startGate(t)
	shared := environ(t, at)
	one, other := newBrowser(t, open(t, shared, Options{})), newBrowser(t, open(t, shared, Options{}))
	one.signIn(adminKey)
	here, _ := url.Parse(other.at + "/console/")
	session := one.cookie()
	other.client.Jar.SetCookies(here, []*http.Cookie{{Name: session.Name, Value: session.Value, Path: "/console/"}})
	if got := other.get("/console/"); got.status != http.StatusOK || got.path != "/console/" {
		t.Errorf("a session on another replica: got status %d at %s, want the page", got.status, got.path)
	}
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, one.at+"/v1/projects", http.NoBody)
	r.Header.Set("Authorization", "Bearer "+session.Value)
	if got := one.do(r); got.status != http.StatusUnauthorized {
		t.Errorf("a session as a bearer of the API: got status %d, want 401", got.status)
	}
	one.post("/console/logout", nil)
	eventually(t, waitForKey, func() error {
		if got := other.get("/console/"); got.path != "/console/login" {
			return errors.New("the session goes on at " + got.path)
		}
		return nil
	})
}

// TestStoredNamesCannotBecomeMarkup: what people call things is text on every page.
func TestStoredNamesCannotBecomeMarkup(t *testing.T) {
	const markup = `<img src=x onerror="alert(1)">&amp;'"`
	s, made := newService(t)
	if _, err := s.Projects.UpdateProject(t.Context(), made.ID, func(p *projects.Project) error {
		p.Name = markup
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	key, err := s.Projects.CreateAdminKey(t.Context(), markup, projects.RoleAdmin, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := newBrowser(t, s)
	b.signIn(key.Value.Reveal())
	for _, path := range []string{"/console/", "/console/?q=" + url.QueryEscape(markup), "/console/projects/" + made.ID, "/console/projects/" + made.ID + "/rotate?mode=" + url.QueryEscape(markup)} {
		if got := b.get(path); got.status != http.StatusOK || strings.Contains(got.text, "<img src=x") || !strings.Contains(got.text, "&lt;img src=x") {
			t.Errorf("%s: got status %d, and the name as markup or not at all, want it as text", path, got.status)
		}
	}
}

// TestAPageIsLiveUntilTheSessionEnds follows a project's events while it is rotated
// and the person signs out.
func TestAPageIsLiveUntilTheSessionEnds(t *testing.T) {
	s, _ := newService(t)
	withActiveKey(t, s, projects.Default)
	b := newBrowser(t, s)
	b.signIn(adminKey)
	ctx, cancel := context.WithTimeout(t.Context(), 2*waitForKey)
	defer cancel()
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, b.at+"/console/live?page=/console/projects/default", http.NoBody)
	response, err := b.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if got := response.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Fatalf("got the type %q, want text/event-stream", got)
	}
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	until := func(want string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), want) {
				return
			}
		}
		t.Fatalf("the stream ended without %q: %v", want, lines.Err())
	}
	until("event: page")
	if got := b.post("/console/projects/default/keys/1/revoke", url.Values{"reason": {"to see it"}}); got.status != http.StatusOK {
		t.Fatalf("a revocation: got status %d, want 200", got.status)
	}
	until("revok")
	b.post("/console/logout", nil)
	until("event: over")
	if lines.Scan() {
		for lines.Scan() {
			if strings.Contains(lines.Text(), "event: page") {
				t.Error("got a page after the session, want the end of the stream")
			}
		}
	}
}

// TestAnOpenPageIsNoUseOfItsKey: the last use of an admin key tells an operator
// whether a person still needs it.
func TestAnOpenPageIsNoUseOfItsKey(t *testing.T) {
	s, _ := newService(t)
	made, err := s.Projects.CreateAdminKey(t.Context(), "Ann", projects.RoleAuditor, nil)
	if err != nil {
		t.Fatal(err)
	}
	session, err := s.browsers.BeginWithKey(t.Context(), made.ID)
	if err != nil {
		t.Fatal(err)
	}
	b := newBrowser(t, s)
	at, _ := url.Parse(b.at + "/console/")
	b.client.Jar.SetCookies(at, []*http.Cookie{{Name: console.Cookie, Value: session.Reveal(), Path: "/console/"}})
	used := func(id string) bool {
		list, err := s.Projects.AdminKeys(t.Context(), projects.Page{})
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(list.Items, func(k projects.AdminKey) bool { return k.ID == id && k.LastUsedAt != nil })
	}
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, b.at+"/console/live?page=/console/", http.NoBody)
	response, err := b.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := bufio.NewReader(response.Body).ReadString('\n'); err != nil { // the page was looked at
		t.Fatal(err)
	}
	other := newBrowser(t, s)
	other.signIn(adminKey)
	await := func(id string) {
		t.Helper()
		eventually(t, waitForKey, func() error {
			if !used(id) {
				return errors.New("no last use of " + id)
			}
			return nil
		})
	}
	await(projects.EnvironmentAdmin)
	if used(made.ID) {
		t.Error("a page that is only open: got a last use of its key, want none")
	}
	b.get("/console/")
	await(made.ID)
}

func TestWhereTheConsoleIs(t *testing.T) {
	at := startGate(t)
	for setting, want := range map[string]int{
		"PLAYTOKEN_LISTEN=127.0.0.1:8080": http.StatusOK, "PLAYTOKEN_LISTEN=[::1]:8080": http.StatusOK, "PLAYTOKEN_LISTEN=localhost:8080": http.StatusOK,
		"PLAYTOKEN_LISTEN=:8080": http.StatusNotFound, "PLAYTOKEN_LISTEN=0.0.0.0:8080": http.StatusNotFound, "PLAYTOKEN_CONSOLE=off": http.StatusNotFound,
		"PLAYTOKEN_LISTEN=:8080 PLAYTOKEN_CONSOLE=on": http.StatusOK, "PLAYTOKEN_CONSOLE_LISTEN=127.0.0.1:8090": http.StatusNotFound,
	} {
		b := newBrowser(t, open(t, environ(t, at, strings.Fields(setting)...), Options{}))
		if got := b.get("/console/login"); got.status != want {
			t.Errorf("%s: got status %d, want %d", setting, got.status, want)
		}
	}
}
