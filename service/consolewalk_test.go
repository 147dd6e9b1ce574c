package service

import (
	"cmp"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"playtoken/keyrotation"
	"playtoken/projects"
	"playtoken/web/browsertest"
)

// walker is a person at the console with a keyboard, in a browser that runs no
// scripts.
type walker struct {
	t   *testing.T
	at  string
	tab *browsertest.Page
}

// ask evaluates an expression. The page was loaded without scripts, so none of its
// own run meanwhile.
func ask[T any](w *walker, expression string) T {
	w.t.Helper()
	w.tab.Scripts(w.t, true)
	defer w.tab.Scripts(w.t, false)
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
		w.tab.Press(w.t, "Tab")
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
	}
	w.t.Fatalf("%s: got no further than %d of %d fields with Tab, want all, and the button %s", path, len(fields)-left, len(fields), button)
}

// leave presses Enter and returns on the next page.
func (w *walker) leave() {
	w.t.Helper()
	w.tab.Scripts(w.t, true)
	browsertest.Eval[any](w.t, w.tab, `(window.left = true)`)
	w.tab.Scripts(w.t, false)
	w.tab.Press(w.t, "Enter")
	w.tab.Scripts(w.t, true)
	arrive(w.t, w.tab, `!window.left && document.readyState === "complete"`)
	w.tab.Scripts(w.t, false)
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
// sign-out, in a real browser.
func TestEveryPageAndFormWorksWithAKeyboardAndWithoutScripts(t *testing.T) {
	if testing.Short() {
		t.Skip("a real browser takes a while")
	}
	chromium := browsertest.Chromium(t)
	s, _ := newService(t, "PLAYTOKEN_AUDIT=file:"+filepath.Join(t.TempDir(), "audit.jsonl"), "PLAYTOKEN_SCHEDULER=off", "PLAYTOKEN_APPROVALS=remove")
	withActiveKey(t, s, projects.Default)
	b := newBrowser(t, s)
	w := &walker{t: t, at: b.at, tab: chromium.Page(t)}
	w.tab.Scripts(t, false)
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
	inState(w.t, s, 1, keyrotation.Retiring)
	w.submit("/console/projects/default/keys/1/rollback", map[string]string{"reason": "a test"}, "Roll back")
	w.says("Back")
	inState(w.t, s, 1, keyrotation.Active)
	inState(w.t, s, 3, keyrotation.Registered)
	w.submit("/console/projects/default/keys/3/activate", map[string]string{"reason": "a test"}, "Activate")
	w.says("Back")
	inState(w.t, s, 3, keyrotation.Active)
	w.submit("/console/projects/default/keys/1/revoke", map[string]string{"reason": "a test"}, "Revoke")
	w.says("Generation 1 is revoked")
}

// inState rotates what is due until a key of the project default is in a state.
func inState(t *testing.T, s *Service, generation int, want keyrotation.State) {
	t.Helper()
	tenant, err := s.Tenant(t.Context(), projects.Default)
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
				return nil
			}
		}
		_, err = tenant.Rotator.Reconcile(t.Context(), keyrotation.Order{Actor: "test"})
		return cmp.Or(err, fmt.Errorf("generation %d is not %s", generation, want))
	})
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
