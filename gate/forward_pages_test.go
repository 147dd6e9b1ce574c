package gate_test

import (
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	mediaRow  = regexp.MustCompile(`(?m)^\| (?:video|audio|text|pictures) \| (.*) \|$`)
	inTicks   = regexp.MustCompile("`([a-z0-9]+)`")
	mediaPath = regexp.MustCompile("(/\\[[^ \"`]*webp[|]avif[|]gif\\)[$]?)")
)

// TestProxiesOfThePagesServeWhatTheGateServes: the media of docs/gate.md, and
// none of what the gate has to see.
func TestProxiesOfThePagesServeWhatTheGateServes(t *testing.T) {
	var endings []string
	for _, row := range mediaRow.FindAllStringSubmatch(pageOf(t, "gate.md"), -1) {
		for _, m := range inTicks.FindAllStringSubmatch(row[1], -1) {
			endings = append(endings, m[1])
		}
	}
	w := forward(t, "nginx", "")
	for _, ending := range endings {
		w.want(w.get("/auth", "X-Original-URI", "/film/a."+ending+"?jwt="+w.token(video, time.Minute)), 200, "")
	}
	pages, err := filepath.Glob("../docs/forward-*.md")
	if err != nil || len(endings) < 20 || len(pages) < 7 {
		t.Fatalf("got the pages %q, %v and the endings %q, want all", pages, err, endings)
	}
	for _, name := range pages {
		page := filepath.Base(name)
		if page == "forward-auth.md" {
			continue
		}
		found := mediaPath.FindStringSubmatch(pageOf(t, page))
		if found == nil {
			t.Errorf("docs/%s: got no path of media, want one", page)
			continue
		}
		path := regexp.MustCompile(`(?i)^` + strings.ReplaceAll(strings.TrimSuffix(found[1], "$"), `\\`, `\`) + "$")
		for _, ending := range append(slices.Clone(endings), "TS", "Mp4") {
			if !path.MatchString("/film/a/b." + ending) {
				t.Errorf("docs/%s: %s does not fit the path of media, want it served", page, ending)
			}
		}
		for _, other := range []string{"/film/a.m3u8", "/film/a.mpd", "/film/a.key", "/film/a.json", "/film/a.txt", "/film/a.db", "/film", "/a.ts", "/film/a.ts.bak"} {
			if path.MatchString(other) {
				t.Errorf("docs/%s: %s fits the path of media, want it left to the gate", page, other)
			}
		}
	}
}

// TestProxiesThatWereNotRunFindWhatTheyAskFor imitates the requests of Traefik
// 3.6 and of Envoy: where they put the original address, and which cookie they
// hand on to the viewer.
func TestProxiesThatWereNotRunFindWhatTheyAskFor(t *testing.T) {
	traefik := pageOf(t, "forward-traefik.md")
	address := regexp.MustCompile(`address: http://127.0.0.1:8081(\S+)`).FindStringSubmatch(traefik)
	cookie := regexp.MustCompile(`addAuthCookiesToResponse: \[(\w+)\]`).FindStringSubmatch(traefik)
	prefix := regexp.MustCompile(`path_prefix: (\S+)`).FindStringSubmatch(pageOf(t, "forward-envoy.md"))
	if address == nil || cookie == nil || prefix == nil {
		t.Fatalf("got the address %q, the cookie %q and the prefix %q, want all on their pages", address, cookie, prefix)
	}
	for kind, ask := range map[string]func(w *world, target string, headers ...string) answer{
		"traefik": func(w *world, target string, headers ...string) answer {
			return w.get(address[1], append(headers, "X-Forwarded-Method", "GET", "X-Forwarded-Proto", "https",
				"X-Forwarded-Host", "videos.example.com", "X-Forwarded-Uri", target, "X-Forwarded-For", "192.0.2.1")...)
		},
		"envoy": func(w *world, target string, headers ...string) answer {
			return w.get(prefix[1]+target, append(headers, "X-Envoy-Internal", "true", "X-Forwarded-For", "192.0.2.1")...)
		},
	} {
		w := forward(t, kind, site)
		a := w.want(ask(w, "/film/360/0.m4s?jwt="+w.token(video, time.Minute)), 200, "")
		got := (&http.Response{Header: a.header}).Cookies()
		if len(got) != 1 || got[0].Name != cookie[1] || !got[0].Secure || got[0].Path != "/film" {
			t.Fatalf("%s: got the cookies %v, want %s for the video", kind, got, cookie[1])
		}
		w.want(ask(w, "/film/360/0.m4s", "Cookie", got[0].Name+"="+got[0].Value), 200, "")
		w.want(ask(w, "/film/360/0.m4s?ticket="+w.ticket(video)), 200, "")
		w.want(ask(w, "/other/0.m4s", "Cookie", got[0].Name+"="+got[0].Value), 403, "video_not_allowed")
		refused := w.want(ask(w, "/film/360/0.m4s", "Origin", "https://shop.example"), 401, "token_missing")
		if refused.header.Get("Access-Control-Allow-Origin") != "*" || refused.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: got the headers %v, want a refusal that every page may read, not stored", kind, refused.header)
		}
	}
	for _, name := range []string{"Traefik", "Envoy", "the controller of ingress-nginx"} {
		t.Run(name, func(t *testing.T) {
			t.Skipf("NOT TESTED: forward-auth with %s itself, which Debian does not have: what it asks and hands on is imitated", name)
		})
	}
}
