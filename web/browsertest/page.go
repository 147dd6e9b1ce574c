// Package browsertest opens pages in real browsers for the tests of other
// packages: Chromium over its own protocol, Firefox over WebDriver BiDi.
//
// The decision a newcomer would get wrong: tests ask a page only by JavaScript
// expressions, which are the same in both browsers, and wait inside the page,
// where a promise ends the moment that something happens.
package browsertest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// longest is how long a browser may take for one thing that it is told.
const longest = 3 * time.Minute

// Browser is a running browser that ends with its test.
type Browser struct {
	Name string // "Chromium" or "Firefox"
	open func(t *testing.T) (driver, error)
}

// driver is how a browser is told what to do with one page. Its methods return
// when that is done.
type driver interface {
	navigate(url string) error
	// evaluate returns the value of an expression that is a promise of a string.
	evaluate(expression string) (string, error)
	press(key string) error
	resize(width, height int) error
	screenshot() ([]byte, error)
	dark() error
	scripts(on bool) error
}

// Page is a page in a window of its own, with cookies of its own.
type Page struct {
	driver
	Browser string // the browser's name
}

// Browsers starts each browser that this machine has; a test without any is
// skipped.
func Browsers(t *testing.T) (all []*Browser) {
	t.Helper()
	for _, start := range []func(*testing.T) (*Browser, error){startChromium, startFirefox} {
		b, err := start(t)
		if errors.Is(err, errNotInstalled) {
			fmt.Fprintf(t.Output(), "NOT TESTED here: %v\n", err)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
	if len(all) == 0 {
		t.Skip("NOT TESTED: pages in a browser, because this machine has no browser")
	}
	return all
}

// Chromium starts Chromium, or skips the test on a machine without it.
func Chromium(t *testing.T) *Browser {
	t.Helper()
	return orSkip(t, startChromium)
}

// Firefox starts Firefox, or skips the test on a machine without it.
func Firefox(t *testing.T) *Browser {
	t.Helper()
	return orSkip(t, startFirefox)
}

var errNotInstalled = errors.New("not installed")

func orSkip(t *testing.T, start func(*testing.T) (*Browser, error)) *Browser {
	t.Helper()
	b, err := start(t)
	if errors.Is(err, errNotInstalled) {
		t.Skipf("NOT TESTED: pages in a browser: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Page opens a window that is gone when the test ends.
func (b *Browser) Page(t *testing.T) *Page {
	t.Helper()
	d, err := b.open(t)
	if err != nil {
		t.Fatalf("open a window of %s: %v", b.Name, err)
	}
	return &Page{driver: d, Browser: b.Name}
}

// Navigate loads an address and returns once its document has loaded.
func (p *Page) Navigate(url string) error { return p.navigate(url) }

// Open is Navigate for a test that ends if it fails.
func (p *Page) Open(t *testing.T, url string) {
	t.Helper()
	if err := p.navigate(url); err != nil {
		t.Fatalf("open a page in %s: %v", p.Browser, err)
	}
}

// Evaluate gives the value of an expression, or of its promise, as JSON has it.
// It fails if the expression or the promise does.
func Evaluate[T any](p *Page, expression string) (value T, err error) {
	text, err := p.evaluate("(async () => JSON.stringify(await (" + expression + ")) ?? 'null')()")
	if err != nil {
		return value, err
	}
	return value, json.Unmarshal([]byte(text), &value)
}

// Eval is Evaluate for a test that ends if it fails.
func Eval[T any](t *testing.T, p *Page, expression string) T {
	t.Helper()
	value, err := Evaluate[T](p, expression)
	if err != nil {
		t.Fatalf("in %s: %v", p.Browser, err)
	}
	return value
}

// Await returns once an expression is true, which it asks ten times a second.
func (p *Page) Await(t *testing.T, within time.Duration, expression string) {
	t.Helper()
	come := Eval[bool](t, p, fmt.Sprintf(`(async () => {
		for (const end = performance.now() + %d; performance.now() < end; await new Promise((next) => setTimeout(next, 100))) {
			if (%s) return true;
		}
		return false;
	})()`, within.Milliseconds(), expression))
	if !come {
		p.Picture(t, "gave-up-"+t.Name())
		t.Fatalf("%s: waiting for %s: got nothing within %v; the page says %q", p.Browser, expression, within, Eval[string](t, p, `document.body.innerText`))
	}
}

// Press presses keys one after the other: a character, Tab, Enter, Escape or
// an arrow, as KeyboardEvent.key calls it.
func (p *Page) Press(t *testing.T, keys ...string) {
	t.Helper()
	for _, key := range keys {
		if err := p.press(key); err != nil {
			t.Fatalf("press %s in %s: %v", key, p.Browser, err)
		}
	}
}

// Resize gives the page a size, in CSS pixels.
func (p *Page) Resize(t *testing.T, width, height int) {
	t.Helper()
	if err := p.resize(width, height); err != nil {
		t.Fatalf("resize a page of %s: %v", p.Browser, err)
	}
}

// Dark makes the viewer one who prefers dark pages. Only Chromium can.
func (p *Page) Dark(t *testing.T) {
	t.Helper()
	if err := p.dark(); err != nil {
		t.Fatalf("make %s dark: %v", p.Browser, err)
	}
}

// Scripts says whether pages may run scripts, as a viewer's settings do. Only
// Chromium can. Evaluate needs them: a page that was loaded without scripts runs
// none of its own afterwards.
func (p *Page) Scripts(t *testing.T, on bool) {
	t.Helper()
	if err := p.scripts(on); err != nil {
		t.Fatalf("switch scripts in %s: %v", p.Browser, err)
	}
}

// Picture keeps a screenshot for people to look at.
func (p *Page) Picture(t *testing.T, name string) {
	t.Helper()
	png, err := p.screenshot()
	if err != nil {
		t.Fatalf("screenshot of %s: %v", p.Browser, err)
	}
	dir := os.Getenv("PLAYTOKEN_TEST_ARTIFACTS")
	if dir == "" {
		dir = filepath.Join(moduleRoot(), "artifacts")
	}
	err = os.MkdirAll(dir, 0o755)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, strings.ReplaceAll(name, "/", "-")+".png"), png, 0o644)
	}
	if err != nil {
		t.Fatalf("keep a screenshot: %v", err)
	}
}

// moduleRoot is the folder above the test's own that holds go.mod.
func moduleRoot() string {
	dir := "."
	for range 8 {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		dir = filepath.Join(dir, "..")
	}
	return "."
}

// named keys are those that are not a character.
type named struct{ chromium, firefox string }

var namedKeys = map[string]named{
	"Tab":        {chromium: "\t", firefox: "\uE004"},
	"Enter":      {chromium: "\r", firefox: "\uE007"},
	"Escape":     {chromium: "\u001b", firefox: "\uE00C"},
	"ArrowLeft":  {chromium: "\u0302", firefox: "\uE012"},
	"ArrowUp":    {chromium: "\u0304", firefox: "\uE013"},
	"ArrowRight": {chromium: "\u0303", firefox: "\uE014"},
	"ArrowDown":  {chromium: "\u0301", firefox: "\uE015"},
}
