package gate_test

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"playtoken/keyrotation"
	"playtoken/platforms"
	"playtoken/platforms/gate"
	"playtoken/platforms/jwtkeys"
	"playtoken/platforms/platformtest"
	"playtoken/platforms/standin"
	"playtoken/platforms/vidbeo/vidbeotest"
	"playtoken/secret"
	"playtoken/signer"

	"github.com/google/go-cmp/cmp"
)

// site is a gate at the root of its host: its key API, and what viewers open.
func site(world standin.World) http.Handler {
	inner := vidbeotest.Serve(world)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/v2/") {
			video := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/embed"), "/hls.m3u8")
			r.URL.Path = "/watch" + video
		} else {
			w.Header().Set(jwtkeys.GateHeader, "1")
		}
		inner.ServeHTTP(w, r)
	})
}

func TestPromises(t *testing.T) {
	platformtest.Run(t, platformtest.Suite{
		Kind: gate.Kind(),
		Settings: map[string]string{
			"url": "http://127.0.0.1/", "api_url": "http://127.0.0.1:81",
			"hls_url":     "http://127.0.0.1/{video_id}?main&jwt={token}",
			"dash_url":    "http://127.0.0.1/{video_id}?dash&jwt={token}",
			"landing_url": "http://127.0.0.1/{video_id}?page&jwt={token}",
			"embed_url":   "http://127.0.0.1/{video_id}?frame&jwt={token}",
		},
		Serve:  site,
		Refuse: vidbeotest.Refuse,
		Mint: platformtest.Mint{
			Videos:    []string{"abcde12345abcde12345a", "a-B_1"},
			Bad:       []string{"a/b", "a.b"},
			Claim:     "ips",
			Reserved:  []string{"sub", "exp", "iss", "nbf", "iat", "aud", "jti", "kid", "viewer", "Viewer"},
			AllVideos: true, Steady: true, Viewers: true,
		},
	})
}

// answers is what the gate answers to a request.
type answers func(*http.Request) (status int, header http.Header, body string)

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	status, header, body := a(r)
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body))}, nil
}

func account(answer answers, settings map[string]string) platforms.Account {
	if settings["url"] == "" {
		settings["url"] = "https://videos.example.com"
	}
	return platforms.Account{
		Project: "project_1", Settings: settings, Transport: answer,
		Credential: map[string]secret.Value{"api_key": secret.New("a credential of some length")},
	}
}

func open(t *testing.T, answer answers, settings map[string]string) platforms.Platform {
	t.Helper()
	p, err := gate.Kind().Open(account(answer, settings))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestOneSettingGivesEveryAddress(t *testing.T) {
	for _, c := range []struct {
		settings map[string]string
		api      string
		urls     signer.URLs
	}{
		{map[string]string{}, "https://videos.example.com/v2/jwt_keys", signer.URLs{
			Landing: "https://videos.example.com/film?jwt=h.c.s", Embed: "https://videos.example.com/embed/film?jwt=h.c.s",
			HLS: "https://videos.example.com/film/hls.m3u8?jwt=h.c.s",
		}},
		{map[string]string{"url": "http://localhost:8081/tv/", "api_url": "http://127.0.0.1:9"}, "http://127.0.0.1:9/v2/jwt_keys", signer.URLs{
			Landing: "http://localhost:8081/tv/film?jwt=h.c.s", Embed: "http://localhost:8081/tv/embed/film?jwt=h.c.s",
			HLS: "http://localhost:8081/tv/film/hls.m3u8?jwt=h.c.s",
		}},
		{map[string]string{"api_url": "https://gate.internal/v2/", "hls_url": "https://cdn.example.com/{video_id}/main.m3u8?jwt={token}",
			"dash_url": "https://cdn.example.com/{video_id}/x.mpd?a=1&jwt={token}"},
			"https://gate.internal/v2/jwt_keys", signer.URLs{
				DASH:    "https://cdn.example.com/film/x.mpd?a=1&jwt=h.c.s",
				Landing: "https://videos.example.com/film?jwt=h.c.s", Embed: "https://videos.example.com/embed/film?jwt=h.c.s",
				HLS: "https://cdn.example.com/film/main.m3u8?jwt=h.c.s",
			}},
	} {
		asked := ""
		p := open(t, func(r *http.Request) (int, http.Header, string) {
			asked = r.URL.String()
			return 200, nil, `{"success":true,"result":[],"links":{}}`
		}, c.settings)
		if _, err := p.Registrar.List(t.Context()); err != nil || asked != c.api {
			t.Errorf("%v: the keys were asked for at %s, %v; want %s", c.settings, asked, err, c.api)
		}
		if diff := cmp.Diff(c.urls, p.Shape.URLs("film", "h.c.s")); diff != "" {
			t.Errorf("%v: URLs: -want +got\n%s", c.settings, diff)
		}
		if got := slices.Contains(p.URLs, "dash"); got != (c.urls.DASH != "") {
			t.Errorf("%v: got the capabilities %q, want dash among them: %t", c.settings, p.URLs, !got)
		}
	}
}

func TestSettingsThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		settings map[string]string
		want     string
	}{
		"the key API's address": {map[string]string{"url": "https://videos.example.com/v2"}, "leave /v2 out"},
		"in the clear":          {map[string]string{"url": "http://videos.example.com"}, "want https"},
		"a query":               {map[string]string{"url": "https://videos.example.com/?a=b"}, "only a host and a path"},
		"API in the clear":      {map[string]string{"api_url": "http://gate.internal"}, "want https"},
		"a bad DASH template":   {map[string]string{"dash_url": "https://videos.example.com/x.mpd?jwt={token}"}, "dash url: want {video_id}"},
		"two places of a token": {map[string]string{"dash_url": "https://videos.example.com/{video_id}/x.mpd?token={token}"}, "where the hls url has it"},
		"a path, and a query":   {map[string]string{"dash_url": "https://videos.example.com/{token}/{video_id}/x.mpd"}, "where the hls url has it"},
		"a bad template":        {map[string]string{"hls_url": "https://videos.example.com/{video_id}"}, "hls url"},
	} {
		if _, err := gate.Kind().Open(account(nil, c.settings)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: Open = %v, want an error with %q", name, err, c.want)
		}
	}
}

func TestTheTokenNamesTheViewerAndNotTheirID(t *testing.T) {
	p, expires := open(t, nil, map[string]string{}), time.Unix(1700000000, 0)
	got, err := p.Shape.Claims(signer.Request{VideoID: "film", Viewer: signer.Viewer{ID: "ann@example.com"}}, time.Time{}, expires)
	want := map[string]any{"sub": "film", "exp": int64(1700000000), "viewer": "WZo6D7M3hU2EU8a8gYPN4xU8v-bDOY84PYp_LFjmamU"}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("Claims: %v, -want +got\n%s", err, diff)
	}
	if got := p.Sessions.ViewerName("ann@example.com"); got != want["viewer"] {
		t.Errorf("ViewerName = %s, want the claim %s", got, want["viewer"])
	}
	if _, err := p.Shape.Claims(signer.Request{VideoID: "film", Viewer: signer.Viewer{ID: "ann", IP: "192.0.2.1"}}, time.Time{}, expires); !errors.Is(err, signer.ErrNotEnforceable) {
		t.Errorf("Claims for an address = %v, want ErrNotEnforceable", err)
	}
}

func TestSessionsAreEndedAsTheGateDocuments(t *testing.T) {
	var got []string
	p := open(t, func(r *http.Request) (int, http.Header, string) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, r.Method+" "+r.URL.String()+" "+string(body))
		return 200, nil, `{"success":true,"result":{"ended_before":"2026-01-02T03:04:05.678Z"},"links":null,"errors":[]}`
	}, map[string]string{})
	for _, which := range []keyrotation.Sessions{{Viewer: "v"}, {VideoID: "film"}, {KeyID: "k"}, {All: true}} {
		if err := p.Sessions.EndSessions(t.Context(), which, "left"); err != nil {
			t.Errorf("EndSessions(%+v) = %v, want success", which, err)
		}
	}
	if err := p.Sessions.DeleteAndEnd(t.Context(), "k"); err != nil {
		t.Errorf("DeleteAndEnd = %v, want success", err)
	}
	const at = "https://videos.example.com/v2/"
	want := []string{
		"POST " + at + `sessions/end {"viewer":"v","reason":"left"}`, "POST " + at + `sessions/end {"video_id":"film","reason":"left"}`,
		"POST " + at + `sessions/end {"key_id":"k","reason":"left"}`, "POST " + at + `sessions/end {"all":true,"reason":"left"}`,
		"DELETE " + at + "jwt_keys/k?end_sessions=true ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests: -want +got\n%s", diff)
	}
}

// TestOnlyTheGatesWordEndsSessions: what answers instead of the gate, or an
// answer that does not say it, leaves sessions alive.
func TestOnlyTheGatesWordEndsSessions(t *testing.T) {
	gates := http.Header{jwtkeys.GateHeader: {"1"}}
	for _, c := range []struct {
		status       int
		header       http.Header
		body         string
		deleted, end bool
	}{
		{status: 200, body: `{"success":true,"result":{}}`, deleted: true},
		{status: 200, body: `{"success":true,"result":{"ended_before":"2026-01-02T03:04:05Z"}}`, deleted: true, end: true},
		{status: 404, header: gates, body: `{"success":false,"errors":[]}`, deleted: true},
		{status: 404, body: `{"success":false,"errors":[]}`},
		{status: 200, body: `{"success":false,"result":{"ended_before":"2026-01-02T03:04:05Z"}}`},
		{status: 200, body: `{"success":true,"result":{"ended_before":null}}`, deleted: true},
		{status: 200, body: `<html>`}, {status: 200}, {status: 500, header: gates}, {status: 401, header: gates}, {status: 307},
	} {
		p := open(t, func(*http.Request) (int, http.Header, string) { return c.status, c.header, c.body }, map[string]string{})
		if err := p.Sessions.DeleteAndEnd(t.Context(), "k"); (err == nil) != c.deleted {
			t.Errorf("%d %v %s: DeleteAndEnd = %v, want success: %v", c.status, c.header, c.body, err, c.deleted)
		}
		if err := p.Sessions.EndSessions(t.Context(), keyrotation.Sessions{All: true}, ""); (err == nil) != c.end {
			t.Errorf("%d %v %s: EndSessions = %v, want success: %v", c.status, c.header, c.body, err, c.end)
		}
	}
}
