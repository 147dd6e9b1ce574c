package service

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"playtoken/keyrotation"
	"playtoken/projects"
	"playtoken/secret"
	"playtoken/web/browsertest"
)

// walker is a person at the console with a keyboard, in a browser that runs no
// scripts if it can be told to.
type walker struct {
	t         *testing.T
	at        string
	tab       *browsertest.Page
	unscripts bool
}

// scripts says whether pages may run scripts.
func (w *walker) scripts(on bool) {
	w.t.Helper()
	if w.unscripts {
		w.tab.Scripts(w.t, on)
	}
}

// ask evaluates an expression. Where the page was loaded without scripts, none of its
// own run meanwhile.
func ask[T any](w *walker, expression string) T {
	w.t.Helper()
	w.scripts(true)
	defer w.scripts(false)
	return browsertest.Eval[T](w.t, w.tab, expression)
}

// focused is the element that has the keyboard.
type focused struct{ Name, Kind, Label string }

const focusedElement = `(({ name = "", type = "", tagName, textContent }) =>
	({ Name: name, Kind: tagName === "BUTTON" ? "button" : type || tagName, Label: textContent.trim() }))(document.activeElement)`

// submit goes through a form with Tab, types into its fields and presses the button.
func (w *walker) submit(path string, fields map[string]string, button string) {
	w.t.Helper()
	w.tab.Open(w.t, w.at+path)
	if button != "Sign out" && button != "Sign in" {
		w.tab.Press(w.t, "Tab", "Enter") // past the menu, with the page's first link
	}
	left := len(fields)
	for range 80 {
		switch on := ask[focused](w, focusedElement); {
		case on.Kind == "button" && on.Label == button && left == 0:
			w.leave()
			return
		case on.Kind == "checkbox" && fields[on.Name] != "":
			w.tab.Press(w.t, " ")
			left--
		case on.Name != "" && fields[on.Name] != "":
			w.tab.Press(w.t, strings.Split(fields[on.Name], "")...) // a field's text is selected, and is replaced
			left--
		}
		w.tab.Press(w.t, "Tab")
	}
	w.t.Fatalf("%s: got no further than %d of %d fields with Tab, want all, and the button %s", path, len(fields)-left, len(fields), button)
}

// leave presses Enter and returns on the next page.
func (w *walker) leave() {
	w.t.Helper()
	ask[any](w, `(window.left = true)`)
	w.tab.Press(w.t, "Enter")
	w.scripts(true)
	arrive(w.t, w.tab, `!window.left && document.readyState === "complete"`)
	w.scripts(false)
}

// says ends the test unless the page has a text.
func (w *walker) says(want string) {
	w.t.Helper()
	if got := ask[string](w, `document.body.innerText`); !strings.Contains(got, want) {
		w.t.Fatalf("got the page %q, want %q in it", got, want)
	}
}

// link is the address of the first link whose address has a text in it.
func (w *walker) link(path, part string) string {
	w.t.Helper()
	w.tab.Open(w.t, w.at+path)
	return ask[string](w, fmt.Sprintf(`[...document.links].map((l) => l.pathname).find((p) => p.includes(%q)) ?? ""`, part))
}

// TestEveryPageAndFormWorksWithAKeyboardAndWithoutScripts: from the sign-in to the
// sign-out, in real browsers. Of these, only Chromium can be told to run no scripts.
func TestEveryPageAndFormWorksWithAKeyboardAndWithoutScripts(t *testing.T) {
	if testing.Short() {
		t.Skip("real browsers take a while")
	}
	for _, one := range browsertest.Browsers(t) {
		t.Run(one.Name, func(t *testing.T) { walk(t, one) })
	}
}

// walk goes through every form.
func walk(t *testing.T, in *browsertest.Browser) {
	t.Helper()
	s, _ := newService(t, "PLAYTOKEN_AUDIT=file:"+filepath.Join(t.TempDir(), "audit.jsonl"), "PLAYTOKEN_SCHEDULER=off", "PLAYTOKEN_APPROVALS=remove",
		"PLAYTOKEN_URL=http://127.0.0.1", "PLAYTOKEN_OPERATOR_ISSUER=http://127.0.0.1/provider", "PLAYTOKEN_OPERATOR_CLIENT_ID=playtoken", `PLAYTOKEN_OPERATOR_ROLES="auditor"`)
	withActiveKey(t, s, projects.Default)
	b := newBrowser(t, s)
	w := &walker{t: t, at: b.at, tab: in.Page(t), unscripts: in.Name == "Chromium"}
	w.scripts(false)
	w.submit("/console/login?", map[string]string{"key": adminKey}, "Sign in")
	w.says("Overview")
	for name, path := range consolePages {
		w.tab.Open(t, w.at+path)
		if !ask[bool](w, `!!document.querySelector("h1") && [...document.querySelectorAll("button")].every((b) => b.form)`) {
			t.Errorf("%s: got no heading, or a button that does nothing without scripts", name)
		}
	}
	w.keepsAProject()
	w.keepsCallers()
	w.movesKeys(s)
	w.releasesAndMoves(s)
	w.waitsAndApproves(s, b)
	w.submit("/console/projects/default/sessions/end", map[string]string{"by": "A", "reason": "a test"}, "End them")
	w.says("The sessions end")
	w.submit("/console/", nil, "Sign out")
	w.says("Admin key")
}

// keepsAProject makes a project, changes all of it, and deletes it.
func (w *walker) keepsAProject() {
	w.t.Helper()
	const reason = "a test"
	w.submit("/console/new-project/jwplayer", map[string]string{"name": "Shop", "platform_credential.signing_secret": "a-secret-of-some-length", "reason": reason}, "Create")
	w.says("Shop is saved")
	at := ask[string](w, `[...document.links].map((l) => l.pathname).find((p) => p.includes("/projects/project_"))`)
	w.submit(at+"/edit", map[string]string{"name": "Shop 2", "reason": reason}, "Save")
	w.says("Shop 2 is saved")
	for name, fields := range map[string]map[string]string{
		"tokens": {"token_policy.default_ttl": "4m", "token_policy.audit_mints": "on"}, "rotation": {"rotation_policy.key_budget": "41"},
		"viewers": {"viewer_policy.origins": "https://shop.example"}, "webhook": {"viewer_policy.webhook.url": "https://shop.example/x", "viewer_policy.webhook_secret": "c2VjcmV0LWZvci10ZXN0cy0wMTIzNDU2Nzg5YWI="},
	} {
		fields["reason"] = reason
		w.submit(at+"/settings/"+name, fields, "Save")
		w.says("is saved")
	}
	w.submit(at+"/settings", nil, "Ask the platform about this account")
	w.says("no call that tells")
	w.submit(at+"/rule", map[string]string{"rule": "true"}, "Check")
	w.says("The rule can be saved")
	w.submit(at+"/rule", map[string]string{"rule": "true", "reason": reason}, "Save")
	w.says("Saved")
	w.submit(at+"/delete", map[string]string{"reason": reason}, "Delete")
	w.says("The project is deleted")
}

// keepsCallers makes an API key and an admin key, and takes them away.
func (w *walker) keepsCallers() {
	w.t.Helper()
	const at = "/console/projects/default/api-keys"
	w.submit(at+"/new", map[string]string{"name": "web", "reason": "a test"}, "Create")
	w.says("This is the only time that it is shown")
	key := strings.TrimSuffix(w.link(at, "/delete"), "/delete")
	w.submit(key+"/edit", map[string]string{"description": "x", "reason": "a test"}, "Save")
	w.says("web is saved")
	w.submit(key+"/end-tokens", map[string]string{"reason": "a test"}, "End tokens")
	w.says("Done")
	w.submit(key+"/delete", map[string]string{"reason": "a test"}, "Delete")
	w.says("Done")
	w.submit("/console/operators/new", map[string]string{"name": "ann", "role": "o", "reason": "a test"}, "Create")
	w.says("This is the only time that it is shown")
	w.submit(w.link("/console/operators", "/delete"), map[string]string{"reason": "a test"}, "Delete")
	w.says("The admin key is deleted")
	w.submit("/console/operators/end-sessions", map[string]string{"operator_id": "operator_" + strings.Repeat("a", 26), "reason": "a test"}, "End them")
	w.says("The sessions are over")
}

// movesKeys makes and inspects a token, rotates, goes back, activates the standby and
// revokes.
func (w *walker) movesKeys(s *Service) {
	w.t.Helper()
	w.submit(tryAt, map[string]string{"video_id": "vid1"}, "Make a token")
	w.says("The platform accepts it")
	w.submit(tryAt, map[string]string{"token": "x.y.z"}, "Inspect")
	w.says("The platform refuses it")
	w.submit("/console/projects/default/rotate", map[string]string{"mode": "A", "reason": "a test"}, "Rotate")
	w.says("Back")
	inState(w.t, s, projects.Default, 1, keyrotation.Retiring)
	w.submit("/console/projects/default/keys/1/rollback", map[string]string{"reason": "a test"}, "Roll back")
	w.says("Back")
	inState(w.t, s, projects.Default, 1, keyrotation.Active)
	inState(w.t, s, projects.Default, 3, keyrotation.Registered)
	w.submit("/console/projects/default/keys/3/activate", map[string]string{"reason": "a test"}, "Activate")
	w.says("Back")
	inState(w.t, s, projects.Default, 3, keyrotation.Active)
	w.submit("/console/projects/default/keys/1/revoke", map[string]string{"reason": "a test"}, "Revoke")
	w.says("Generation 1 is revoked")
}

// forgetfulGate is a gate that does not show one of its keys for a while.
type forgetfulGate struct {
	url    string
	hidden atomic.Value // id of the key, a string
}

func hideKeys(t *testing.T, gate string) *forgetfulGate {
	t.Helper()
	target, err := url.Parse(gate)
	if err != nil {
		t.Fatal(err)
	}
	f := &forgetfulGate{}
	f.hide("")
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, ModifyResponse: f.withhold}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if id := f.hidden.Load().(string); id != "" && strings.HasSuffix(r.URL.Path, "/jwt_keys/"+id) {
			r.URL.Path += "-that-is-gone"
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	f.url = server.URL
	return f
}

func (f *forgetfulGate) hide(id string) { f.hidden.Store(id) }

// withhold leaves the hidden key out of a list of keys.
func (f *forgetfulGate) withhold(r *http.Response) error {
	if r.Request.Method != http.MethodGet || !strings.HasSuffix(r.Request.URL.Path, "/jwt_keys") {
		return nil
	}
	var list map[string]any
	if err := json.NewDecoder(r.Body).Decode(&list); err != nil {
		return err
	}
	keys, _ := list["result"].([]any)
	list["result"] = slices.DeleteFunc(keys, func(key any) bool { return key.(map[string]any)["id"] == f.hidden.Load() })
	text, err := json.Marshal(list)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	r.Header.Set("Content-Length", strconv.Itoa(len(text)))
	return err
}

// connectedAsVidbeo are the settings of a gate that is connected as Vidbeo.
func connectedAsVidbeo(gate string) map[string]string {
	set := map[string]string{"url": gate + "/v2"}
	for _, name := range []string{"landing_url", "embed_url", "hls_url"} {
		set[name] = gate + "/{video_id}?jwt={token}"
	}
	return set
}

// releasesAndMoves releases a key that the platform did not show for a while, and moves
// its project to the platform gate.
func (w *walker) releasesAndMoves(s *Service) {
	w.t.Helper()
	gate := hideKeys(w.t, startGate(w.t))
	made, err := s.Projects.CreateProject(w.t.Context(), projects.Project{
		Name: "films", Platform: "vidbeo", Settings: connectedAsVidbeo(gate.url),
		Credential: map[string]secret.Value{"api_key": secret.New(gateKey)},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	gate.hide(inState(w.t, s, made.ID, 2, keyrotation.Registered).KeyID)
	inState(w.t, s, made.ID, 2, keyrotation.Quarantined)
	gate.hide("")
	page := "/console/projects/" + made.ID
	w.submit(page+"/keys/2/release", map[string]string{"reason": "a test"}, "Release")
	w.says("Back")
	inState(w.t, s, made.ID, 2, keyrotation.Registered)
	w.submit(page+"/platform", map[string]string{"platform_credential.api_key": gateKey, "reason": "a test"}, "Move")
	w.says("The platform accepts the account")
	if p, err := s.Projects.Project(w.t.Context(), made.ID); err != nil || p.Platform != "gate" {
		w.t.Errorf("after the move: got the platform %s, %v, want gate", p.Platform, err)
	}
}

// inState rotates what is due until a key of a project is in a state.
func inState(t *testing.T, s *Service, project string, generation int, want keyrotation.State) (found keyrotation.Key) {
	t.Helper()
	tenant, err := s.Tenant(t.Context(), project)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, waitForKey, func() error {
		ring, err := tenant.Rotator.Ring(t.Context())
		if err != nil {
			return err
		}
		for _, key := range ring.Keys {
			if key.Generation == generation && key.State == want {
				found = key
				return nil
			}
		}
		_, err = tenant.Rotator.Reconcile(t.Context(), keyrotation.Order{Actor: "test"})
		return cmp.Or(err, fmt.Errorf("generation %d is not %s", generation, want))
	})
	return found
}

// waitsAndApproves asks for the removal of a key that another party made, which waits,
// and approves what another operator asked for.
func (w *walker) waitsAndApproves(s *Service, other *browser) {
	w.t.Helper()
	mine, theirs := foreignKey(w.t, s), foreignKey(w.t, s)
	w.submit("/console/projects/default/remove?key_id="+mine, map[string]string{"reason": "a test"}, "Remove")
	w.says("This waits for a second operator")
	other.signIn(operatorKey(w.t, s, projects.RoleOperator))
	asked := other.post("/console/projects/default/remove", because(url.Values{"key_id": {theirs}}))
	if !strings.Contains(asked.text, "This waits for a second operator") {
		w.t.Fatalf("a removal by another operator: got %d, want it to wait: %s", asked.status, asked.text)
	}
	approval := found(w.t, regexp.MustCompile(`<code>(approval_[a-z0-9]+)</code>`), asked.text)
	w.submit("/console/approvals/"+approval+"/approve", map[string]string{"reason": "a test"}, "Approve")
	w.says("Back")
	w.tab.Open(w.t, w.at+"/console/projects/default/drift")
	if shown := ask[string](w, `document.body.innerText`); !strings.Contains(shown, mine) || strings.Contains(shown, theirs) {
		w.t.Errorf("after the approval: got %q, want the key %s and not %s", shown, mine, theirs)
	}
}

// foreignKey registers a key at the platform of the project default that is not ours.
func foreignKey(t *testing.T, s *Service) (id string) {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := keyrotation.EncodePublicKey(&private.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	tenant, err := s.Tenant(t.Context(), projects.Default)
	if err == nil {
		id, err = tenant.Platform.Registrar.Register(t.Context(), "by hand", public)
	}
	if err != nil {
		t.Fatal(err)
	}
	return id
}
