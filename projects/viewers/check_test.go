package viewers_test

import (
	"net/netip"
	"strings"
	"testing"

	"playtoken/projects"
	"playtoken/projects/viewers"
)

func TestPoliciesThatCanBeSaved(t *testing.T) {
	one := func(url string) projects.ViewerPolicy {
		return projects.ViewerPolicy{Issuers: []projects.Issuer{{URL: url, Audiences: []string{audience}}}}
	}
	hooked := func(url string) projects.ViewerPolicy {
		return projects.ViewerPolicy{Webhook: &projects.Webhook{URL: url}}
	}
	all := projects.ViewerPolicy{Issuers: []projects.Issuer{{URL: "https://login.example.com"}, {}}, Rule: "1", Webhook: &projects.Webhook{}}
	v := newViewers(t, viewers.Config{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.0.0.0/8")}})
	for name, c := range map[string]struct {
		policy projects.ViewerPolicy
		fields string
	}{
		"nothing":                {projects.ViewerPolicy{}, ""},
		"an issuer":              {one("https://login.example.com/realms/video/"), ""},
		"an issuer here":         {one("http://localhost:8080/realms/video"), ""},
		"an allowed issuer":      {one("https://10.1.2.3"), ""},
		"a webhook":              {hooked("https://hook.example.com/may?tenant=7"), ""},
		"a webhook here":         {hooked("http://127.0.0.1:9/"), ""},
		"nothing said":           {one(""), "issuers.0.issuer"},
		"not a URL":              {one("https://\x00"), "issuers.0.issuer"},
		"no host":                {one("https:///x"), "issuers.0.issuer"},
		"in clear":               {one("http://login.example.com"), "issuers.0.issuer"},
		"another scheme":         {one("ldap://login.example.com"), "issuers.0.issuer"},
		"a private address":      {one("https://192.168.1.1"), "issuers.0.issuer"},
		"a private address, v6":  {one("https://[fd00::1]"), "issuers.0.issuer"},
		"in clear, not loopback": {one("http://10.1.2.3"), "issuers.0.issuer"},
		"with a password":        {one("https://a:b@login.example.com"), "issuers.0.issuer"},
		"with a fragment":        {one("https://login.example.com#x"), "issuers.0.issuer"},
		"a webhook nowhere":      {hooked(""), "webhook.url"},
		"a webhook in clear":     {hooked("http://hook.example.com"), "webhook.url"},
		"a webhook, metadata":    {hooked("https://169.254.169.254/"), "webhook.url"},
		"all at once":            {all, "issuers.1.issuer rule webhook.url"},
	} {
		var fields []string
		for _, wrong := range v.Check(c.policy) {
			fields = append(fields, strings.TrimPrefix(wrong.Field, "viewer_policy."))
			if wrong.Problem == "" || len(wrong.Problem) > 400 {
				t.Errorf("%s: got %+v, want a problem of at most 400 bytes", name, wrong)
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
			t.Errorf("ReadKeys: got %d keys, %v, want at most 100, and none with an error", n, err)
		}
	})
}
