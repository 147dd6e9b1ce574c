package gate_test

import (
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"playtoken/gate"
)

func forward(t *testing.T, proxy, publicURL string) *world {
	return open(t, films(), func(c *gate.Config) { c.Forward, c.PublicURL = proxy, publicURL })
}

func TestAuthBelievesTheConfiguredProxysHeaderOnly(t *testing.T) {
	const nginx, other = "X-Original-URI", "X-Forwarded-Uri"
	for proxy, header := range map[string]string{"nginx": nginx, "traefik": other, "caddy": other} {
		t.Run(proxy, func(t *testing.T) {
			w := forward(t, proxy, "")
			wrong := map[string]string{nginx: other, other: nginx}[header]
			good, bad := "/film/a.m4s?jwt="+w.token(video, time.Minute), "/film/a.m4s"
			w.want(w.get("/auth", header, good), 200, "")
			w.want(w.get("/auth", header, good, wrong, bad), 200, "")
			w.want(w.get("/auth", header, bad, wrong, good), 401, "token_missing")
			w.want(w.get("/auth", wrong, good), 403, "forbidden")
			w.want(w.get("/auth", header, good, header, good), 403, "forbidden")
			w.want(w.get("/auth", strings.ReplaceAll(header, "-", "_"), good), 403, "forbidden")
			for _, name := range []string{"X-Forwarded-Url", "X-Rewrite-Url", "X-Original-Url", "X-Forwarded-Path", "Forwarded", "Referer"} {
				w.want(w.get("/auth", name, good), 403, "forbidden")
			}
			w.want(w.get("/auth?"+strings.SplitN(good, "?", 2)[1]), 403, "forbidden")
		})
	}
	whole := forward(t, "ingress-nginx", "")
	good := "https://films.example/film/a.m4s?jwt=" + whole.token(video, time.Minute)
	whole.want(whole.get("/auth", "X-Original-URL", good), 200, "")
	whole.want(whole.get("/auth", nginx, strings.TrimPrefix(good, "https://films.example")), 403, "forbidden")
	for _, bad := range []string{strings.TrimPrefix(good, "https://films.example"), "https://films.example", "ftp" + good, "", "https:/film/a.m4s"} {
		whole.want(whole.get("/auth", "X-Original-URL", bad), 403, "forbidden")
	}
	envoy := forward(t, "envoy", "")
	token := envoy.token(video, time.Minute)
	envoy.want(envoy.get("/auth/film/a.m4s?jwt="+token), 200, "")
	envoy.want(envoy.do("HEAD", "/auth/film/a.m4s?jwt="+token, ""), 200, "")
	envoy.want(envoy.get("/auth/film/a.m4s", nginx, "/film/a.m4s?jwt="+token, other, "/film/a.m4s?jwt="+token), 401, "token_missing")
	envoy.want(envoy.get("/auth/film/%23.m4s?jwt="+token), 403, "forbidden")
	envoy.want(envoy.get("/auth?jwt="+token), 403, "forbidden")
	if a := whole.get("/auth/film/a.m4s?jwt=" + whole.token(video, time.Minute)); a.status == 200 {
		t.Errorf("a URI behind /auth: got %v, want a refusal where the proxy sends a header", a)
	}
	off := forward(t, "", "")
	off.want(off.get("/auth", nginx, "/film/a.ts?jwt="+off.token(video, time.Minute)), 403, "forbidden")
}

// TestCookiesOfAllVideosHaveOneName, because a proxy may hand on only those
// that it knows by name, and a path each.
func TestCookiesOfAllVideosHaveOneName(t *testing.T) {
	for _, proxy := range []string{"caddy", "traefik"} {
		w := forward(t, proxy, "")
		a := w.want(w.get("/auth", "X-Forwarded-Uri", "/film/a.m4s?jwt="+w.token(video, time.Minute)), 200, "")
		checkCookies(t, a, "/film")
		ticket := (&http.Response{Header: a.header}).Cookies()[0].Value
		w.want(w.get("/auth", "X-Forwarded-Uri", "/film/b.m4s", "Cookie", "playtoken="+ticket), 200, "")
		w.want(w.get("/auth", "X-Forwarded-Uri", "/film/b.m4s", "Cookie", "playtoken=of.another.site; playtoken="+ticket), 200, "")
		w.want(w.get("/auth", "X-Forwarded-Uri", "/film/b.m4s", "Cookie", "playtoken_film="+ticket), 200, "") // a session from before
		w.want(w.get("/auth", "X-Forwarded-Uri", "/film/b.m4s", "Cookie", "playtoken_other="+ticket), 401, "token_missing")
		w.want(w.get("/auth", "X-Forwarded-Uri", "/other/b.m4s", "Cookie", "playtoken="+ticket), 403, "video_not_allowed")
	}
}

// TestAuthNamesTheHeaderThatIsWrongOrMissing for each kind of proxy.
func TestAuthNamesTheHeaderThatIsWrongOrMissing(t *testing.T) {
	for _, c := range []struct {
		proxy    string
		headers  []string
		mentions []string
	}{
		{"nginx", nil, []string{"X-Original-URI"}},
		{"haproxy", nil, []string{"X-Original-URI"}},
		{"ingress-nginx", nil, []string{"X-Original-URL"}},
		{"ingress-nginx", []string{"X-Original-URL", "/film/a.m4s"}, []string{"X-Original-URL", "whole URL"}},
		{"caddy", nil, []string{"X-Forwarded-Uri"}},
		{"traefik", nil, []string{"X-Forwarded-Uri"}},
		{"envoy", nil, []string{"path_prefix: /auth"}},
		{"", []string{"X-Original-URI", "/film/a.m4s"}, []string{"PLAYTOKEN_GATE_FORWARD"}},
		{"nginx", []string{"X-Forwarded-Uri", "/film/a.m4s"}, []string{"X-Original-URI", "X-Forwarded-Uri", "PLAYTOKEN_GATE_FORWARD=caddy or traefik"}},
		{"traefik", []string{"X-Original-URI", "/film/a.m4s"}, []string{"X-Forwarded-Uri", "X-Original-URI", "PLAYTOKEN_GATE_FORWARD=haproxy or nginx"}},
	} {
		w := forward(t, c.proxy, "")
		a := w.want(w.get("/auth", c.headers...), 403, "forbidden")
		for _, text := range c.mentions {
			if !strings.Contains(a.body, text) {
				t.Errorf("%s is sent %v: got %v, want it to name %s", c.proxy, c.headers, a, text)
			}
		}
	}
}

func TestAuthAnswers(t *testing.T) {
	w := forward(t, "nginx", "")
	ask := func(uri string, headers ...string) answer {
		return w.get("/auth", append([]string{"X-Original-URI", uri}, headers...)...)
	}
	token := w.token(video, time.Minute)
	opened := w.want(ask("/film/360/index.m3u8?jwt="+token), 200, "")
	if opened.header.Get("Cache-Control") != "no-store" || opened.body != "" {
		t.Errorf("got %v %v, want an empty body that is not stored", opened, opened.header)
	}
	checkCookies(t, opened, "/film")
	cookie := strings.Split(opened.header.Get("Set-Cookie"), ";")[0]
	ticket := strings.TrimPrefix(cookie, "playtoken=")
	for _, c := range []struct {
		uri, cookie string
		status      int
		code        string
	}{
		{"/film/360/0.m4s", cookie, 200, ""},
		{"/film", cookie, 200, ""},
		{"/film/", cookie, 200, ""},
		{"/film/any.ts?x=1", cookie, 200, ""},
		{"/film/any.MP4", cookie, 200, ""},
		{"/film/any.thing", cookie, 403, "forbidden"},
		{"/film/.hidden.ts", cookie, 403, "forbidden"},
		{"/film/any.key", cookie, 403, "forbidden"},
		{"/film/~" + ticket + "/any.ts", cookie, 403, "forbidden"},
		{"/film/~/any.ts", cookie, 403, "forbidden"},
		{"/film/%7Ea/any.ts", cookie, 403, "forbidden"},
		{"/film/360/~a.ts", cookie, 403, "forbidden"},
		{"/film/360/a~.ts", cookie, 200, ""},
		{"/film/360/0.m4s?jwt=" + token, "", 200, ""},
		{"/film/360/0.m4s?jwt=" + w.token(video, -time.Hour), cookie, 200, ""}, // a player that outlived its token
		{"/film/360/0.m4s", "playtoken=junk; " + cookie, 200, ""},
		{"/film/360/0.m4s", "", 401, "token_missing"},
		{"/film/360/0.m4s", "playtoken=junk", 401, "token_malformed"},
		{"/film/360/0.m4s", cookie[:len(cookie)-2] + "A", 401, "signature_invalid"},
		{"/other/0.m4s", cookie, 403, "video_not_allowed"},
		{"/other/0.m4s?jwt=" + token, "", 403, "video_not_allowed"},
		{"/film/0.m4s?jwt=" + w.token(video, -time.Hour), "", 401, "token_expired"},
	} {
		t.Run(c.uri[:min(len(c.uri), 40)], func(t *testing.T) {
			w := &world{T: t, server: w.server}
			w.want(w.get("/auth", "X-Original-URI", c.uri, "Cookie", c.cookie), c.status, c.code)
		})
	}
	w.want(w.api("DELETE", "/v2/jwt_keys/"+w.keyID+"?end_sessions=true", ""), 200, "")
	w.want(ask("/film/360/0.m4s", "Cookie", cookie), 403, "session_ended")
}

func TestAuthPassesNothingThatIsNotPlainlyAVideo(t *testing.T) {
	w := forward(t, "nginx", "")
	jwt := "?jwt=" + sign(w.keyID, ours(), jwt.MapClaims{"exp": w.now().Add(time.Minute).Unix()})
	w.want(w.get("/auth", "X-Original-URI", "/film/0.m4s"+jwt), 200, "")
	for _, uri := range append([]string{"/", "", "film/0.m4s", "http://gate/film/0.m4s", "/v2/jwt_keys", "/embed/film", "/auth",
		"/%66ilm/0.m4s", "/film/" + strings.Repeat("a", 20<<10)}, append(named, ambiguous...)...) {
		w.want(w.get("/auth", "X-Original-URI", uri+jwt), 403, "forbidden")
	}
	w.want(w.get("/auth", "X-Original-URI", "/film/0.m4s"+jwt+"#b"), 403, "forbidden")
}

func TestCookiesAreSecureUnlessTheViewerIsOnThisMachine(t *testing.T) {
	for publicURL, want := range map[string]bool{
		"":                           false, // the test server's own address
		"https://video.example":      true,
		"http://video.example/films": true,
		"http://localhost:8081":      false,
		"http://films.localhost":     false,
		"http://127.9.9.9/films/":    false,
		"http://[::1]:8081":          false,
		"https://127.0.0.1.example":  true,
	} {
		w := forward(t, "nginx", publicURL)
		u, _ := url.Parse(publicURL)
		prefix := strings.TrimSuffix(u.Path, "/")
		a := w.want(w.get("/auth", "X-Original-URI", prefix+"/film/a.ts?jwt="+w.token(video, time.Minute)), 200, "")
		c := (&http.Response{Header: a.header}).Cookies()[0]
		if c.Secure != want || c.Path != prefix+"/film" {
			t.Errorf("%s: got the cookie %+v, want Secure %t and the path %s/film", publicURL, c, want, prefix)
		}
		if prefix != "" {
			w.want(w.get("/auth", "X-Original-URI", "/film/a.ts?jwt="+w.token(video, time.Minute)), 403, "forbidden")
			w.want(w.get("/auth", "X-Original-URI", prefix+"film/a.ts?jwt="+w.token(video, time.Minute)), 403, "forbidden")
		}
	}
}

// videoAsServed is which video a file server would serve for a URI, that
// decodes as often as it can, takes both slashes and cleans the path: the most
// that any proxy does.
func videoAsServed(uri string) string {
	file, _, _ := strings.Cut(uri, "?")
	for range 3 {
		if again, err := url.PathUnescape(file); err == nil {
			file = again
		}
	}
	file = strings.ReplaceAll(file, `\`, "/")
	segments := strings.Split(strings.TrimPrefix(path.Clean("/"+file), "/"), "/")
	return segments[0]
}

// FuzzAuth: with any URI, a token for one video passes nothing that a
// proxy would take from another's folder, and the answer is 200, 401 or 403.
func FuzzAuth(f *testing.F) {
	for _, uri := range append(named, ambiguous...) {
		f.Add(uri)
	}
	for _, uri := range []string{"/film/a.m4s", "/film", "/other/a", "", "/film/%66", "/film?x=/other"} {
		f.Add(uri)
	}
	g, id := openForFuzz(f)
	handler := g.Handler()
	token := sign(id, ours(), jwt.MapClaims{"sub": video, "exp": begin.Add(time.Hour).Unix()})
	f.Fuzz(func(t *testing.T, uri string) {
		for _, join := range []string{"?", "&"} {
			original := uri + join + "jwt=" + token
			status := ask(handler, original)
			if !slices.Contains([]int{200, 401, 403}, status) {
				t.Errorf("%q is answered %d", original, status)
			}
			if status == 200 && videoAsServed(original) != video {
				t.Errorf("%q passes, and is served from %q", original, videoAsServed(original))
			}
		}
	})
}
