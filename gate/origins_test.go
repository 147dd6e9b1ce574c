package gate_test

import (
	"strings"
	"testing"
	"time"

	"playtoken/gate"
)

func TestMediaAreOpenToConfiguredOrigins(t *testing.T) {
	public := open(t, films(), nil)
	named := open(t, films(), func(c *gate.Config) { c.Origins = []string{"https://site.example", "http://localhost:3000"} })
	for _, c := range []struct {
		w                    *world
		origin, allow, creds string
	}{
		{public, "https://any.example", "*", ""},
		{public, "", "*", ""},
		{named, "https://site.example", "https://site.example", "true"},
		{named, "http://localhost:3000", "http://localhost:3000", "true"},
		{named, "https://site.example:443", "", ""},
		{named, "http://site.example", "", ""},
		{named, "https://site.example.evil", "", ""},
		{named, "https://evil-site.example", "", ""},
		{named, "https://SITE.example", "", ""},
		{named, "null", "", ""},
		{named, "*", "", ""},
		{named, "", "", ""},
	} {
		checkOrigin(c.w, c.origin, c.allow, c.creds)
	}
}

func TestPreflightsAllowWhatPlayersSend(t *testing.T) {
	open(t, films(), nil).checkPreflight(map[string]string{
		"range": "range", "authorization,cmcd-request": "authorization,cmcd-request", "X-Own": "X-Own",
		"bad header": playerHeaders, "": playerHeaders, strings.Repeat("a", 2000): playerHeaders})
	open(t, films(), func(c *gate.Config) { c.Origins = []string{"https://site.example"} }).checkPreflight(
		map[string]string{"range": playerHeaders, "X-Own": playerHeaders})
}

const playerHeaders = "range, authorization, if-none-match, if-modified-since, if-range, cache-control, " +
	"cmcd-object, cmcd-request, cmcd-session, cmcd-status"

// checkPreflight maps the headers that a page asks for to those it may send.
func (w *world) checkPreflight(allowed map[string]string) {
	w.Helper()
	for asked, want := range allowed {
		a := w.do("OPTIONS", "/film/360/0.m4s", "", "Origin", "https://site.example",
			"Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", asked)
		h := a.header
		if a.status != 204 || h.Get("Access-Control-Allow-Headers") != want || h.Get("Access-Control-Allow-Methods") != "GET, HEAD" || h.Get("Access-Control-Max-Age") != "86400" {
			w.Errorf("preflight for %.40q: got %d %v, want the headers %q", asked, a.status, h, want)
		}
	}
}

func checkOrigin(w *world, origin, allow, credentials string) {
	w.Helper()
	for _, a := range []answer{
		w.get("/film/360/0.m4s?ticket="+w.ticket(video), "Origin", origin),
		w.get("/film/hls.m3u8", "Origin", origin), // a refusal
		w.do("OPTIONS", "/film/360/0.m4s", "", "Origin", origin, "Access-Control-Request-Method", "GET"),
	} {
		h := a.header
		if h.Get("Access-Control-Allow-Origin") != allow || h.Get("Access-Control-Allow-Credentials") != credentials {
			w.Errorf("origin %q: headers are %v, want %q, %q", origin, h, allow, credentials)
		}
		if allow != "*" && h.Get("Vary") != "Origin" {
			w.Errorf("origin %q: Vary is %q", origin, h.Get("Vary"))
		}
	}
	if a := w.api("GET", "/v2/jwt_keys", ""); a.header.Get("Access-Control-Allow-Origin") != "" {
		w.Error("the key API is open to pages")
	}
}

func TestTheLogHasNoTokensTicketsOrKeys(t *testing.T) {
	w := open(t, films(), func(c *gate.Config) { c.Forward = "nginx" })
	token, ticket := w.token(video, time.Minute), w.ticket(video)
	w.get("/film/360/0.m4s?ticket=" + ticket)
	w.get("/film?jwt=" + token + "x")
	w.get("/auth", "X-Original-URI", "/film/x?jwt="+token)
	w.get("/film", "Cookie", "playtoken="+ticket)
	w.do("GET", "/v2/jwt_keys", "", "Authorization", "Bearer "+apiKey+"x")
	w.server.Close() // now everything is logged
	text := w.log.String()
	for _, secret := range []string{token[:40], ticket[len(ticket)-20:], apiKey, "PUBLIC KEY", "jwt=", "ticket="} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is in the log:\n%s", secret, text)
		}
	}
	for _, known := range []string{`"path":"/film/360/0.m4s"`, `"code":"token_malformed"`, `"status":401`, `"request_id":"`} {
		if !strings.Contains(text, known) {
			t.Errorf("%q is not in the log:\n%s", known, text)
		}
	}
}
