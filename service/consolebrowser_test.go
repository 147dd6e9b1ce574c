package service

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"playtoken/projects"
	"playtoken/web/browsertest"
)

// tooWide lists what is wider than the page, outside of what scrolls by itself.
const tooWide = `document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll("body *")]
	.filter((e) => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".wide")).map((e) => e.outerHTML.slice(0, 120))`

// enter signs in with the keyboard.
func enter(t *testing.T, b *browser, tab *browsertest.Page) {
	t.Helper()
	tab.Open(t, b.at+"/console/login")
	browsertest.Eval[any](t, tab, `document.getElementById("key").value = "`+adminKey+`"`)
	tab.Press(t, "Enter")
	arrive(t, tab, `location.pathname === "/console/" && document.readyState === "complete"`)
}

// arrive returns once an expression is true on the page that a link or a form leads
// to. The page before it ends meanwhile, and what is asked of it then fails.
func arrive(t *testing.T, tab *browsertest.Page, expression string) {
	t.Helper()
	eventually(t, 60*time.Second, func() error {
		come, err := browsertest.Evaluate[bool](tab, expression)
		if err == nil && !come {
			err = errors.New("not yet: " + expression)
		}
		return err
	})
}

// consolePages are looked at in each size and colour.
var consolePages = map[string]string{
	"overview": "/console/", "project": "/console/projects/default", "year": "/console/projects/default?zoom=year",
	"revoke": "/console/projects/default/keys/1/revoke", "rotate": "/console/projects/default/rotate",
	"doctor": "/console/doctor", "project-doctor": "/console/projects/default/doctor",
	"drift": "/console/projects/default/drift", "metrics": "/console/metrics", "nothing": "/console/nothing",
	"projects": "/console/projects", "new-project": "/console/new-project/jws", "api-keys": "/console/projects/default/api-keys",
	"rule": "/console/projects/default/rule", "end-sessions": "/console/projects/default/sessions/end",
	"settings": "/console/projects/default/settings", "settings-form": "/console/projects/default/settings/viewers", "new-api-key": "/console/projects/default/api-keys/new",
	"operators": "/console/operators", "approvals": "/console/approvals", "audit": "/console/audit", "try": "/console/projects/default/try",
}

func TestTheConsoleFitsEveryScreenAndIsAccessible(t *testing.T) {
	if testing.Short() {
		t.Skip("real browsers take a while")
	}
	chromium := browsertest.Chromium(t)
	s, _ := examinedService(t)
	b := newBrowser(t, s)
	for _, dark := range []bool{false, true} {
		tab := chromium.Page(t)
		if dark {
			tab.Dark(t)
		}
		tab.Open(t, b.at+"/console/login")
		tab.Picture(t, fmt.Sprintf("console-login-dark-%v", dark))
		enter(t, b, tab)
		for name, path := range consolePages {
			tab.Open(t, b.at+path)
			for _, width := range []int{1440, 768, 390} {
				tab.Resize(t, width, 900)
				label := fmt.Sprintf("console-%s-%d-dark-%v", name, width, dark)
				tab.Picture(t, label)
				if wide := browsertest.Eval[[]string](t, tab, tooWide); len(wide) > 0 {
					t.Errorf("%s: got wider than the page: %s", label, strings.Join(wide, "\n"))
				}
				if width != 768 {
					tab.CheckAccess(t, label)
				}
			}
		}
	}
}

// TestAKeyIsRevokedWithTheKeyboardWhileAnotherPageFollows: every step is a link or a
// form, and the page of another person shows it without being loaded again.
func TestAKeyIsRevokedWithTheKeyboardWhileAnotherPageFollows(t *testing.T) {
	if testing.Short() {
		t.Skip("real browsers take a while")
	}
	for _, one := range browsertest.Browsers(t) {
		s, _ := newService(t)
		withActiveKey(t, s, projects.Default)
		b := newBrowser(t, s)
		tab := one.Page(t)
		enter(t, b, tab)
		follower := one.Page(t)
		enter(t, b, follower)
		follower.Open(t, b.at+"/console/projects/default")
		browsertest.Eval[any](t, follower, `(window.untouched = true)`)
		tab.Open(t, b.at+"/console/projects/default")
		browsertest.Eval[any](t, tab, `document.querySelector('a[href$="/keys/1/revoke"]').focus()`)
		tab.Press(t, "Enter")
		arrive(t, tab, `document.getElementById("f-reason") !== null`)
		browsertest.Eval[any](t, tab, `(document.getElementById("f-reason").focus(), document.getElementById("f-reason").value = "a laptop was lost")`)
		tab.Press(t, "Tab", "Enter")
		arrive(t, tab, `document.querySelector("h1").textContent === "Generation 1 is revoked"`)
		tab.Picture(t, "console-revoked-"+one.Name)
		follower.Await(t, 60*time.Second, `window.untouched && !document.querySelector('a[href$="/keys/1/revoke"]') && document.querySelector('a[href$="/keys/2/revoke"]') !== null`)
		follower.Picture(t, "console-followed-"+one.Name)
	}
}

// TestARuleIsCheckedWhileItIsTyped: with JavaScript, no button is needed.
func TestARuleIsCheckedWhileItIsTyped(t *testing.T) {
	if testing.Short() {
		t.Skip("real browsers take a while")
	}
	s, _ := newService(t)
	b := newBrowser(t, s)
	tab := browsertest.Chromium(t).Page(t)
	enter(t, b, tab)
	tab.Open(t, b.at+"/console/projects/default/rule")
	for rule, want := range map[string]string{`viewer.id ==`: "Line 1, column 13", `viewer.id == "ann"`: "It lets this viewer watch."} {
		browsertest.Eval[any](t, tab, fmt.Sprintf(`(() => { const rule = document.getElementById("rule"); rule.value = %q;
			rule.dispatchEvent(new Event("input", { bubbles: true })) })()`, rule))
		tab.Await(t, 60*time.Second, fmt.Sprintf(`document.getElementById("verdict").textContent.includes(%q)`, want))
	}
}
