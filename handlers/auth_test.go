package handlers_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"playtoken/projects"
	"playtoken/store"
)

func TestAnAPIKeyIsExchangedForTokens(t *testing.T) {
	d, done := deploy(t)
	defer done()
	d.access.owner = projects.Caller{ID: "api_key_access", ProjectID: d.own.ID}
	const tokens = `{"token_type":"Bearer","expires_in":3600,"access_token":"aaa.bbb.ccc","refresh_token":"refresh-1"}`
	for _, prefix := range []string{"/v1", ""} {
		equal(t, d.ask("POST", prefix+"/auth/api-key", "", `{"apiKey":"`+d.keys["mint"]+`"}`), 200, tokens)
		equal(t, d.ask("POST", prefix+"/auth/refresh", "", `{"refreshToken":"refresh-1"}`), 200, tokens)
	}
	// Some clients send an Authorization header, too; it is ignored.
	equal(t, d.ask("POST", "/auth/api-key", "garbage", `{"apiKey":"`+d.keys["mint"]+`"}`), 200, tokens)
	lines := d.record.short()
	key := strings.Fields(lines[0])[0]
	want := []string{key + " api_key.exchange " + d.own.ID + " intent", key + " api_key.exchange " + d.own.ID + " ok", "api_key_access api_key.refresh " + d.own.ID + " ok"}
	if diff := cmp.Diff(want, lines[:3]); diff != "" || !strings.HasPrefix(key, "api_key_") || strings.Contains(fmt.Sprint(lines), d.keys["mint"]) {
		t.Errorf("on record, -want +got:\n%s", diff)
	}
}

func TestABadKeyIsAProblemThatBothAPIsUnderstand(t *testing.T) {
	d, done := deploy(t)
	defer done()
	for member, path := range map[string]string{"apiKey": "/auth/api-key", "refreshToken": "/v1/auth/refresh"} {
		got := d.ask("POST", path, "", `{"`+member+`":"canary-guess"}`)
		p := problemOf(t, got)
		if got.Code != 400 || p.Code != "authentication-invalid-user-credentials" || !strings.HasSuffix(p.Type, "/"+p.Code) ||
			p.Title != "The user credentials were incorrect." || decoded(t, got)["name"] != member {
			t.Errorf("%s: got %s, want a problem with api.video's code, type and title that names the member", path, got.Body)
		}
		if strings.Contains(got.Body.String()+d.log.String()+fmt.Sprint(d.record.short()), "canary") {
			t.Errorf("%s: got the presented credential in a response, the log or the audit log, want it nowhere", path)
		}
		for _, body := range []string{`{}`, `{"` + member + `":""}`, `{"` + member + `":5}`, `{"` + strings.ToLower(member) + `":"x"}`, `{"x":"y"}`, ``} {
			if got := short(d.ask("POST", path, "", body)); got != "400 invalid_request" {
				t.Errorf("%s %s: got %s, want 400 invalid_request", path, body, got)
			}
		}
	}
	d.access.err = fmt.Errorf("read: %w", store.ErrUnavailable)
	if got := short(d.ask("POST", "/v1/auth/api-key", "", `{"apiKey":"`+d.keys["mint"]+`"}`)); got != "503 signer_unavailable" {
		t.Errorf("exchange while the store is unavailable: got %s, want 503 signer_unavailable", got)
	}
}

func TestOnlyAPIKeysAreExchanged(t *testing.T) {
	d, done := deploy(t)
	defer done()
	for _, credential := range []string{adminKey, apiKey, accessToken, viewerToken, d.lost} {
		if got := short(d.ask("POST", "/v1/auth/api-key", "", `{"apiKey":"`+credential+`"}`)); got != "400 authentication-invalid-user-credentials" {
			t.Errorf("exchange of %s: got %s, want 400 authentication-invalid-user-credentials", credential, got)
		}
	}
}

func TestExchangesAreCountedByKey(t *testing.T) {
	d, done := deploy(t)
	defer done()
	for n := range 61 {
		got := short(d.ask("POST", "/v1/auth/api-key", "", `{"apiKey":"`+d.keys["mint"]+`"}`))
		if want := map[bool]string{true: "200", false: "429 rate_limited"}[n < 60]; got != want {
			t.Fatalf("call %d: got %s, want %s", n, got, want)
		}
	}
}

func TestTokensThatCannotBeRecordedAreNotReturned(t *testing.T) {
	d, done := deploy(t)
	defer done()
	d.record.err = errors.New("disk full")
	got := d.ask("POST", "/v1/auth/api-key", "", `{"apiKey":"`+d.keys["mint"]+`"}`)
	if short(got) != "503 audit_unavailable" || strings.Contains(got.Body.String(), accessToken) {
		t.Errorf("refresh that cannot be recorded: got %s, want 503 audit_unavailable without a token", got.Body)
	}
}

func TestTheKeySetMayBeCached(t *testing.T) {
	d, done := deploy(t)
	defer done()
	got := d.ask("GET", "/.well-known/jwks.json", "", "")
	if got.Code != 200 || strings.TrimSpace(got.Body.String()) != `{"keys":[]}` || got.Header().Get("Cache-Control") != "public, max-age=60" {
		t.Errorf("JWKS: got %d %s %v, want an empty set that may be cached for a minute", got.Code, got.Body, got.Header())
	}
	d.access.err = store.ErrUnavailable
	got = d.ask("GET", "/.well-known/jwks.json", "", "")
	if short(got) != "503 signer_unavailable" || got.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("JWKS while the store is unavailable: got %s %v, want 503 signer_unavailable that is not stored", got.Body, got.Header())
	}
}

// TestRefreshesAreCountedByTheirKey: a refresh token is charged to the API key that
// it belongs to, before it is used up.
func TestRefreshesAreCountedByTheirKey(t *testing.T) {
	d, done := deploy(t)
	defer done()
	d.access.owner = projects.Caller{ID: "api_key_access", ProjectID: d.own.ID}
	for n := range 61 {
		want := map[bool]string{true: "200", false: "429 rate_limited"}[n < 60]
		if got := short(d.ask("POST", "/v1/auth/refresh", "", `{"refreshToken":"refresh-1"}`)); got != want {
			t.Fatalf("refresh %d: got %s, want %s", n, got, want)
		}
	}
	if got := short(d.ask("POST", "/v1/auth/refresh", "", `{"refreshToken":"refresh-2"}`)); got != "400 authentication-invalid-user-credentials" {
		t.Errorf("unknown refresh token: got %s, want 400 authentication-invalid-user-credentials", got)
	}
}

// TestAUsedRefreshTokenIsOnRecord: a client that presents a token a second time may
// have stolen it.
func TestAUsedRefreshTokenIsOnRecord(t *testing.T) {
	d, done := deploy(t)
	defer done()
	d.access.owner, d.access.used = projects.Caller{ID: "api_key_access", ProjectID: d.own.ID}, true
	if got := short(d.ask("POST", "/v1/auth/refresh", "", `{"refreshToken":"refresh-1"}`)); got != "400 authentication-invalid-user-credentials" {
		t.Errorf("used refresh token: got %s, want 400 authentication-invalid-user-credentials", got)
	}
	want := "api_key_access api_key.refresh " + d.own.ID + " refresh_token_reused"
	if got := d.record.short(); len(got) == 0 || got[0] != want {
		t.Errorf("on record: got %q, want %q first", got, want)
	}
}
