package handlers_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"playtoken/handlers"
)

func basic(text string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(text)) }

// authorizations are headers and the responses to them.
var authorizations = []struct {
	name   string
	values []string
	status int
	detail string
}{
	{"bearer", []string{"Bearer " + apiKey}, 201, ""},
	{"scheme in any case", []string{"bEARER  " + apiKey + " "}, 201, ""},
	{"basic", []string{basic(apiKey + ":")}, 201, ""},
	{"admin, basic", []string{basic(adminKey + ":")}, 201, ""},

	{"none", nil, 401, `send "Authorization: Bearer <key>"`},
	{"empty", []string{""}, 401, "no scheme"},
	{"no scheme", []string{apiKey}, 401, `send "Authorization: Bearer <key>"`},
	{"only a scheme", []string{"Bearer "}, 401, "no scheme"},
	{"another scheme", []string{"Digest " + apiKey}, 401, "neither Bearer nor Basic"},
	{"the scheme twice", []string{"Bearer Bearer " + apiKey}, 401, "does not contain exactly one key"},
	{"two keys", []string{"Bearer " + apiKey + " " + adminKey}, 401, "does not contain exactly one key"},
	{"a tab", []string{"Bearer\t" + apiKey}, 401, "no scheme"},
	{"a tab after a space", []string{"Bearer \t" + apiKey}, 401, "does not contain exactly one key"},
	{"not ASCII", []string{"Bearer " + apiKey + "é"}, 401, "does not contain exactly one key"},
	{"basic, no colon", []string{basic(apiKey)}, 401, "does not contain exactly one key"},
	{"basic, a password", []string{basic(apiKey + ":x")}, 401, "does not contain exactly one key"},
	{"basic, the key as password", []string{basic(":" + apiKey)}, 401, "does not contain exactly one key"},
	{"basic, unpadded", []string{strings.TrimRight(basic(apiKey+"a:"), "=")}, 401, "does not contain exactly one key"},
	{"basic, not base64", []string{"Basic " + apiKey + ":"}, 401, "does not contain exactly one key"},
	{"too long", []string{"Bearer " + strings.Repeat("x", 9000)}, 401, "longer than 8192"},
	{"unknown", []string{"Bearer " + apiKey + "x"}, 401, "unknown, expired or deleted"},

	{"two headers", []string{"Bearer " + apiKey, "Bearer " + apiKey}, 400, "more than one"},
	{"two headers, one wrong", []string{"Bearer " + apiKey, "Bearer x"}, 400, "more than one"},
}

func TestAuthorizationHeaders(t *testing.T) {
	w, done := newWorld(t)
	defer done()
	for _, c := range authorizations {
		r := request("POST", "/v1/playback-tokens", "", `{"video_id":"vid1"}`)
		r.Header["Authorization"] = c.values
		got := w.send(r)
		if got.Code != c.status {
			t.Errorf("%s: %d, want %d\n%s", c.name, got.Code, c.status, got.Body)
			continue
		}
		if c.status == 201 {
			continue
		}
		if p := problemOf(t, got); !strings.Contains(p.Detail, c.detail) {
			t.Errorf("%s: got the detail %q, want one with %q", c.name, p.Detail, c.detail)
		}
		if strings.Contains(got.Body.String()+w.log.String(), strings.TrimRight(apiKey, "-")) {
			t.Errorf("%s: got the key in the response or the log, want it nowhere", c.name)
		}
		if challenge := got.Header().Get("WWW-Authenticate"); strings.HasPrefix(challenge, `Bearer realm="playtoken"`) != (c.status == 401) {
			t.Errorf("%s: got WWW-Authenticate %q, want a Bearer challenge only for 401", c.name, challenge)
		}
	}
}

func FuzzAuthorization(f *testing.F) {
	for _, seed := range []string{"", "Bearer x", basic("x:"), "Basic !", "bearer  \x00", "Basic Og==", "Bearer \u00a0x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		credential, err := handlers.Credential(http.Header{"Authorization": {header}})
		text := credential.Reveal()
		if (err == nil) != (text != "") {
			t.Fatalf("header %q: got the credential %q and the error %v, want exactly one of them", header, text, err)
		}
		if err != nil {
			return
		}
		for _, again := range []string{"Bearer " + text, basic(text + ":")} {
			if strings.Contains(text, ":") && strings.HasPrefix(again, "Basic") {
				continue // a Bearer key may have colons; a Basic user name cannot
			}
			same, err := handlers.Credential(http.Header{"Authorization": {again}})
			if err != nil || same.Reveal() != text {
				t.Fatalf("header %q is read as %q, but %q is not: %v; want the same", header, text, again, err)
			}
		}
	})
}
