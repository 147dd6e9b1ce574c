package viewers_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"playtoken/projects"
	"playtoken/projects/viewers"
)

func TestPoliciesThatCanBeSaved(t *testing.T) {
	audiences := []string{"player"}
	one := func(url string) projects.ViewerPolicy {
		return projects.ViewerPolicy{Issuers: []projects.Issuer{{URL: url, Audiences: audiences}}}
	}
	hooked := func(url string, timeout int64) projects.ViewerPolicy {
		return projects.ViewerPolicy{Webhook: &projects.Webhook{URL: url, Timeout: timeout}}
	}
	with := func(audiences ...string) projects.ViewerPolicy {
		return projects.ViewerPolicy{Issuers: []projects.Issuer{{URL: "https://login.example.com", Audiences: audiences}}}
	}
	var many projects.ViewerPolicy
	for n := range 11 {
		many.Issuers = append(many.Issuers, projects.Issuer{URL: fmt.Sprintf("https://login%d.example.com", n), Audiences: audiences})
	}
	twice := one("https://login.example.com")
	twice.Issuers = append(twice.Issuers, twice.Issuers[0])
	all := projects.ViewerPolicy{Issuers: []projects.Issuer{{}}, Rule: "1", Webhook: &projects.Webhook{Timeout: 11}}
	v := newViewers(t, viewers.Config{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.0.0.0/8")}})
	for name, c := range map[string]struct {
		policy projects.ViewerPolicy
		fields string
	}{
		"nothing":                {projects.ViewerPolicy{}, ""},
		"an issuer":              {one("https://login.example.com/realms/video/"), ""},
		"an issuer here":         {one("http://localhost:8080/realms/video"), ""},
		"an allowed issuer":      {one("https://10.1.2.3"), ""},
		"a webhook":              {hooked("https://hook.example.com/may?tenant=7", 10), ""},
		"a webhook here":         {hooked("http://127.0.0.1:9/", 0), ""},
		"nothing said":           {one(""), "issuers.0.issuer"},
		"not a URL":              {one("https://\x00"), "issuers.0.issuer"},
		"no host":                {one("https:///x"), "issuers.0.issuer"},
		"in clear":               {one("http://login.example.com"), "issuers.0.issuer"},
		"another scheme":         {one("ldap://login.example.com"), "issuers.0.issuer"},
		"a private address":      {one("https://192.168.1.1"), "issuers.0.issuer"},
		"a private address, v6":  {one("https://[fd00::1]"), "issuers.0.issuer"},
		"in clear, not loopback": {one("http://10.1.2.3"), "issuers.0.issuer"},
		"with a password":        {one("https://a:b@login.example.com"), "issuers.0.issuer"},
		"with a query":           {one("https://login.example.com?x=1"), "issuers.0.issuer"},
		"with a fragment":        {one("https://login.example.com#x"), "issuers.0.issuer"},
		"too long":               {one("https://login.example.com/" + strings.Repeat("x", 3000)), "issuers.0.issuer"},
		"twice":                  {twice, "issuers.1.issuer"},
		"too many":               {many, "issuers"},
		"no audience":            {with(), "issuers.0.audiences"},
		"an empty audience":      {with("player", ""), "issuers.0.audiences"},
		"a long audience":        {with(strings.Repeat("x", 256)), "issuers.0.audiences"},
		"too many audiences":     {with(strings.Split(strings.Repeat("x ", 20)+"x", " ")...), "issuers.0.audiences"},
		"a webhook nowhere":      {hooked("", 1), "webhook.url"},
		"a webhook in clear":     {hooked("http://hook.example.com", 1), "webhook.url"},
		"a webhook, metadata":    {hooked("https://169.254.169.254/", 1), "webhook.url"},
		"a patient webhook":      {hooked("https://hook.example.com", 11), "webhook.timeout"},
		"an impatient webhook":   {hooked("https://hook.example.com", -1), "webhook.timeout"},
		"all at once":            {all, "issuers.0.issuer issuers.0.audiences rule webhook.url webhook.timeout"},
	} {
		var fields []string
		for _, wrong := range v.Check(c.policy) {
			fields = append(fields, strings.TrimPrefix(wrong.Field, "viewer_policy."))
			if wrong.Problem == "" || len(wrong.Problem) > 400 {
				t.Errorf("%s: %+v", name, wrong)
			}
		}
		if got := strings.Join(fields, " "); got != c.fields {
			t.Errorf("%s: %q, want %q", name, got, c.fields)
		}
	}
}

func FuzzKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[]}`))
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"},{"kty":"oct","k":"AA"},7,null]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if n, err := viewers.ReadKeys(body); err != nil && n != 0 || n > 100 {
			t.Errorf("%d keys, %v", n, err)
		}
	})
}
