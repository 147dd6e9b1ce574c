package cdni_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"playtoken/platforms"
	"playtoken/platforms/cdni"
	"playtoken/platforms/platformtest"
	"playtoken/signer"
)

// TestPromises has an edge of our own; docs/cdni.md is run with Apache Traffic Server.
func TestPromises(t *testing.T) {
	platformtest.Run(t, platformtest.Suite{
		Kind:  cdni.Kind(),
		Serve: serveEdge,
		Settings: map[string]string{
			"issuer":  "https://tokens.example",
			"hls_url": "http://127.0.0.1/watch/{video_id}/hls.m3u8?URISigningPackage={token}",
		},
		Mint: platformtest.Mint{
			Videos:   []string{"abcde12345abcde12345a", "a-B_1"},
			Bad:      []string{"a/b", "a.b", "playlists/abcd1234"},
			Claim:    "ips",
			Reserved: []string{"sub", "exp", "iss", "nbf", "iat", "aud", "jti", "kid", "EXP", "cdniv", "cdnicrit", "cdniip", "cdniuc", "cdniets", "cdnistt", "cdnistd"},
			Steady:   true,
		},
	})
}

var (
	issued  = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	expires = issued.Add(10 * time.Minute)
)

const query = "https://cdn.example/{video_id}/hls.m3u8?URISigningPackage={token}"

func settings(change map[string]string) map[string]string {
	all := map[string]string{"issuer": "us", "hls_url": query}
	maps.Copy(all, change)
	return all
}

func open(t *testing.T, change map[string]string) platforms.Platform {
	t.Helper()
	p, err := cdni.Kind().Open(platforms.Account{Project: "project_1", Settings: settings(change)})
	if err != nil {
		t.Fatalf("open with %v: %v", change, err)
	}
	return p
}

func hashOf(url string) string {
	sum := sha256.Sum256([]byte(url))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// below is what a pattern ends with.
const below = `(/[A-Za-z0-9_-][A-Za-z0-9_.,=~-]*)+(\?.*)?$`

func TestClaims(t *testing.T) {
	t.Parallel()
	folder := `regex:^https?://cdn\.example/film` + below
	for name, c := range map[string]struct {
		settings map[string]string
		want     map[string]any
	}{
		"as they come": {nil, map[string]any{"iss": "us", "exp": expires.Unix(), "cdniuc": folder, "plan": "a"}},
		"an audience":  {map[string]string{"audience": "cdn"}, map[string]any{"iss": "us", "aud": "cdn", "exp": expires.Unix(), "cdniuc": folder, "plan": "a"}},
		"renewed": {map[string]string{"renewal": "30s", "renewal_depth": "1"},
			map[string]any{"iss": "us", "exp": expires.Unix(), "cdniuc": folder, "plan": "a", "cdniets": int64(30), "cdnistt": int64(1), "cdnistd": int64(1)}},
		"a folder below others, and a port": {map[string]string{"hls_url": "https://cdn.example:8443/v1.0/{video_id}/a/hls.m3u8?x=1&URISigningPackage={token}"},
			map[string]any{"iss": "us", "exp": expires.Unix(), "cdniuc": `regex:^https?://cdn\.example:8443/v1\.0/film/a` + below, "plan": "a"}},
		"the package in the path": {map[string]string{"hls_url": "https://cdn.example/URISigningPackage={token}/{video_id}/hls.m3u8"},
			map[string]any{"iss": "us", "exp": expires.Unix(), "cdniuc": folder, "plan": "a"}},
	} {
		got, err := open(t, c.settings).Shape.Claims(signer.Request{VideoID: "film", Claims: map[string]any{"plan": "a"}}, issued, expires)
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v, -want +got\n%s", name, err, diff)
		}
	}
}

// The vector is of RFC 9246, appendix A.1.
func TestHashesAreThoseOfTheRFC(t *testing.T) {
	t.Parallel()
	const want = "hash:sha-256;2tderfWPa86Ku7YnzW51YUp7dGUjBS_3SW3ELx4hmWY"
	for _, place := range []string{"bar?URISigningPackage={token}", "bar;URISigningPackage={token}", "bar"} {
		// The vector's URL is http, which no URL with a token may be outside of a
		// loopback address: only the hash is compared.
		p := open(t, map[string]string{"opens": "url", "hls_url": "https://cdni.example/{video_id}/" + place})
		claims, err := p.Shape.Claims(signer.Request{VideoID: "foo"}, issued, expires)
		if err != nil {
			t.Fatal(err)
		}
		if got := claims["cdniuc"]; got != "hash:sha-256;"+hashOf("https://cdni.example/foo/bar") {
			t.Errorf("%s: got %v, want the hash of the URL without the package", place, got)
		}
	}
	if got := "hash:sha-256;" + hashOf("http://cdni.example/foo/bar"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRequestsThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		settings map[string]string
		req      signer.Request
		want     error
	}{
		"all videos":               {nil, signer.Request{VideoID: signer.AllVideos}, signer.ErrNotEnforceable},
		"a viewer":                 {nil, signer.Request{VideoID: "a", Viewer: signer.Viewer{ID: "v"}}, signer.ErrNotEnforceable},
		"an address":               {nil, signer.Request{VideoID: "a", Viewer: signer.Viewer{IP: "192.0.2.1"}}, signer.ErrNotEnforceable},
		"a DRM policy":             {nil, signer.Request{VideoID: "a", DRMPolicy: "p"}, signer.ErrNotEnforceable},
		"a kind":                   {nil, signer.Request{VideoID: "a", Kinds: []string{"k"}}, signer.ErrNotEnforceable},
		"a life beyond the most":   {map[string]string{"max_ttl": "9m59s"}, signer.Request{VideoID: "a"}, signer.ErrTTL},
		"a pattern as video":       {nil, signer.Request{VideoID: ".*"}, signer.ErrVideo},
		"a claim that CDNs refuse": {nil, signer.Request{VideoID: "a", Claims: map[string]any{"jti": "1"}}, signer.ErrClaim},
	} {
		if claims, err := open(t, c.settings).Shape.Claims(c.req, issued, expires); !errors.Is(err, c.want) || claims != nil {
			t.Errorf("%s: got %v, %v, want %v", name, claims, err, c.want)
		}
	}
}

func TestSettingsThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]map[string]string{
		"no issuer":                      {"issuer": ""},
		"no manifest":                    {"hls_url": ""},
		"a manifest in the open":         {"hls_url": "http://cdn.example/{video_id}/a?URISigningPackage={token}"},
		"no video":                       {"hls_url": "https://cdn.example/a?URISigningPackage={token}"},
		"the video in the query":         {"hls_url": "https://cdn.example/x/a?v={video_id}&URISigningPackage={token}"},
		"the video as the file":          {"hls_url": "https://cdn.example/{video_id}.m3u8?URISigningPackage={token}"},
		"the token under another name":   {"hls_url": "https://cdn.example/{video_id}/a?jwt={token}"},
		"an attribute that is another's": {"attribute": "Other"},
		"an attribute with a sign":       {"attribute": "a=b", "hls_url": "https://cdn.example/{video_id}/a?a=b={token}"},
		"a fragment":                     {"hls_url": "https://cdn.example/{video_id}/a?URISigningPackage={token}#t"},
		"a life beyond a day":            {"max_ttl": "25h"},
		"a cache that is no duration":    {"verifier_cache": "60"},
		"a renewal of no time":           {"renewal": "0s"},
		"a depth without renewal":        {"renewal_depth": "1"},
		"a depth below the root":         {"renewal": "1m", "renewal_depth": "-1"},
		"an unknown extent":              {"opens": "site"},
	} {
		if _, err := cdni.Kind().Open(platforms.Account{Settings: settings(change)}); err == nil {
			t.Errorf("%s: got no error, want one", name)
		}
	}
	open(t, map[string]string{"opens": "url", "hls_url": "https://cdn.example/{video_id}.m3u8?URISigningPackage={token}"})
}

func TestURLsAndDelivery(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		hls, want string
		delivery  signer.Delivery
	}{
		"query":  {query, "https://cdn.example/film/hls.m3u8?URISigningPackage=a%26b", signer.Delivery{Place: signer.InQuery, Name: "URISigningPackage", Renew: signer.RenewByRequest}},
		"path":   {"https://cdn.example/URISigningPackage={token}/{video_id}/a", "https://cdn.example/URISigningPackage=a%26b/film/a", signer.Delivery{Place: signer.InPath, Renew: signer.RenewByURL}},
		"cookie": {"https://cdn.example/{video_id}/a", "https://cdn.example/film/a", signer.Delivery{Place: signer.InCookie, Name: "URISigningPackage", Renew: signer.RenewByRequest}},
	} {
		p := open(t, map[string]string{"hls_url": c.hls})
		if got := p.Shape.URLs("film", "a&b"); got != (signer.URLs{HLS: c.want}) {
			t.Errorf("%s: got %+v, want %s", name, got, c.want)
		}
		if diff := cmp.Diff(c.delivery, p.Shape.Delivery()); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
		if got := p.Shape.URLs("../film", "t"); got != (signer.URLs{}) {
			t.Errorf("%s: URLs of no id: got %+v, want none", name, got)
		}
	}
}

// FuzzPattern: the pattern of one video fits no URL of another one, however the URL is
// written.
func FuzzPattern(f *testing.F) {
	for _, path := range []string{
		"/film/a.ts", "/other/a.ts", "/film/../other/a.ts", "/film/%2e%2e/other/a.ts", "/film/..%2fother", "/film/.../a", "/film//a",
		"/other/a?x=https://cdn.example/film/a", "/films/a.ts", "/film", "/film/a?b=/../other",
	} {
		f.Add("https://cdn.example" + path)
	}
	p, err := cdni.Kind().Open(platforms.Account{Settings: settings(nil)})
	if err != nil {
		f.Fatal(err)
	}
	claims, err := p.Shape.Claims(signer.Request{VideoID: "film"}, issued, expires)
	if err != nil {
		f.Fatal(err)
	}
	pattern := regexp.MustCompile(strings.TrimPrefix(claims["cdniuc"].(string), "regex:"))
	f.Fuzz(func(t *testing.T, url string) {
		if !pattern.MatchString(url) {
			return
		}
		path, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(url, "https"), "http"), "?")
		if !strings.HasPrefix(path, "://cdn.example/film/") || strings.ContainsAny(path, "%\\;") || strings.Contains(path, "/.") || strings.Contains(path[3:], "//") {
			t.Errorf("the pattern for film fits %q, want it to fit plain paths below /film/ alone", url)
		}
	})
}

// Tokens of the RFC are what the package reads as its own claims.
func TestTheClaimsAreThoseOfTheRFC(t *testing.T) {
	t.Parallel()
	var claims map[string]any
	example := `{"exp":1646867369,"iss":"uCDN Inc","cdniuc":"hash:sha-256;2tderfWPa86Ku7YnzW51YUp7dGUjBS_3SW3ELx4hmWY"}`
	if err := json.Unmarshal([]byte(example), &claims); err != nil {
		t.Fatal(err)
	}
	got, err := open(t, map[string]string{"issuer": "uCDN Inc", "opens": "url"}).Shape.Claims(signer.Request{VideoID: "foo"}, issued, expires)
	if err != nil {
		t.Fatal(err)
	}
	for name := range claims {
		if got[name] == nil || len(got) != len(claims) {
			t.Errorf("claims: got %v, want the members of %s", got, example)
		}
	}
}
