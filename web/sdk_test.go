package web_test

import (
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"playtoken/web"
)

func newSDK(t *testing.T) *web.SDK {
	t.Helper()
	sdk, err := web.NewSDK()
	if err != nil {
		t.Fatal(err)
	}
	return sdk
}

func TestTheSDKIsServedForEveryPage(t *testing.T) {
	sdk := newSDK(t)
	for name, hash := range sdk.Integrity() {
		got := httptest.NewRecorder()
		if !sdk.Serve(got, httptest.NewRequest("GET", "/", nil), sdk.Version(), name) {
			t.Fatalf("%s is not served", name)
		}
		want, err := os.ReadFile(filepath.Join("sdk", "src", name))
		if err != nil || got.Body.String() != string(want) {
			t.Errorf("%s: got %d bytes, %v, want the source as it is", name, got.Body.Len(), err)
		}
		if sum := sha512.Sum384(want); hash != "sha384-"+base64.StdEncoding.EncodeToString(sum[:]) {
			t.Errorf("%s: got the integrity %s, want that of the source", name, hash)
		}
		for header, want := range map[string]string{
			"Content-Type": "text/javascript; charset=utf-8", "Access-Control-Allow-Origin": "*", "X-Content-Type-Options": "nosniff",
			"Cache-Control": "public, max-age=31536000, immutable", "Cross-Origin-Resource-Policy": "cross-origin",
		} {
			if got := got.Header().Get(header); got != want {
				t.Errorf("%s: got %s %q, want %q", name, header, got, want)
			}
		}
	}
}

func TestOnlyOurOwnVersionIsCachedForEver(t *testing.T) {
	sdk := newSDK(t)
	major, _, _ := strings.Cut(sdk.Version(), ".")
	for version, want := range map[string]string{
		sdk.Version(): "public, max-age=31536000, immutable", major: "public, max-age=300",
		sdk.Version()[:strings.LastIndex(sdk.Version(), ".")]: "public, max-age=300",
		"": "", "latest": "", "99": "", sdk.Version() + ".0": "", major + ".": "", "..": "",
	} {
		got := httptest.NewRecorder()
		ok := sdk.Serve(got, httptest.NewRequest("GET", "/", nil), version, "index.js")
		if caching := got.Header().Get("Cache-Control"); ok != (want != "") || caching != want || !ok && got.Body.Len()+len(got.Header()) > 0 {
			t.Errorf("version %q: got %v, %q, want %q", version, ok, caching, want)
		}
	}
}

func TestWhatABrowserHasIsNotSentAgain(t *testing.T) {
	sdk := newSDK(t)
	first := httptest.NewRecorder()
	sdk.Serve(first, httptest.NewRequest("GET", "/", nil), sdk.Version(), "index.js")
	again := httptest.NewRequest("GET", "/", nil)
	again.Header.Set("If-None-Match", first.Header().Get("ETag"))
	got := httptest.NewRecorder()
	if sdk.Serve(got, again, sdk.Version(), "index.js"); got.Code != 304 || got.Body.Len() > 0 {
		t.Errorf("got %d with %d bytes, want 304 without a body", got.Code, got.Body.Len())
	}
	head := httptest.NewRecorder()
	if sdk.Serve(head, httptest.NewRequest("HEAD", "/", nil), sdk.Version(), "index.js"); head.Code != 200 || head.Body.Len() > 0 {
		t.Errorf("HEAD: got %d with %d bytes, want 200 without a body", head.Code, head.Body.Len())
	}
}

// TestBrowsersGetNoMore: what holds an API key stays where it is, and what is
// served imports nothing that is not.
func TestBrowsersGetNoMore(t *testing.T) {
	sdk := newSDK(t)
	for _, name := range []string{"server.js", "server-error.js", "../package.json", "package.json", "", "src/index.js", "index.ts", "INDEX.js"} {
		got := httptest.NewRecorder()
		if sdk.Serve(got, httptest.NewRequest("GET", "/", nil), sdk.Version(), name) {
			t.Errorf("%q is served, want nothing", name)
		}
	}
	files := sdk.Integrity()
	imports := regexp.MustCompile(`(?m)^(?:import|export)[^"]*?from "\./([^"]+)"|^import "\./([^"]+)"|import\("\./([^"]+)"\)\.then`)
	for name := range files {
		text, err := os.ReadFile(filepath.Join("sdk", "src", name))
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range imports.FindAllStringSubmatch(string(text), -1) {
			if imported := match[1] + match[2] + match[3]; files[imported] == "" {
				t.Errorf("%s imports %s, which is not served", name, imported)
			}
		}
	}
}

// TestEveryEntryPointForBrowsersIsServed holds the package's exports against
// what is served.
func TestEveryEntryPointForBrowsersIsServed(t *testing.T) {
	text, err := os.ReadFile("sdk/package.json")
	if err != nil {
		t.Fatal(err)
	}
	var about struct {
		Exports map[string]json.RawMessage
	}
	if err := json.Unmarshal(text, &about); err != nil {
		t.Fatal(err)
	}
	files := newSDK(t).Integrity()
	for entry, at := range about.Exports {
		var where struct{ Default string }
		if entry == "./server" || json.Unmarshal(at, &where) != nil {
			continue
		}
		name := filepath.Base(where.Default)
		if _, err := os.Stat(filepath.Join("sdk", "src", name)); err == nil && files[name] == "" {
			t.Errorf("%s of the package is not served", entry)
		}
	}
}
