package web_test

import (
	"testing"

	"playtoken/web/browsertest"
)

// chromium starts a browser for one test. These tests are the only ones that
// see a picture move.
func chromium(t *testing.T) *browsertest.Browser {
	t.Helper()
	if testing.Short() {
		t.Skip("plays video in real time")
	}
	t.Parallel() // most of it is waiting
	return browsertest.Chromium(t)
}

// newTab opens a page in a window of its own.
func newTab(t *testing.T, browser *browsertest.Browser, url string) *browsertest.Page {
	t.Helper()
	tab := browser.Page(t)
	tab.Open(t, url)
	return tab
}
