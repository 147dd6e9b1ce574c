package vaultkeys_test

import (
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"playtoken/signer"
	"playtoken/store"
	"playtoken/store/storetest"
)

// sentPaths is every path that a store may ask for, given any names at all.
var sentPaths = regexp.MustCompile(`^/v1/(kv-a/(data|metadata)/[a-z]+/[a-z0-9_]{7,40}` +
	`|transit-a/keys/[a-z0-9_]{7,40}(/config)?|transit-a/sign/[a-z0-9_]{7,40}/sha2-256)$`)

// useName uses the name in every way there is and returns what was sent.
func useName(t *testing.T, name string) (sent []string) {
	s := openFake(t, func(r *http.Request) (*http.Response, error) {
		sent = append(sent, r.Method+" "+r.URL.RequestURI())
		if !sentPaths.MatchString(r.URL.RequestURI()) || !strings.Contains(r.URL.Path, name) {
			t.Errorf("%q led to %s %s", name, r.Method, r.URL)
		}
		return nil, errors.New("recorded")
	})
	defer s.Close()
	ctx := t.Context()
	var errs [8]error
	_, errs[0] = s.Read(ctx, name)
	_, errs[1] = s.Write(ctx, name, nil, 0)
	_, errs[2] = s.Create(ctx, name, store.KeySpec{Kind: store.RSA2048})
	_, errs[3] = s.Describe(ctx, name)
	_, errs[4] = s.Sign(ctx, name, signer.RS256, digest(1))
	errs[5] = s.Destroy(ctx, name)
	_, errs[6] = s.Write(ctx, name, nil, 1)
	errs[7] = s.Delete(ctx, name)
	for i, err := range errs {
		if err == nil {
			t.Errorf("use %d of %q: no error", i, name)
		}
	}
	return sent
}

func TestBadNamesAreRefusedBeforeAnythingIsSent(t *testing.T) {
	bad := append(storetest.BadKeyNames(), storetest.BadDocumentNames()...)
	for _, name := range bad {
		if name == "default" { // a key's name
			continue
		}
		if sent := useName(t, name); len(sent) != 0 {
			t.Errorf("%.60q: sent %q", name, sent)
		}
	}
	if sent := useName(t, "ring/default"); len(sent) != 4 {
		t.Errorf("a document's name: sent %q", sent)
	}
	if sent := useName(t, "key_one"); len(sent) != 4 {
		t.Errorf("a key's name: sent %q", sent)
	}
}

func FuzzNamesStayInTheirMounts(f *testing.F) {
	for _, name := range []string{"ring/default", "key_one", "../sys/seal", "a/../../../sys/seal", "a%2fb", "abcdefg/config", "x?y=z#w"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) { useName(t, name) })
}
