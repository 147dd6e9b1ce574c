package docs_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"playtoken/platforms/cloudfront/cloudfronttest"
	"playtoken/platforms/standin"
	"playtoken/secret"
)

// block writes the page's block of a language to a file, as with has it.
func block(ts *testscript.TestScript, _ bool, args []string) {
	s := ts.Value(scriptKey{}).(*script)
	if len(args) != 2 || s.page == nil || s.page.page.blocks[args[0]] == "" {
		ts.Fatalf("block: got %q, want LANGUAGE FILE and a page with such a block", args)
	}
	text := strings.NewReplacer(s.replace...).Replace(s.page.page.blocks[args[0]])
	ts.Check(os.WriteFile(filepath.Clean(args[1]), []byte(text), 0o600))
}

// files serves a folder, to clients that send no tokens; NAME becomes its
// address.
func files(ts *testscript.TestScript, _ bool, args []string) {
	t, folder := ts.Value(scriptKey{}).(*script).t, http.FileServer(http.Dir(args[1]))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "" || r.Header.Get("Cookie") != "" || r.Header.Get("Authorization") != "" {
			t.Errorf("the file server is sent %s with the headers %v, want no token", r.URL, r.Header)
		}
		folder.ServeHTTP(w, r)
	}))
	ts.Defer(server.Close)
	ts.Setenv(args[0], server.Listener.Addr().String())
}

// cloudFront starts a stand-in for AWS, whose key group has one key that is not ours.
func cloudFront(ts *testscript.TestScript, _ bool, args []string) {
	keys := standin.New(standin.Options{})
	account := cloudfronttest.New(standin.World{
		Keys: keys, Credential: map[string]secret.Value{"access_key_id": secret.New("test"), "secret_access_key": secret.New("secret")},
	}, 100*time.Millisecond)
	account.Put(keys.Add("floor", standin.PublicKey(0)))
	server := httptest.NewServer(account)
	ts.Defer(server.Close)
	ts.Setenv(args[0], server.URL)
}
