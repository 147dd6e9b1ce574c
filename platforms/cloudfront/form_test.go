package cloudfront

import (
	"errors"
	"maps"
	"regexp"
	"strings"
	"testing"
	"time"

	"playtoken/signer"
	"playtoken/store"
)

const manifest = "https://cdn.example/{video_id}/a.m3u8"

func TestWhatATokenOpens(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		settings map[string]string
		want     string
	}{
		"the manifest's folder":    {map[string]string{"hls_url": manifest}, "https://cdn.example/{video_id}/*"},
		"a folder in it":           {map[string]string{"hls_url": "https://cdn.example/v1/{video_id}/hls/a.m3u8?x=1"}, "https://cdn.example/v1/{video_id}/hls/*"},
		"a file":                   {map[string]string{"mp4_url": "https://cdn.example/{video_id}.mp4"}, "https://cdn.example/{video_id}.mp4"},
		"what is said":             {map[string]string{"hls_url": manifest, "poster_url": "https://cdn.example/{video_id}.jpg", "resource": "https://cdn.example/{video_id}.*"}, ""},
		"what is said, and enough": {map[string]string{"hls_url": "https://cdn.example/{video_id}/a/b.m3u8", "dash_url": "https://cdn.example/{video_id}/b/c.mpd", "resource": "https://cdn.example/{video_id}/*"}, "https://cdn.example/{video_id}/*"},
		"one URL":                  {map[string]string{"hls_url": manifest, "policy": "canned"}, manifest},
	} {
		f, err := readForm(c.settings)
		if (err != nil) != (c.want == "") || err == nil && f.resource != c.want {
			t.Errorf("%s: got %+v, %v, want %q", name, f, err, c.want)
		}
	}
}

func TestSettingsThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]map[string]string{
		"no URL":                             {"hls_url": ""},
		"no video":                           {"hls_url": "https://cdn.example/a.m3u8"},
		"in the open":                        {"hls_url": "http://cdn.example/{video_id}/a.m3u8"},
		"a user":                             {"hls_url": "https://u:p@cdn.example/{video_id}/a.m3u8"},
		"a blank":                            {"hls_url": "https://cdn.example/{video_id}/a b.m3u8"},
		"no ASCII":                           {"hls_url": "https://cdn.example/café/{video_id}/a.m3u8"},
		"a wildcard in an address":           {"hls_url": "https://cdn.example/{video_id}/*"},
		"a quotation mark":                   {"hls_url": `https://cdn.example/{video_id}/"a.m3u8`},
		"a lone percent sign":                {"hls_url": "https://cdn.example/{video_id}/100%.m3u8"},
		"capitals in the host":               {"hls_url": "https://CDN.example/{video_id}/a.m3u8"},
		"a port that is not sent":            {"hls_url": "https://cdn.example:443/{video_id}/a.m3u8"},
		"a segment that is not sent":         {"hls_url": "https://cdn.example/x/../{video_id}/a.m3u8"},
		"the same, escaped":                  {"hls_url": "https://cdn.example/x/%2E./{video_id}/a.m3u8"},
		"a fragment":                         {"hls_url": manifest + "#t"},
		"an empty query":                     {"hls_url": manifest + "?"},
		"a name of CloudFront's":             {"hls_url": manifest + "?x=1&Policy=a"},
		"another one":                        {"hls_url": manifest + "?Hash-Algorithm=a"},
		"canned, with a resource":            {"policy": "canned", "resource": manifest},
		"canned, with a start":               {"policy": "canned", "starts_before": "1m"},
		"canned, with two URLs":              {"policy": "canned", "mp4_url": "https://cdn.example/{video_id}.mp4"},
		"canned, with a network":             {"policy": "canned", "address_bits": "24"},
		"an unknown policy":                  {"policy": "wide"},
		"an unknown hash":                    {"hash": "md5"},
		"an unknown place":                   {"place": "header"},
		"a network of everyone":              {"address_bits": "0"},
		"no number":                          {"address_bits": "x"},
		"a life beyond a day":                {"max_ttl": "25h"},
		"a resource of all videos":           {"resource": "https://cdn.example/*"},
		"a resource with wildcards before":   {"resource": "https://cdn.example/*/{video_id}/*"},
		"a resource of videos that begin so": {"resource": "https://cdn.example/{video_id}*"},
		"the same by one character":          {"resource": "https://cdn.example/{video_id}?/*"},
		"a resource of something else":       {"resource": "https://cdn.example/v1/{video_id}/*"},
		"a URL outside of the resource":      {"poster_url": "https://cdn.example/{video_id}.jpg"},
		"another host":                       {"dash_url": "https://other.example/{video_id}/a.mpd"},
	} {
		settings := map[string]string{"hls_url": manifest}
		maps.Copy(settings, change)
		if f, err := readForm(settings); err == nil {
			t.Errorf("%s: got %+v, want an error", name, f)
		}
	}
}

func TestRequestsThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		settings map[string]string
		req      signer.Request
		want     error
	}{
		"all videos":              {nil, signer.Request{VideoID: signer.AllVideos}, signer.ErrNotEnforceable},
		"a wildcard":              {nil, signer.Request{VideoID: "a?"}, signer.ErrVideo},
		"a folder":                {nil, signer.Request{VideoID: "a/b"}, signer.ErrVideo},
		"a viewer":                {nil, signer.Request{VideoID: "a", Viewer: signer.Viewer{ID: "v"}}, signer.ErrNotEnforceable},
		"an IPv6 address":         {nil, signer.Request{VideoID: "a", Viewer: signer.Viewer{IP: "2001:db8::1"}}, signer.ErrNotEnforceable},
		"no address":              {nil, signer.Request{VideoID: "a", Viewer: signer.Viewer{IP: `1.2.3.4"`}}, signer.ErrNotEnforceable},
		"an address in a canned":  {map[string]string{"policy": "canned"}, signer.Request{VideoID: "a", Viewer: signer.Viewer{IP: "192.0.2.1"}}, signer.ErrNotEnforceable},
		"a claim":                 {nil, signer.Request{VideoID: "a", Claims: map[string]any{"plan": "a"}}, signer.ErrClaim},
		"a DRM policy":            {nil, signer.Request{VideoID: "a", DRMPolicy: "p"}, signer.ErrNotEnforceable},
		"a kind":                  {nil, signer.Request{VideoID: "a", Kinds: []string{"k"}}, signer.ErrNotEnforceable},
		"a life beyond the most":  {map[string]string{"max_ttl": "9m"}, signer.Request{VideoID: "a"}, signer.ErrTTL},
		"an address, and no life": {map[string]string{"max_ttl": "9m"}, signer.Request{VideoID: "a", Viewer: signer.Viewer{IP: "192.0.2.1"}}, signer.ErrTTL},
	} {
		settings := map[string]string{"hls_url": manifest}
		maps.Copy(settings, c.settings)
		got, err := formOf(t, settings).Statement(c.req, store.RSA2048, issued, issued.Add(ends))
		if !errors.Is(err, c.want) || got.Message != nil {
			t.Errorf("%s: got %s, %v, want %v", name, got.Message, err, c.want)
		}
	}
	if _, err := formOf(t, map[string]string{"hls_url": manifest}).Statement(signer.Request{VideoID: "a"}, store.ECDSAP384, issued, issued.Add(ends)); err == nil {
		t.Error("a key that CloudFront does not take: got no error")
	}
}

func TestHowATokenTravels(t *testing.T) {
	t.Parallel()
	private, err := store.ECDSAP256.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		settings map[string]string
		want     signer.Delivery
		url      string // before the token
	}{
		"query":      {nil, signer.Delivery{Place: signer.InQuery, Renew: signer.RenewByRequest}, "https://cdn.example/film/a.m3u8?"},
		"canned":     {map[string]string{"policy": "canned", "hls_url": manifest + "?x=1"}, signer.Delivery{Place: signer.InQuery, Renew: signer.RenewByURL}, "https://cdn.example/film/a.m3u8?x=1&"},
		"cookie":     {map[string]string{"place": "cookie"}, signer.Delivery{Place: signer.InCookie, Renew: signer.RenewByRequest}, "https://cdn.example/film/a.m3u8"},
		"one cookie": {map[string]string{"place": "cookie", "policy": "canned"}, signer.Delivery{Place: signer.InCookie, Renew: signer.RenewByRequest}, "https://cdn.example/film/a.m3u8"},
	} {
		settings := map[string]string{"hls_url": manifest}
		maps.Copy(settings, c.settings)
		f := formOf(t, settings)
		token := mint(t, f, signer.Request{VideoID: "film"}, private, issued, issued.Add(ends))
		want := c.url
		if !f.cookies {
			want += token
		}
		if got := f.URLs("film", token); got != (signer.URLs{HLS: want}) || f.Delivery().Place != c.want.Place || f.Delivery().Renew != c.want.Renew || f.Delivery().Name != "" {
			t.Errorf("%s: got %+v and %+v, want %s and %+v", name, got, f.Delivery(), want, c.want)
		}
		if got := f.URLs("../film", token); got != (signer.URLs{}) {
			t.Errorf("%s: URLs of no id: got %+v, want none", name, got)
		}
		if strings.Contains(token, cookiePrefix) != f.cookies || strings.ContainsAny(token, " ") != f.cookies {
			t.Errorf("%s: got the token %s", name, token)
		}
	}
}

// FuzzMatches holds the matching of wildcards against a regular expression.
func FuzzMatches(f *testing.F) {
	for _, resource := range []string{"", "*", "a*b", "a?c*", "**a", "*a*b*"} {
		for _, url := range []string{"", "a", "ab", "abc", "aabb", "ba"} {
			f.Add(resource, url)
		}
	}
	f.Fuzz(func(t *testing.T, resource, url string) {
		if len(resource) > 20 || len(url) > 40 {
			return
		}
		text := regexp.QuoteMeta(string([]byte(resource)))
		pattern, err := regexp.Compile(`(?s)^` + strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(text) + `$`)
		if err != nil || strings.ContainsFunc(resource+url, func(r rune) bool { return r > '~' }) {
			return
		}
		if got, want := matches(resource, url), pattern.MatchString(url); got != want {
			t.Errorf("%q opens %q: got %v, want %v", resource, url, got, want)
		}
	})
}

// FuzzAddress: an address that is taken needs no escape in JSON, and is no wildcard.
func FuzzAddress(f *testing.F) {
	f.Add(manifest)
	f.Add("https://cdn.example/a%20b/{video_id}.mp4?x='1")
	f.Fuzz(func(t *testing.T, template string) {
		if checkAddress(template) != nil {
			return
		}
		text := policy{resource: of(template, "film"), ends: time.Unix(1, 0)}.text()
		if strings.ContainsAny(of(template, "film"), "\"\\*'<> {}") || strings.Count(text, `"`) != 12 {
			t.Errorf("%q is taken, want it refused: %s", template, text)
		}
	})
}
