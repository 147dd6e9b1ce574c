package jwplayer_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"playtoken/platforms"
	"playtoken/platforms/jwplayer"
	"playtoken/secret"
	"playtoken/signer"
)

func TestRequestsThatNoTokenCouldKeep(t *testing.T) {
	p := opened(t, full)
	for name, c := range map[string]struct {
		req  signer.Request
		want error
	}{
		"as it should be":   {signer.Request{VideoID: "nPripu9l", Claims: map[string]any{"page_limit": 5.0, "search": "x", "nested": true}}, nil},
		"protected":         {signer.Request{VideoID: "nPripu9l", DRMPolicy: "b2Afe1zG"}, nil},
		"all videos":        {signer.Request{VideoID: "*"}, signer.ErrNotEnforceable},
		"odd DRM policy":    {signer.Request{VideoID: "nPripu9l", DRMPolicy: "../b2Afe"}, signer.ErrNotEnforceable},
		"protected track":   {signer.Request{VideoID: "tracks/Xw0oaD4q.vtt", DRMPolicy: "b2Afe1zG"}, signer.ErrNotEnforceable},
		"track's parameter": {signer.Request{VideoID: "tracks/Xw0oaD4q.vtt", Claims: map[string]any{"search": "x"}}, signer.ErrClaim},
		"list":              {signer.Request{VideoID: "nPripu9l", Claims: map[string]any{"nested": []any{"x"}}}, signer.ErrClaim},
		"object":            {signer.Request{VideoID: "nPripu9l", Claims: map[string]any{"nested": map[string]any{}}}, signer.ErrClaim},
		"null":              {signer.Request{VideoID: "nPripu9l", Claims: map[string]any{"nested": nil}}, signer.ErrClaim},
		"endless":           {signer.Request{VideoID: "nPripu9l", Claims: map[string]any{"search": strings.Repeat("x", 4000)}}, signer.ErrClaim},
	} {
		token, err := mintedAt(t, time.Time{}, p, policy, c.req)
		if !errors.Is(err, c.want) || c.want == nil && err != nil || (token.Value == "") != (err != nil) {
			t.Errorf("%s: Mint = %v, %+v, want %v", name, err, token, c.want)
		}
	}
}

func TestAccountsThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		settings   map[string]string
		credential map[string]string
		says       string
	}{
		"as it should be":  {full, map[string]string{"signing_secret": "s3cret"}, ""},
		"no secret":        {full, nil, "signing_secret"},
		"space":            {full, map[string]string{"signing_secret": "s3cret "}, "signing_secret"},
		"site":             {map[string]string{"site_id": "../abcde"}, map[string]string{"signing_secret": "s3cret"}, "site_id"},
		"player":           {map[string]string{"player_id": "ALJ3XQC"}, map[string]string{"signing_secret": "s3cret"}, "player_id"},
		"cdn in the clear": {map[string]string{"cdn_url": "http://cdn.jwplayer.com"}, map[string]string{"signing_secret": "s3cret"}, "cdn_url"},
		"api in the clear": {map[string]string{"url": "http://api.jwplayer.com"}, map[string]string{"signing_secret": "s3cret", "api_secret": "x"}, "jwplayer: url"},
		"line end":         {full, map[string]string{"signing_secret": "s3cret", "api_secret": "x\n"}, "api_secret"},
	} {
		account := platforms.Account{Settings: c.settings, Credential: map[string]secret.Value{}}
		for name, value := range c.credential {
			account.Credential[name] = secret.New(value)
		}
		_, err := jwplayer.Kind().Open(account)
		if (err == nil) != (c.says == "") || err != nil && (!strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "s3cret")) {
			t.Errorf("%s: Open = %v, want an error with %q, or none if that is empty", name, err, c.says)
		}
	}
}

func TestOnlyWhatIsSetIsOffered(t *testing.T) {
	p := opened(t, nil)
	got := strings.Join(p.URLs, " ")
	if p.Check != nil || strings.Contains(got, "embed") || p.Shape != nil || p.Registrar != nil || p.Issuer != nil {
		t.Errorf("the platform is %+v with URLs %s, want one that only mints, without embed", p, got)
	}
	if got = strings.Join(opened(t, full).URLs, " "); !strings.Contains(got, "embed") || !strings.Contains(got, "landing") {
		t.Error(got)
	}
}
