package vidbeo_test

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"playtoken/platforms"
	"playtoken/platforms/vidbeo"
	"playtoken/secret"
	"playtoken/signer"

	"github.com/google/go-cmp/cmp"
)

var (
	issued  = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	expires = issued.Add(10 * time.Minute)
)

func platform(t *testing.T, config vidbeo.Config) *vidbeo.Platform {
	t.Helper()
	config.Credential = secret.New("a credential of some length")
	p, err := vidbeo.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestClaims(t *testing.T) {
	p := platform(t, vidbeo.Config{})
	for name, c := range map[string]struct {
		req  signer.Request
		want map[string]any
	}{
		"one video":    {signer.Request{VideoID: "abc_DEF-123"}, map[string]any{"sub": "abc_DEF-123", "exp": expires.Unix()}},
		"all videos":   {signer.Request{VideoID: signer.AllVideos}, map[string]any{"exp": expires.Unix()}},
		"extra claims": {signer.Request{VideoID: "a", Claims: map[string]any{"ips": []any{"192.0.2.1"}}}, map[string]any{"sub": "a", "exp": expires.Unix(), "ips": []any{"192.0.2.1"}}},
	} {
		got, err := p.Claims(c.req, issued, expires)
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%s: Claims: %v, -want +got\n%s", name, err, diff)
		}
	}
}

func TestEqualRequestsMakeEqualClaimsWheneverTheyAreMade(t *testing.T) {
	p := platform(t, vidbeo.Config{})
	req := signer.Request{VideoID: "a"}
	one, err1 := p.Claims(req, issued, expires)
	two, err2 := p.Claims(req, issued.Add(time.Second), expires)
	if diff := cmp.Diff(one, two); diff != "" || err1 != nil || err2 != nil {
		t.Error(diff, err1, err2)
	}
}

func TestClaimsThatAreRefused(t *testing.T) {
	p := platform(t, vidbeo.Config{})
	reqs := map[string]struct {
		req  signer.Request
		want error
	}{
		"viewer's address": {signer.Request{VideoID: "a", Viewer: signer.Viewer{IP: "192.0.2.1"}}, signer.ErrNotEnforceable},
		"viewer's id":      {signer.Request{VideoID: "a", Viewer: signer.Viewer{ID: "v"}}, signer.ErrNotEnforceable},
	}
	for _, id := range []string{"", "**", "a/b", "../a", "a b", "a?b", "a#b", "a%2f", "ä", "a\n", "a.b", strings.Repeat("a", 65)} {
		reqs["video "+id] = struct {
			req  signer.Request
			want error
		}{signer.Request{VideoID: id}, signer.ErrVideo}
	}
	for _, name := range []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "kid", "Sub", "EXP", "ſub"} {
		reqs["claim "+name] = struct {
			req  signer.Request
			want error
		}{signer.Request{VideoID: "a", Claims: map[string]any{"ok": 1, name: 1}}, signer.ErrClaim}
	}
	for name, c := range reqs {
		if claims, err := p.Claims(c.req, issued, expires); !errors.Is(err, c.want) || claims != nil {
			t.Errorf("%s: Claims = %v, %v, want %v", name, claims, err, c.want)
		}
	}
}

func TestURLs(t *testing.T) {
	want := signer.URLs{
		Landing: "https://watch.vidbeo.com/abc?jwt=h.c.s",
		Embed:   "https://embed.vidbeo.com/abc?jwt=h.c.s",
		HLS:     "https://watch.vidbeo.com/abc/hls.m3u8?jwt=h.c.s",
	}
	p := platform(t, vidbeo.Config{})
	if diff := cmp.Diff(want, p.URLs("abc", "h.c.s")); diff != "" {
		t.Error(diff)
	}
	for _, id := range []string{signer.AllVideos, "", "a/b"} {
		if got := p.URLs(id, "h.c.s"); got != (signer.URLs{}) {
			t.Errorf("URLs(%q) = %+v, want none", id, got)
		}
	}
	p = platform(t, vidbeo.Config{
		URL: "http://127.0.0.1:8081/v2", LandingURL: "http://127.0.0.1:8081/{video_id}?jwt={token}",
		EmbedURL: "https://gate.example.com/embed/{video_id}?a=b&jwt={token}", HLSURL: "https://gate.example.com/{token}/hls?v={video_id}",
	})
	want = signer.URLs{
		Landing: "http://127.0.0.1:8081/abc?jwt=%7Bvideo_id%7D%26",
		Embed:   "https://gate.example.com/embed/abc?a=b&jwt=%7Bvideo_id%7D%26",
		HLS:     "https://gate.example.com/%7Bvideo_id%7D%26/hls?v=abc",
	}
	if diff := cmp.Diff(want, p.URLs("abc", "{video_id}&")); diff != "" {
		t.Error(diff)
	}
}

func TestTemplatesThatAreRefused(t *testing.T) {
	for template, want := range map[string]bool{
		"https://x.example/{video_id}?jwt={token}": true, "http://localhost:1/{video_id}/{token}": true,
		"https://x.example/{video_id}": false, "https://x.example/?jwt={token}": false,
		"http://x.example/{video_id}?jwt={token}": false, "//x.example/{video_id}?jwt={token}": false,
		"/{video_id}?jwt={token}": false, "javascript:{video_id}{token}": false, "https:{video_id}{token}": false,
		"https://{video_id}.example/?jwt={token}": false, "https://{token}/{video_id}": false,
		"https://x.example/{video_id}#{token}": false, "https://u:p@x.example/{video_id}?jwt={token}": false,
		"https://x.example/{video_id}/{video_id}?jwt={token}": false, "https://x.example/{video_id}?jwt={token}&u={user}": false,
		"https://x.example/{VIDEO_ID}?jwt={token}": false, "https://x.exa mple/{video_id}?jwt={token}": false,
	} {
		for _, config := range []vidbeo.Config{{LandingURL: template}, {EmbedURL: template}, {HLSURL: template}} {
			config.Credential = secret.New("a credential of some length")
			if _, err := vidbeo.New(config); (err == nil) != want {
				t.Errorf("New with the template %s = %v, want success: %v", template, err, want)
			}
		}
	}
	if _, err := vidbeo.New(vidbeo.Config{URL: "http://api.example.com", Credential: secret.New("x")}); err == nil {
		t.Error("a key API in the clear is accepted")
	}
	if _, err := vidbeo.New(vidbeo.Config{}); err == nil {
		t.Error("no credential is accepted")
	}
}

func FuzzTemplate(f *testing.F) {
	f.Add("https://x.example/{video_id}?jwt={token}", "abc", "h.c.s")
	f.Add("http://[::1]:1/{token}?v={video_id}", "-", "&")
	f.Fuzz(func(t *testing.T, template, video, token string) {
		p, err := vidbeo.New(vidbeo.Config{LandingURL: template, Credential: secret.New("a credential of some length")})
		if err != nil || template == "" {
			return
		}
		got := p.URLs(video, token).Landing
		if got != "" && !strings.HasPrefix(got, "https://") && !strings.HasPrefix(got, "http://") && !strings.HasPrefix(strings.ToLower(got), "http") {
			t.Errorf("the template %q gives the URL %q, want HTTP or HTTPS", template, got)
		}
	})
}

// TestAGateIsNoVidbeo: where URLs of tokens lead to Vidbeo's host, an address
// that answers as our own gate is a mistake, also if it refuses.
func TestAGateIsNoVidbeo(t *testing.T) {
	templates := map[string]string{
		"landing_url": "https://w.example/{video_id}?jwt={token}", "embed_url": "https://w.example/e/{video_id}?jwt={token}",
		"hls_url": "https://w.example/{video_id}/hls.m3u8?jwt={token}",
	}
	for name, c := range map[string]struct {
		drop   string // the template that is not set
		url    string
		header http.Header
		status int
		want   string // kind
	}{
		"a gate":                            {"hls_url", "https://api.example.com/v2", http.Header{"Playtoken-Gate": {"1"}}, 200, "gate"},
		"a gate, another credential":        {"embed_url", "https://api.example.com/v2", http.Header{"Playtoken-Gate": {"1"}}, 401, "gate"},
		"a gate, and all URLs are set":      {"", "https://api.example.com/v2", http.Header{"Playtoken-Gate": {"1"}}, 200, ""},
		"another service with the same API": {"hls_url", "https://api.example.com/v2", nil, 200, ""},
		"Vidbeo itself":                     {"hls_url", "", nil, 200, ""},
	} {
		account := platforms.Account{
			Settings: maps.Clone(templates), Credential: map[string]secret.Value{"api_key": secret.New("a credential of some length")},
			Transport: answer{status: c.status, header: c.header},
		}
		account.Settings["url"] = c.url
		delete(account.Settings, c.drop)
		p, err := vidbeo.Kind().Open(account)
		if err != nil {
			t.Fatal(err)
		}
		var got platforms.Mistake
		if p.Mistaken != nil {
			got, err = p.Mistaken(t.Context())
		}
		if err != nil || got.Kind != c.want {
			t.Errorf("%s: Mistaken = %+v, %v, want the kind %q", name, got, err, c.want)
		}
	}
}

// answer is a platform that always answers the same.
type answer struct {
	status int
	header http.Header
}

func (a answer) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: a.status, Header: a.header, Body: io.NopCloser(strings.NewReader(`{"success":true,"result":[]}`))}, nil
}
