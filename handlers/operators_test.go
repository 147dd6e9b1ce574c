package handlers_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"playtoken/projects"
	"playtoken/projects/operators"
	"playtoken/secret"
	"playtoken/store"
)

// signIn knows one code, and gives the admin key as its session.
type signIn struct {
	err   error
	ended string
}

func (s *signIn) Identify(_ context.Context, token secret.Value) (projects.Caller, error) {
	if !token.Equal(adminKey) {
		return projects.Caller{}, projects.ErrUnknownCaller
	}
	return projects.Caller{ID: "operator_ana", Name: "ana", Role: projects.RoleAdmin}, s.err
}

func (s *signIn) End(_ context.Context, token secret.Value) error {
	if s.err == nil {
		s.ended = "a session"
	}
	return s.err
}

func (s *signIn) EndAll(_ context.Context, operatorID string) error {
	if !strings.HasPrefix(operatorID, "operator_") {
		return projects.ErrNotFound
	}
	s.ended = operatorID
	return s.err
}

func (s *signIn) Begin(_ context.Context, start operators.Start) (location, cookie string, err error) {
	if start.Redirect == "" {
		return "", "", operators.ErrRedirect
	}
	return "https://login.example.com/auth?state=sealed", "bound", s.err
}

func (s *signIn) Finish(_ context.Context, answer url.Values, cookie string) (location string, err error) {
	if cookie != "bound" || answer.Get("state") != "sealed" {
		return "", operators.ErrRequest
	}
	return "http://127.0.0.1:4711/callback?code=one", s.err
}

func (s *signIn) Redeem(_ context.Context, code, verifier string) (operators.Session, error) {
	if code != "one" || verifier != "mine" {
		return operators.Session{}, operators.ErrRequest
	}
	return operators.Session{Token: secret.New(adminKey), ExpiresIn: 8 * time.Hour, Name: "ana", Role: projects.RoleAdmin}, s.err
}

func TestABrowserIsSentToTheProviderAndBack(t *testing.T) {
	d, done := deploy(t)
	defer done()
	got := d.ask("GET", "/v1/auth/operator/login?redirect_uri=http://127.0.0.1:4711/callback&state=s&code_challenge=c", "", "")
	cookie := got.Header().Get("Set-Cookie")
	if got.Code != http.StatusFound || got.Header().Get("Location") != "https://login.example.com/auth?state=sealed" ||
		!strings.HasPrefix(cookie, "playtoken_sign_in=bound; Path=/v1/auth/operator/callback;") || !strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "SameSite=Lax") {
		t.Errorf("login: got %d %v, want a redirect with a cookie for the callback alone", got.Code, got.Header())
	}
	r := request("GET", "/v1/auth/operator/callback?state=sealed&code=x", "", "")
	if got := short(d.send(r)); got != "400 invalid_request" {
		t.Errorf("callback in another browser: got %s, want 400 invalid_request", got)
	}
	r.Header.Set("Cookie", "playtoken_sign_in=bound")
	back := d.send(r)
	if back.Code != http.StatusFound || back.Header().Get("Location") != "http://127.0.0.1:4711/callback?code=one" || !strings.Contains(back.Header().Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("callback: got %d %v, want a redirect to the program, and the cookie deleted", back.Code, back.Header())
	}
}

// TestSignInsAreLimitedBySource: each step calls the identity provider.
func TestSignInsAreLimitedBySource(t *testing.T) {
	d, done := deploy(t)
	defer done()
	step := func(peer, path string) string {
		r := request("GET", path, "", "")
		r.RemoteAddr = peer + ":4711"
		return short(d.send(r))
	}
	const login, callback = "/v1/auth/operator/login?redirect_uri=x", "/v1/auth/operator/callback"
	for range 30 {
		if got := step("192.0.2.1", login) + step("192.0.2.1", callback); got != "302400 invalid_request" {
			t.Fatalf("within the limit: got %s, want 302 and 400 invalid_request", got)
		}
	}
	for _, path := range []string{login, callback} {
		if got := step("192.0.2.1", path); got != "429 rate_limited" {
			t.Errorf("%s above the limit: got %s, want 429 rate_limited", path, got)
		}
	}
	if got := step("192.0.2.2", login); got != "302" {
		t.Errorf("another client: got %s, want 302", got)
	}
}

func TestACodeIsExchangedForASessionOnRecord(t *testing.T) {
	d, done := deploy(t)
	defer done()
	const good = `{"code":"one","code_verifier":"mine"}`
	equal(t, d.ask("POST", "/v1/auth/operator/token", "", good), 200,
		`{"token_type":"Bearer","expires_in":28800,"access_token":"`+adminKey+`","name":"ana","role":"admin"}`)
	if got := d.record.short(); len(got) != 1 || got[0] != "admin operator.sign_in ok" {
		t.Errorf("on record: got %q, want the sign-in", got)
	}
	for body, want := range map[string]string{
		`{"code":"one","code_verifier":"other"}`: "400 invalid_request", `{"code":"two","code_verifier":"mine"}`: "400 invalid_request",
		`{"code":"one"}`: "400 invalid_request", `{}`: "400 invalid_request",
	} {
		if got := short(d.ask("POST", "/v1/auth/operator/token", "", body)); got != want {
			t.Errorf("%s: got %s, want %s", body, got, want)
		}
	}
	d.record.err = errors.New("disk full")
	if got := short(d.ask("POST", "/v1/auth/operator/token", "", good)); got != "503 audit_unavailable" {
		t.Errorf("sign-in that cannot be recorded: got %s, want 503 audit_unavailable", got)
	}
	d.signIn.err = store.ErrUnavailable
	if got := short(d.ask("POST", "/v1/auth/operator/token", "", good)); got != "503 signer_unavailable" {
		t.Errorf("while the store is away: got %s, want 503 signer_unavailable", got)
	}
}

// TestAnOperatorSignsOut with the session alone, also where the record cannot be
// written.
func TestAnOperatorSignsOut(t *testing.T) {
	d, done := deploy(t)
	defer done()
	const logout = "/v1/auth/operator/logout"
	for body, want := range map[string]string{`{"access_token":"guess"}`: "400 authentication-invalid-user-credentials", `{"access_token":""}`: "400 invalid_request", `{}`: "400 invalid_request"} {
		if got := short(d.ask("POST", logout, "", body)); got != want || d.signIn.ended != "" {
			t.Errorf("%s: got %s and ended %q, want %s and nothing", body, got, d.signIn.ended, want)
		}
	}
	d.record.entries = nil
	d.record.err = errors.New("disk full")
	if got := short(d.ask("POST", logout, "", `{"access_token":"`+adminKey+`"}`)); got != "204" || d.signIn.ended != "a session" {
		t.Errorf("logout: got %s and ended %q, want the session ended", got, d.signIn.ended)
	}
	d.signIn.err = store.ErrUnavailable
	if got := short(d.ask("POST", logout, "", `{"access_token":"`+adminKey+`"}`)); got != "503 signer_unavailable" {
		t.Errorf("logout while the store is away: got %s, want 503", got)
	}
}

func TestAnAdminEndsAnOperatorsSessions(t *testing.T) {
	d, done := deploy(t)
	defer done()
	const end = "/v1/operators/operator_ana/sessions/end"
	if got := short(d.ask("POST", end, adminKey, `{}`)); got != "400 invalid_request" || d.signIn.ended != "" {
		t.Errorf("without a reason: got %s and ended %q, want 400 and nothing", got, d.signIn.ended)
	}
	d.record.entries = nil
	if got := short(d.ask("POST", end, adminKey, because)); got != "204" || d.signIn.ended != "operator_ana" {
		t.Errorf("end: got %s and ended %q, want 204", got, d.signIn.ended)
	}
	want := []string{"admin operator.end_sessions operator_ana intent because", "admin operator.end_sessions operator_ana ok because"}
	if diff := cmp.Diff(want, d.record.short()); diff != "" {
		t.Errorf("recorded -want +got:\n%s", diff)
	}
}
