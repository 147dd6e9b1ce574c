package projects_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"playtoken/keyrotation"
	"playtoken/projects"
	"playtoken/secret"
	"playtoken/signer"
	"playtoken/store"
)

func TestNames(t *testing.T) {
	s := newStore(newDocuments())
	for name, want := range map[string]bool{
		"a": true, "名前 🎬": true, strings.Repeat("é", 50): true, " x ": true, "<script>": true, `"; DROP TABLE`: true, "ß\u00a0x": true,
		"": false, " ": false, "\u00a0\u3000": false, strings.Repeat("a", 51): false, "e\u0301": false,
		"a\nb": false, "a\x00": false, "a\x7f": false, "\u202eabc": false, "a\u200bb": false, "a\u2028b": false, "a\u2029b": false,
		"a\u00adb": false, "\ufeffa": false, "a\u0085b": false, "\u2066x": false, "\xff": false, "a\ue000": false, "\u3164": false,
	} {
		p, err := s.CreateProject(t.Context(), good(name))
		if (err == nil) != want || !want && !slices.Equal(fieldsOf(err), []string{"name"}) {
			t.Errorf("name %q: got %v, want an error about name unless it is valid", name, err)
		}
		if err == nil && p.Name != name {
			t.Errorf("name %q: stored as %q, want it unchanged", name, p.Name)
		}
	}
}

func TestNoHiddenCharacterIsInAName(t *testing.T) {
	s := newStore(newDocuments())
	p := create(t, s, "a")
	for _, table := range []*unicode.RangeTable{unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Bidi_Control} {
		for _, r := range table.R16 {
			for c := rune(r.Lo); c <= rune(r.Hi); c += rune(r.Stride) {
				_, err := s.CreateAPIKey(t.Context(), projects.APIKey{ProjectID: p.ID, Name: "a" + string(c) + "b", Scopes: []projects.Scope{"mint"}})
				if !slices.Equal(fieldsOf(err), []string{"name"}) {
					t.Errorf("character %U: got %v, want an error about name", c, err)
				}
			}
		}
	}
}

func TestProjectsThatCouldNotBeObeyedAreRefused(t *testing.T) {
	claims := func(n int) (names []string) {
		for i := range n {
			names = append(names, fmt.Sprint("claim", i))
		}
		return names
	}
	s := newStore(newDocuments())
	s.CheckViewers = func(v projects.ViewerPolicy) []projects.FieldError {
		if v.Rule == "nonsense" {
			return []projects.FieldError{{Field: "viewer_policy.rule", Problem: "makes no sense"}}
		}
		return nil
	}
	type project = projects.Project
	for name, c := range map[string]struct {
		change func(*project)
		want   string
	}{
		"good":                 {func(*project) {}, ""},
		"unknown platform":     {func(p *project) { p.Platform = "absent" }, "platform"},
		"no platform":          {func(p *project) { p.Platform = "" }, "platform"},
		"no credential":        {func(p *project) { p.Credential = nil }, "platform_credential.api_key"},
		"empty credential":     {func(p *project) { p.Credential["api_key"] = secret.Value{} }, "platform_credential.api_key"},
		"unknown credential":   {func(p *project) { p.Credential["x"] = secret.New("x") }, "platform_credential"},
		"unknown setting":      {func(p *project) { p.Settings["x"] = "x" }, "platform_settings"},
		"setting with newline": {func(p *project) { p.Settings["url"] = "https://a\n" }, "platform_settings.url"},
		"what Open refuses":    {func(p *project) { p.Settings["url"] = "ftp://no" }, "platform_settings"},
		"negative ttl":         {func(p *project) { p.TokenPolicy.DefaultTTL = -1 }, "token_policy.default_ttl"},
		"a day":                {func(p *project) { p.TokenPolicy.MaxTTL = 86400 }, ""},
		"more than a day":      {func(p *project) { p.TokenPolicy.MaxTTL = 86401 }, "token_policy.max_ttl"},
		"default above max":    {func(p *project) { p.TokenPolicy.DefaultTTL, p.TokenPolicy.MaxTTL = 61, 60 }, "token_policy.default_ttl"},
		"mints":                {func(p *project) { p.TokenPolicy.MintsPerMinute = -1 }, "token_policy.mints_per_minute"},
		"management":           {func(p *project) { p.TokenPolicy.ManagementPerMinute = 1 << 40 }, "token_policy.management_per_minute"},
		"20 claims":            {func(p *project) { p.TokenPolicy.AllowedClaims = claims(20) }, ""},
		"21 claims":            {func(p *project) { p.TokenPolicy.AllowedClaims = claims(21) }, "token_policy.allowed_claims"},
		"registered claim":     {func(p *project) { p.TokenPolicy.AllowedClaims = []string{"exp"} }, "token_policy.allowed_claims"},
		"claim twice":          {func(p *project) { p.TokenPolicy.AllowedClaims = []string{"a", "a"} }, "token_policy.allowed_claims"},
		"claim of 64":          {func(p *project) { p.TokenPolicy.AllowedClaims = []string{strings.Repeat("é", 64)} }, ""},
		"claim of 65":          {func(p *project) { p.TokenPolicy.AllowedClaims = []string{strings.Repeat("a", 65)} }, "token_policy.allowed_claims"},
		"empty claim":          {func(p *project) { p.TokenPolicy.AllowedClaims = []string{""} }, "token_policy.allowed_claims"},
		"rotation":             {func(p *project) { p.RotationPolicy.RotateEvery = -1 }, "rotation_policy.rotate_every"},
		"propagation":          {func(p *project) { p.RotationPolicy.PropagationDelay = 1 << 60 }, "rotation_policy.propagation_delay"},
		"budget":               {func(p *project) { p.RotationPolicy.KeyBudget = -1 }, "rotation_policy.key_budget"},
		"a kind of key":        {func(p *project) { p.RotationPolicy.KeyKind = store.RSA4096 }, ""},
		"a kind not taken":     {func(p *project) { p.RotationPolicy.KeyKind = store.Ed25519 }, "rotation_policy.key_kind"},
		"no kind of key":       {func(p *project) { p.RotationPolicy.KeyKind = "rsa" }, "rotation_policy.key_kind"},
		"all keys it holds":    {func(p *project) { p.RotationPolicy.KeyBudget = 5 }, ""},
		"more than it holds":   {func(p *project) { p.RotationPolicy.KeyBudget = 6 }, "rotation_policy.key_budget"},
		"rule of 4096":         {func(p *project) { p.ViewerPolicy.Rule = strings.Repeat("a", 4096) }, ""},
		"rule of 4097":         {func(p *project) { p.ViewerPolicy.Rule = strings.Repeat("a", 4097) }, "viewer_policy.rule"},
		"nonsense":             {func(p *project) { p.ViewerPolicy.Rule = "nonsense" }, "viewer_policy.rule"},
		"webhook": {func(p *project) {
			p.WebhookSecret, p.ViewerPolicy.Webhook = secret.New("hush"), &projects.Webhook{URL: "http://127.0.0.1:8080/x"}
		}, ""},
		"webhook in the clear": {func(p *project) {
			p.WebhookSecret, p.ViewerPolicy.Webhook = secret.New("hush"), &projects.Webhook{URL: "http://a.example"}
		}, "viewer_policy.webhook.url"},
		"webhook with user": {func(p *project) {
			p.WebhookSecret, p.ViewerPolicy.Webhook = secret.New("hush"), &projects.Webhook{URL: "https://u:p@a.example"}
		}, "viewer_policy.webhook.url"},
		"slow webhook": {func(p *project) {
			p.WebhookSecret, p.ViewerPolicy.Webhook = secret.New("hush"), &projects.Webhook{URL: "https://a.example", Timeout: 11}
		}, "viewer_policy.webhook.timeout"},
		"issuer":              {func(p *project) { p.ViewerPolicy.Issuers = []projects.Issuer{{"https://a.example/x", []string{"b"}}} }, ""},
		"issuer in the clear": {func(p *project) { p.ViewerPolicy.Issuers = []projects.Issuer{{"http://a.example/x", []string{"b"}}} }, "viewer_policy.issuers"},
		"issuer, no audience": {func(p *project) { p.ViewerPolicy.Issuers = []projects.Issuer{{"https://a.example", nil}} }, "viewer_policy.issuers"},
		"issuer with query":   {func(p *project) { p.ViewerPolicy.Issuers = []projects.Issuer{{"https://a.example?x", []string{"b"}}} }, "viewer_policy.issuers"},
		"empty audience":      {func(p *project) { p.ViewerPolicy.Issuers = []projects.Issuer{{"https://a.example", []string{""}}} }, "viewer_policy.issuers"},
		"webhook secret":      {func(p *project) { p.WebhookSecret = secret.New("a b") }, "viewer_policy.webhook_secret"},
		"standard secret":     {func(p *project) { p.WebhookSecret = secret.New("whsec_aHVzaA==") }, ""},
		"no standard secret":  {func(p *project) { p.WebhookSecret = secret.New("whsec_hush!") }, "viewer_policy.webhook_secret"},
		"webhook, no secret":  {func(p *project) { p.ViewerPolicy.Webhook = &projects.Webhook{URL: "https://a.example"} }, "viewer_policy.webhook_secret"},
	} {
		p := good("a")
		c.change(&p)
		_, err := s.CreateProject(t.Context(), p)
		if got := strings.Join(fieldsOf(err), " "); got != c.want || (err == nil) != (c.want == "") {
			t.Errorf("%s: got %v, want errors about %q", name, err, c.want)
		}
	}
}

func TestOrigins(t *testing.T) {
	s := newStore(newDocuments())
	for origin, want := range map[string]bool{
		"https://www.example.com": true, "https://www.example.com:8443": true, "http://localhost:3000": true,
		"http://127.0.0.1": true, "https://[2001:db8::1]:8443": true, "http://[::1]:3000": true, "https://xn--bcher-kva.example": true,
		"capacitor://localhost": true, "ionic://localhost": true, "capacitor://localhost/": false, "capacitor://www.example.com": false,
		"": false, "*": false, "null": false, "https://": false, "www.example.com": false, "http://www.example.com": false,
		"https://www.example.com/": false, "https://www.example.com:443": false, "http://localhost:80": false,
		"https://www.example.com:": false, "https://www.example.com:0": false, "https://www.example.com:08443": false,
		"https://www.example.com:65536": false, "https://WWW.example.com": false, "HTTPS://www.example.com": false,
		"https://*.example.com": false, "https://u@www.example.com": false, "https://www.example.com?x": false,
		"https://www.example.com#x": false, "https://bücher.example": false, "https://a..example": false,
		"https://[2001:DB8::1]": false, "https://a.example ": false, "file://": false, "https://a.example,https://b.example": false,
	} {
		p := good("a")
		p.ViewerPolicy.Origins = []string{origin}
		_, err := s.CreateProject(t.Context(), p)
		if (err == nil) != want || !want && !slices.Equal(fieldsOf(err), []string{"viewer_policy.origins"}) {
			t.Errorf("origin %q: got %v, want an error about origins unless it is valid", origin, err)
		}
	}
}

func TestPoliciesAreHeldAgainstTheDeployments(t *testing.T) {
	s := newStore(newDocuments())
	s.InForce = func(p projects.Project) (signer.Policy, keyrotation.Policy) {
		longest := time.Hour
		if p.TokenPolicy.MaxTTL > 0 {
			longest = time.Duration(p.TokenPolicy.MaxTTL) * time.Second
		}
		return signer.Policy{DefaultTTL: min(10*time.Minute, longest), MaxTTL: longest}, keyrotation.Policy{
			RotateEvery: max(time.Hour, time.Duration(p.RotationPolicy.RotateEvery)*time.Second), ObserveEvery: time.Minute, MaxTTL: longest,
			Durations: keyrotation.Durations{ViewAge: time.Second, Settle: time.Second}, KeySpec: keyrotation.KeySpec{Kind: store.RSA2048}, KeyBudget: 4,
		}
	}
	for _, c := range []struct {
		name    string
		tokens  projects.TokenPolicy
		rotates int64
		want    string
	}{
		{"the deployment's", projects.TokenPolicy{}, 0, ""},
		{"shorter than the default", projects.TokenPolicy{MaxTTL: 60}, 0, ""},
		{"default above the deployment's longest", projects.TokenPolicy{DefaultTTL: 3601}, 0, "token_policy.default_ttl"},
		{"too many keys", projects.TokenPolicy{MaxTTL: 86400}, 0, "rotation_policy"},
		{"rotated less often", projects.TokenPolicy{MaxTTL: 86400}, 86400, ""},
	} {
		p := good("a")
		p.TokenPolicy, p.RotationPolicy.RotateEvery = c.tokens, c.rotates
		_, err := s.CreateProject(t.Context(), p)
		if got := strings.Join(fieldsOf(err), " "); got != c.want || (err == nil) != (c.want == "") {
			t.Errorf("%s: got %v, want errors about %q", c.name, err, c.want)
		}
	}
}

func TestAPIKeysNeedScopes(t *testing.T) {
	s := newStore(newDocuments())
	p := create(t, s, "a")
	for name, c := range map[string]struct {
		scopes []projects.Scope
		want   bool
	}{
		"all":     {[]projects.Scope{"mint", "keys", "read"}, true},
		"none":    {nil, false},
		"twice":   {[]projects.Scope{"mint", "mint"}, false},
		"unknown": {[]projects.Scope{"mint", "admin"}, false},
	} {
		_, err := s.CreateAPIKey(t.Context(), projects.APIKey{ProjectID: p.ID, Name: "a", Scopes: c.scopes})
		if (err == nil) != c.want || !c.want && !slices.Contains(fieldsOf(err), "scopes") {
			t.Errorf("%s: create: got %v, want an error about scopes unless they are valid", name, err)
		}
		k := createKey(t, s, p.ID)
		_, err = s.UpdateAPIKey(t.Context(), p.ID, k.ID, func(k *projects.APIKey) error { k.Scopes = c.scopes; return nil })
		if (err == nil) != c.want {
			t.Errorf("%s: update: got %v, want an error unless the scopes are valid", name, err)
		}
	}
}

func TestAPIKeyOfAnotherProjectIsNotThere(t *testing.T) {
	s := newStore(newDocuments())
	a, b := create(t, s, "a"), create(t, s, "b")
	k := createKey(t, s, a.ID)
	rename := func(k *projects.APIKey) error { k.Name, k.ProjectID, k.ID = "renamed", b.ID, "api_key_x"; return nil }
	for name, ask := range map[string]func(project string) error{
		"get":    func(project string) error { _, err := s.APIKey(t.Context(), project, k.ID); return err },
		"update": func(project string) error { _, err := s.UpdateAPIKey(t.Context(), project, k.ID, rename); return err },
		"list": func(project string) error {
			list, err := s.APIKeys(t.Context(), project, projects.Page{})
			if err == nil && len(list.Items) == 0 {
				err = projects.ErrNotFound
			}
			return err
		},
	} {
		for _, project := range []string{b.ID, "project_aaaaaaaaaaaaaaaaaaaaaaaaaa", ""} {
			if err := ask(project); !errors.Is(err, projects.ErrNotFound) {
				t.Errorf("%s: got %v, want ErrNotFound for another project", name, err)
			}
		}
		if err := ask(a.ID); err != nil {
			t.Errorf("%s: got %v, want no error for its own project", name, err)
		}
	}
	if err := s.DeleteAPIKey(t.Context(), b.ID, k.ID); !errors.Is(err, projects.ErrNotFound) {
		t.Error(err)
	}
	if got, err := s.APIKey(t.Context(), a.ID, k.ID); err != nil || got.Name != "renamed" || got.ProjectID != a.ID || got.ID != k.ID {
		t.Errorf("API key: got %+v, %v, want it unchanged but for its name", got, err)
	}
}

func TestSecretIsTheDeploymentsOwn(t *testing.T) {
	docs := newDocuments()
	secrets := map[string]bool{}
	for range 2 {
		for _, purpose := range []string{"a", "b"} {
			key, err := newStore(docs).Secret(t.Context(), purpose)
			if err != nil || len(key) != 32 {
				t.Errorf("secret: got %d bytes, %v, want 32", len(key), err)
			}
			secrets[string(key)] = true
		}
	}
	if len(secrets) != 2 {
		t.Errorf("secrets of 2 purposes: got %d different ones, want 2", len(secrets))
	}
	for _, how := range []string{"not", "lost", "conflict"} {
		for at := range 4 {
			docs, calls := newDocuments(), 0
			docs.failing(func(verb, _ string) string {
				if calls++; calls == at+1 && (verb == "write" || how != "conflict") {
					return how
				}
				return ""
			})
			first, err := newStore(docs).Secret(t.Context(), "a")
			docs.failing(nil)
			second, again := newStore(docs).Secret(t.Context(), "a")
			if again != nil || err == nil && string(first) != string(second) {
				t.Errorf("%s at call %d: got %v, then %v, want the same secret from the second attempt", how, at, err, again)
			}
		}
	}
	if got := slices.Collect(maps.Keys(docs.docs)); !slices.Equal(got, []string{"deployment/secrets"}) {
		t.Errorf("documents: got %v, want the deployment's secrets only", got)
	}
}

func TestWebhookSecretsAreThoseOfStandardWebhooks(t *testing.T) {
	of := func(n int) string { return base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\xfb", n))) }
	for text, want := range map[string]string{
		of(24): "whsec_" + of(24), "whsec_" + of(24): "whsec_" + of(24), of(64): "whsec_" + of(64), of(32): "whsec_" + of(32),
		of(23): "", of(65): "", "": "", "whsec_": "", "whsec_whsec_" + of(24): "", "WHSEC_" + of(24): "",
		of(32)[:42]: "", of(32)[:43]: "", of(32) + "\n": "", " " + of(32): "", of(24)[:8] + "\r\n" + of(24)[8:]: "",
		base64.URLEncoding.EncodeToString([]byte(strings.Repeat("\xfb", 24))): "", "correct horse battery staple": "",
	} {
		got, err := projects.NewWebhookSecret(text)
		if got.Reveal() != want || (want == "") != slices.Equal(fieldsOf(err), []string{"viewer_policy.webhook_secret"}) {
			t.Errorf("secret %q: got %q, %v, want %q", text, got.Reveal(), err, want)
		}
	}
}
