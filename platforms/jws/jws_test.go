package jws_test

import (
	"errors"
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"playtoken/platforms"
	"playtoken/platforms/jws"
	"playtoken/platforms/platformtest"
	"playtoken/platforms/vidbeo/vidbeotest"
	"playtoken/signer"
)

// TestPromises has a verifier that knows the keys by their ids.
func TestPromises(t *testing.T) {
	platformtest.Run(t, platformtest.Suite{
		Kind:  jws.Kind(),
		Serve: vidbeotest.Serve,
		Settings: map[string]string{
			"issuer":      "https://tokens.example",
			"claims":      `{"sub":"{video_id}","v":1}`,
			"landing_url": "http://127.0.0.1/watch/{video_id}?jwt={token}",
			"embed_url":   "http://127.0.0.1/watch/{video_id}?embed&jwt={token}",
			"hls_url":     "http://127.0.0.1/watch/{video_id}?hls&jwt={token}",
		},
		Mint: platformtest.Mint{
			Videos:   []string{"abcde12345abcde12345a", "a-B_1"},
			Bad:      []string{"a/b", "a.b", "playlists/abcd1234"},
			Claim:    "ips",
			Reserved: []string{"sub", "exp", "iss", "nbf", "iat", "aud", "jti", "kid", "EXP", "v"},
			Steady:   true,
		},
	})
}

var (
	issued  = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	expires = issued.Add(10 * time.Minute)
)

func open(t *testing.T, settings map[string]string) platforms.Platform {
	t.Helper()
	p, err := jws.Kind().Open(platforms.Account{Project: "project_1", Settings: settings})
	if err != nil {
		t.Fatalf("open with %v: %v", settings, err)
	}
	return p
}

func TestClaims(t *testing.T) {
	t.Parallel()
	exp, earlier := expires.Unix(), issued.Add(-time.Minute).Unix()
	for name, c := range map[string]struct {
		settings map[string]string
		req      signer.Request
		want     map[string]any
	}{
		"as it comes": {nil, signer.Request{VideoID: "a"}, map[string]any{"sub": "a", "exp": exp}},
		"issuer and audience": {map[string]string{"issuer": "https://i.example", "audience": "videos"}, signer.Request{VideoID: "a"},
			map[string]any{"sub": "a", "exp": exp, "iss": "https://i.example", "aud": "videos"}},
		"several audiences and times": {map[string]string{"audience": "a b", "time_claims": "iat nbf"}, signer.Request{VideoID: "a"},
			map[string]any{"sub": "a", "exp": exp, "aud": []string{"a", "b"}, "iat": earlier, "nbf": earlier}},
		"every type": {map[string]string{"claims": `{"path":"/v/{video_id}/","n":7,"ok":true,"no":null,"deep":[{"p":"{project_id}"}]}`}, signer.Request{VideoID: "a"},
			map[string]any{"path": "/v/a/", "n": float64(7), "ok": true, "no": nil, "deep": []any{map[string]any{"p": "project_1"}}, "exp": exp}},
		"a viewer": {map[string]string{"claims": `{"sub":"{video_id}","uid":"{viewer_id}","ip":"{viewer_ip}"}`},
			signer.Request{VideoID: "a", Viewer: signer.Viewer{ID: "Ann O'Nym {video_id}", IP: "192.0.2.1"}},
			map[string]any{"sub": "a", "uid": "Ann O'Nym {video_id}", "ip": "192.0.2.1", "exp": exp}},
		"a claim of the caller": {nil, signer.Request{VideoID: "a", Claims: map[string]any{"plan": "gold"}}, map[string]any{"sub": "a", "plan": "gold", "exp": exp}},
		"MediaMTX": {map[string]string{"preset": "mediamtx"}, signer.Request{VideoID: "live/cam.1"}, map[string]any{"exp": exp, "mediamtx_permissions": []any{
			map[string]any{"action": "read", "path": "live/cam.1"}, map[string]any{"action": "playback", "path": "live/cam.1"}}}},
		"own settings before those of a preset": {map[string]string{"preset": "mediamtx", "claims": `{"v":"{video_id}"}`}, signer.Request{VideoID: "a"},
			map[string]any{"v": "a", "exp": exp}},
	} {
		got, err := open(t, c.settings).Shape.Claims(c.req, issued, expires)
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%s: Claims: %v, -want +got\n%s", name, err, diff)
		}
	}
}

func TestRequestsThatAreRefused(t *testing.T) {
	t.Parallel()
	const bound = `{"sub":"{video_id}","uid":"u:{viewer_id}"}`
	for name, c := range map[string]struct {
		settings map[string]string
		req      signer.Request
		want     error
	}{
		"all videos":                 {nil, signer.Request{VideoID: signer.AllVideos}, signer.ErrNotEnforceable},
		"a viewer, unbound":          {nil, signer.Request{VideoID: "a", Viewer: signer.Viewer{ID: "v"}}, signer.ErrNotEnforceable},
		"an address, unbound":        {nil, signer.Request{VideoID: "a", Viewer: signer.Viewer{IP: "192.0.2.1"}}, signer.ErrNotEnforceable},
		"no viewer, bound":           {map[string]string{"claims": bound}, signer.Request{VideoID: "a"}, signer.ErrNotEnforceable},
		"a viewer in a longer claim": {map[string]string{"claims": bound}, signer.Request{VideoID: "a", Viewer: signer.Viewer{ID: "a b"}}, signer.ErrNotEnforceable},
		"a DRM policy":               {nil, signer.Request{VideoID: "a", DRMPolicy: "p"}, signer.ErrNotEnforceable},
		"a kind":                     {nil, signer.Request{VideoID: "a", Kinds: []string{"k"}}, signer.ErrNotEnforceable},
		"a life beyond the verifier": {map[string]string{"max_ttl": "9m59s"}, signer.Request{VideoID: "a"}, signer.ErrTTL},
		"a claim of the template":    {map[string]string{"claims": `{"sub":"{video_id}","v":1}`}, signer.Request{VideoID: "a", Claims: map[string]any{"v": 2}}, signer.ErrClaim},
		"a path where words are":     {nil, signer.Request{VideoID: "a/b"}, signer.ErrVideo},
		"a path out of a path":       {map[string]string{"video_ids": "path"}, signer.Request{VideoID: "a/../b"}, signer.ErrVideo},
		"a path with a pattern":      {map[string]string{"video_ids": "path"}, signer.Request{VideoID: "a/.*"}, signer.ErrVideo},
		"a path that ends":           {map[string]string{"video_ids": "path"}, signer.Request{VideoID: "a/"}, signer.ErrVideo},
	} {
		if claims, err := open(t, c.settings).Shape.Claims(c.req, issued, expires); !errors.Is(err, c.want) || claims != nil {
			t.Errorf("%s: Claims = %v, %v, want %v", name, claims, err, c.want)
		}
	}
}

func TestSettingsThatAreRefused(t *testing.T) {
	t.Parallel()
	good := map[string]string{"hls_url": "https://v.example/{video_id}/hls.m3u8?jwt={token}"}
	for name, change := range map[string]map[string]string{
		"an unknown preset":              {"preset": "nginx"},
		"a cache that is no duration":    {"verifier_cache": "60"},
		"a key id of another kind":       {"kid": "fingerprint"},
		"a type with a blank":            {"typ": "at jwt"},
		"a type that is too long":        {"typ": "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklm"},
		"an unknown publication":         {"publication": "carried"},
		"a cache where none is fetched":  {"publication": "manual", "verifier_cache": "5m"},
		"a cache of parts of seconds":    {"verifier_cache": "1500ms"},
		"a cache below zero":             {"verifier_cache": "-1m"},
		"a life beyond a day":            {"max_ttl": "25h"},
		"claims that are no JSON":        {"claims": "sub"},
		"claims that are a list":         {"claims": `["{video_id}"]`},
		"claims that are null":           {"claims": `null`},
		"a claim twice":                  {"claims": `{"sub":"{video_id}","sub":"a"}`},
		"claims without the video":       {"claims": `{"sub":"a"}`},
		"the video as a name":            {"claims": `{"sub":"{video_id}","{video_id}":1}`},
		"an unknown placeholder":         {"claims": `{"sub":"{video_id}","u":"{user}"}`},
		"an open brace":                  {"claims": `{"sub":"{video_id}{"}`},
		"an end of their own":            {"claims": `{"sub":"{video_id}","exp":1}`},
		"an issuer beside the setting":   {"claims": `{"sub":"{video_id}","ISS":"a"}`},
		"a number that would be rounded": {"claims": `{"sub":"{video_id}","n":9007199254740993}`},
		"claims that are too deep":       {"claims": `{"sub":"{video_id}","a":[[[[[[[[1]]]]]]]]}`},
		"an unknown time":                {"time_claims": "iat exp"},
		"a time twice":                   {"time_claims": "iat iat"},
		"unknown ids":                    {"video_ids": "any"},
		"an unknown place":               {"token_place": "body"},
		"a place that is another":        {"token_place": "path"},
		"a name with a line":             {"token_place": "header", "hls_url": "https://v.example/{video_id}", "token_name": "X\r\nY"},
		"a URL without the token":        {"hls_url": "https://v.example/{video_id}"},
		"a URL in the open":              {"hls_url": "http://v.example/{video_id}?jwt={token}"},
		"a URL of any host":              {"embed_url": "https://{video_id}.example/?jwt={token}"},
		"a token in a URL and a header":  {"token_place": "header"},
	} {
		settings := maps.Clone(good)
		maps.Copy(settings, change)
		if _, err := jws.Kind().Open(platforms.Account{Settings: settings}); err == nil {
			t.Errorf("%s: got no error, want one", name)
		}
	}
	open(t, good)
}

func TestDelivery(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		settings map[string]string
		want     signer.Delivery
	}{
		"without a URL": {nil, signer.Delivery{Place: signer.InQuery, Name: "token", Renew: signer.RenewByRequest}},
		"by the URL":    {map[string]string{"hls_url": "https://v.example/{video_id}?j={token}"}, signer.Delivery{Place: signer.InQuery, Name: "j", Renew: signer.RenewByRequest}},
		"in a header":   {map[string]string{"token_place": "header"}, signer.Delivery{Place: signer.InHeader, Name: "Authorization", Renew: signer.RenewByRequest}},
		"in a cookie":   {map[string]string{"token_place": "cookie", "token_name": "t"}, signer.Delivery{Place: signer.InCookie, Name: "t", Renew: signer.RenewByRequest}},
		"in a path":     {map[string]string{"token_place": "path"}, signer.Delivery{Place: signer.InPath, Renew: signer.RenewByURL}},
		"HAProxy":       {map[string]string{"preset": "haproxy"}, signer.Delivery{Place: signer.InQuery, Name: "jwt", Renew: signer.RenewByRequest}},
	} {
		if diff := cmp.Diff(c.want, open(t, c.settings).Shape.Delivery()); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
}

func TestURLs(t *testing.T) {
	t.Parallel()
	p := open(t, map[string]string{"video_ids": "path", "hls_url": "https://v.example/{video_id}/index.m3u8?jwt={token}"})
	want := signer.URLs{HLS: "https://v.example/live/cam1/index.m3u8?jwt=%7Bvideo_id%7D%26"}
	if diff := cmp.Diff(want, p.Shape.URLs("live/cam1", "{video_id}&")); diff != "" {
		t.Error(diff)
	}
	if got := p.Shape.URLs("../etc", "t"); got != (signer.URLs{}) {
		t.Errorf("URLs of no id: got %+v, want none", got)
	}
	if diff := cmp.Diff([]string{"hls"}, p.URLs); diff != "" {
		t.Errorf("names of URLs, -want +got\n%s", diff)
	}
}

// TestVerifiersKeepKeysForAsLongAsTheAccountSays: no key signs earlier; see service.
func TestVerifiersKeepKeysForAsLongAsTheAccountSays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		settings map[string]string
		want     time.Duration
	}{
		"as it comes":        {nil, 10 * time.Minute},
		"HAProxy":            {map[string]string{"preset": "haproxy"}, 5 * time.Minute},
		"MediaMTX":           {map[string]string{"preset": "mediamtx"}, time.Hour},
		"a cache of its own": {map[string]string{"preset": "mediamtx", "verifier_cache": "1s"}, time.Second},
	} {
		if got := open(t, c.settings).Fetches.Cache; got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

func TestTheHeaderIsWhatTheAccountSays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		settings map[string]string
		want     signer.Header
	}{
		"as it comes":     {nil, signer.Header{}},
		"what comes":      {map[string]string{"kid": "key_id", "typ": "JWT"}, signer.Header{}},
		"neither":         {map[string]string{"kid": "none", "typ": "none"}, signer.Header{NoKeyID: true, NoType: true}},
		"a type":          {map[string]string{"typ": "at+jwt"}, signer.Header{Type: "at+jwt"}},
		"a type in whole": {map[string]string{"typ": "application/vnd.video-1+jwt"}, signer.Header{Type: "application/vnd.video-1+jwt"}},
	} {
		p := open(t, c.settings)
		if p.Header != c.want || p.Expects.NoKeyID != c.want.NoKeyID || p.Expects.Type != c.want.Type {
			t.Errorf("%s: got %+v, and advice that expects %+v, want %+v", name, p.Header, p.Expects, c.want)
		}
	}
}

// TestAnOperatorCarriesKeysIfTheAccountSaysSo: also with the preset of a verifier, whose
// cache is then of no meaning.
func TestAnOperatorCarriesKeysIfTheAccountSaysSo(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string]map[string]string{
		"as it comes": {"publication": "manual"}, "HAProxy": {"publication": "manual", "preset": "haproxy"},
	} {
		if p := open(t, settings); !p.Carries || p.Fetches != nil {
			t.Errorf("%s: got carried %t, fetched %+v, want carried alone", name, p.Carries, p.Fetches)
		}
	}
}

// FuzzClaims: what is accepted as a template can be filled in, says which video it is
// for, and always ends.
func FuzzClaims(f *testing.F) {
	f.Add(`{"sub":"{video_id}"}`, "a", "viewer")
	f.Add(`{"p":[{"path":"/{video_id}/{viewer_id}"}]}`, "a-b", "Ann")
	f.Fuzz(func(t *testing.T, claims, video, viewer string) {
		p, err := jws.Kind().Open(platforms.Account{Settings: map[string]string{"claims": claims}})
		if err != nil {
			return
		}
		got, err := p.Shape.Claims(signer.Request{VideoID: video, Viewer: signer.Viewer{ID: viewer}}, issued, expires)
		if err == nil && got["exp"] != expires.Unix() {
			t.Errorf("claims %s of %q: got the end %v, want %d", claims, video, got["exp"], expires.Unix())
		}
	})
}
