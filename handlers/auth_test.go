package handlers_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"playtoken/store"
)

func TestAnAPIKeyIsExchangedForTokens(t *testing.T) {
	d, done := deploy(t)
	defer done()
	const tokens = `{"token_type":"Bearer","expires_in":3600,"access_token":"aaa.bbb.ccc","refresh_token":"refresh-1"}`
	for _, prefix := range []string{"/v1", ""} {
		equal(t, d.ask("POST", prefix+"/auth/api-key", "", `{"apiKey":"`+d.keys["mint"]+`"}`), 200, tokens)
		equal(t, d.ask("POST", prefix+"/auth/refresh", "", `{"refreshToken":"refresh-1"}`), 200, tokens)
	}
	// Clients send an Authorization of their own along; it says nothing.
	equal(t, d.ask("POST", "/auth/api-key", "garbage", `{"apiKey":"`+d.keys["mint"]+`"}`), 200, tokens)
	lines := d.record.short()
	key := strings.Fields(lines[0])[0]
	want := []string{key + " api_key.exchange " + d.own.ID + " intent", key + " api_key.exchange " + d.own.ID + " ok", "api_key_access api_key.refresh " + d.own.ID + " ok"}
	if diff := cmp.Diff(want, lines[:3]); diff != "" || !strings.HasPrefix(key, "api_key_") || strings.Contains(fmt.Sprint(lines), d.keys["mint"]) {
		t.Errorf("on record, -want +got:\n%s", diff)
	}
}

func TestABadKeyIsAProblemOfBothKinds(t *testing.T) {
	d, done := deploy(t)
	defer done()
	for member, path := range map[string]string{"apiKey": "/auth/api-key", "refreshToken": "/v1/auth/refresh"} {
		got := d.ask("POST", path, "", `{"`+member+`":"canary-guess"}`)
		p := problemOf(t, got)
		if got.Code != 400 || p.Code != "authentication-invalid-user-credentials" || !strings.HasSuffix(p.Type, "/"+p.Code) ||
			p.Title != "The user credentials were incorrect." || decoded(t, got)["name"] != member {
			t.Errorf("%s: %s", path, got.Body)
		}
		if strings.Contains(got.Body.String()+d.log.String()+fmt.Sprint(d.record.short()), "canary") {
			t.Errorf("%s: what was presented came out", path)
		}
		for _, body := range []string{`{}`, `{"` + member + `":""}`, `{"` + member + `":5}`, `{"` + strings.ToLower(member) + `":"x"}`, `{"x":"y"}`, ``} {
			if got := short(d.ask("POST", path, "", body)); got != "400 invalid_request" {
				t.Errorf("%s %s: %s", path, body, got)
			}
		}
	}
	d.access.err = fmt.Errorf("read: %w", store.ErrUnavailable)
	if got := short(d.ask("POST", "/v1/auth/api-key", "", `{"apiKey":"`+d.keys["mint"]+`"}`)); got != "503 signer_unavailable" {
		t.Errorf("without the store: %s", got)
	}
}

func TestWhatIsNoAPIKeyIsNotExchanged(t *testing.T) {
	d, done := deploy(t)
	defer done()
	for _, credential := range []string{adminKey, apiKey, accessToken, viewerToken, d.lost} {
		if got := short(d.ask("POST", "/v1/auth/api-key", "", `{"apiKey":"`+credential+`"}`)); got != "400 authentication-invalid-user-credentials" {
			t.Errorf("%s: %s", credential, got)
		}
	}
}

func TestExchangesAreCountedByKey(t *testing.T) {
	d, done := deploy(t)
	defer done()
	for n := range 61 {
		got := short(d.ask("POST", "/v1/auth/api-key", "", `{"apiKey":"`+d.keys["mint"]+`"}`))
		if want := map[bool]string{true: "200", false: "429 rate_limited"}[n < 60]; got != want {
			t.Fatalf("call %d: %s", n, got)
		}
	}
}

func TestTokensThatAreNotOnRecordAreNotHandedOut(t *testing.T) {
	d, done := deploy(t)
	defer done()
	d.record.err = errors.New("disk full")
	got := d.ask("POST", "/v1/auth/api-key", "", `{"apiKey":"`+d.keys["mint"]+`"}`)
	if short(got) != "503 audit_unavailable" || strings.Contains(got.Body.String(), accessToken) {
		t.Errorf("%s", got.Body)
	}
}

func TestTheKeySetMayBeKeptForAMoment(t *testing.T) {
	d, done := deploy(t)
	defer done()
	got := d.ask("GET", "/.well-known/jwks.json", "", "")
	if got.Code != 200 || strings.TrimSpace(got.Body.String()) != `{"keys":[]}` || got.Header().Get("Cache-Control") != "public, max-age=60" {
		t.Errorf("%d %s %v", got.Code, got.Body, got.Header())
	}
	d.access.err = store.ErrUnavailable
	got = d.ask("GET", "/.well-known/jwks.json", "", "")
	if short(got) != "503 signer_unavailable" || got.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%s %v", got.Body, got.Header())
	}
}
