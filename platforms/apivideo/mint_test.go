package apivideo_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/keyrotation"
	"playtoken/platforms/apivideo/apivideotest"
	"playtoken/platforms/standin"
	"playtoken/signer"
)

func TestEveryURLWorksAgainAndAgainForADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		token := w.must(t)
		urls := map[string]string{"embed": token.URLs.Embed, "hls": token.URLs.HLS, "mp4": token.URLs.MP4, "thumbnail": token.URLs.Thumbnail}
		for range 3 {
			for name, u := range urls {
				if status := w.get(t, u); status != http.StatusOK {
					t.Errorf("GET of the %s URL = %d, want 200", name, status)
				}
			}
		}
		for name, u := range urls {
			parsed, err := url.Parse(u)
			if err != nil || len(parsed.Query()["avh"]) != 1 || (name == "embed") != parsed.Query().Has("token") {
				t.Errorf("the %s URL is %s (%v), want one session, and a token only for embed", name, u, err)
			}
			parsed.RawQuery = strings.Replace(parsed.RawQuery, "avh=", "avh=x", 1)
			if status := w.get(t, parsed.String()); status != http.StatusNotFound {
				t.Errorf("%s with another session: %d", name, status)
			}
		}
		if token.KeyID != "" || token.URLs.Landing != "" {
			t.Errorf("Mint = %+v, want no key id and no landing URL", token)
		}
	})
}

func TestTheTokenIsUnusedAndWorksOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for _, asset := range []string{"http://127.0.0.1/vod/%s?token=%s", "http://127.0.0.1/vod/%s/token/%s/hls/manifest.m3u8", "http://127.0.0.1/vod/%s/token/%s/session"} {
			token := w.must(t)
			if u := fmt.Sprintf("%+v", token.URLs); strings.Contains(u, token.Value) {
				t.Errorf("the token is in %s", u)
			}
			u := fmt.Sprintf(asset, film, token.Value)
			if first, again := w.get(t, u), w.get(t, u); first != http.StatusOK || again != http.StatusNotFound {
				t.Errorf("%s: %d, then %d", u, first, again)
			}
		}
	})
}

func TestNoTokenIsHandedOutTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var mu sync.Mutex
		seen := map[string]bool{}
		var crowd sync.WaitGroup
		for range 60 {
			crowd.Go(func() {
				token := w.must(t)
				mu.Lock()
				defer mu.Unlock()
				for _, once := range []string{token.Value, token.URLs.Embed} {
					if seen[once] {
						t.Errorf("%s a second time", once)
					}
					seen[once] = true
				}
			})
		}
		crowd.Wait()
		w.Cache(true)
		if token, err := w.mint(t.Context(), film); !errors.Is(err, signer.ErrUnavailable) || token.Value != "" {
			t.Errorf("behind a cache: %+v, %v", token, err)
		}
		w.Cache(false)
		w.must(t)
	})
}

func TestVideosThatGetNoToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for video, says := range map[string]string{apivideotest.PublicVideo: "public", "viDoesNotExist": "no such video"} {
			token, err := w.mint(t.Context(), video)
			if !errors.Is(err, signer.ErrVideo) || errors.Is(err, signer.ErrUnavailable) || !strings.Contains(err.Error(), says) || token.Value != "" {
				t.Errorf("Mint(%s) = %+v, %v, want ErrVideo with %q", video, token, err, says)
			}
		}
		w.must(t)
	})
}

// What cannot be enforced is refused without a call.
func TestRestrictionsAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		generous := signer.Policy{DefaultTTL: time.Hour, MaxTTL: 48 * time.Hour, AllowAllVideos: true, AllowedClaims: []string{"plan"}}
		for name, c := range map[string]struct {
			policy signer.Policy
			req    signer.Request
			want   error
		}{
			"a shorter life":              {generous, signer.Request{VideoID: film, TTL: time.Minute}, signer.ErrNotEnforceable},
			"a longer life":               {generous, signer.Request{VideoID: film, TTL: 48 * time.Hour}, signer.ErrNotEnforceable},
			"more than is allowed":        {policy, signer.Request{VideoID: film, TTL: aDay}, signer.ErrTTL},
			"an odd life":                 {generous, signer.Request{VideoID: film, TTL: time.Millisecond}, signer.ErrTTL},
			"a claim":                     {generous, signer.Request{VideoID: film, Claims: map[string]any{"plan": "x"}}, signer.ErrNotEnforceable},
			"a claim that is not allowed": {generous, signer.Request{VideoID: film, Claims: map[string]any{"other": "x"}}, signer.ErrClaim},
			"a viewer":                    {generous, signer.Request{VideoID: film, Viewer: signer.Viewer{ID: "v"}}, signer.ErrNotEnforceable},
			"an address":                  {generous, signer.Request{VideoID: film, Viewer: signer.Viewer{IP: "192.0.2.1"}}, signer.ErrNotEnforceable},
			"a DRM policy":                {generous, signer.Request{VideoID: film, DRMPolicy: "p"}, signer.ErrNotEnforceable},
			"all videos":                  {generous, signer.Request{VideoID: signer.AllVideos}, signer.ErrVideo},
			"all videos without leave":    {policy, signer.Request{VideoID: signer.AllVideos}, signer.ErrAllVideos},
		} {
			if token, err := w.platform.Minter(c.policy).Mint(t.Context(), c.req); !errors.Is(err, c.want) || token.Value != "" {
				t.Errorf("%s: Mint = %v, want %v", name, err, c.want)
			}
		}
		if w.Count(authenticate)+w.Count(show) != 0 {
			t.Error("the platform got a request, want none")
		}
		for _, ttl := range []time.Duration{0, aDay} {
			token, err := w.platform.Minter(generous).Mint(t.Context(), signer.Request{VideoID: film, TTL: ttl})
			if err != nil || token.ExpiresAt.Sub(token.IssuedAt) != aDay || token.RefreshAt.Sub(token.IssuedAt) != aDay*3/4 {
				t.Errorf("Mint for %s = %+v, %v, want a token for a day", ttl, token, err)
			}
		}
	})
}

const aDay = 24 * time.Hour

func TestTroubleOnTheWayIsNobodysFault(t *testing.T) {
	for name, fault := range map[string]standin.Fault{
		"lost": {Response: standin.Lost}, "garbled": {Response: standin.InvalidUTF8}, "silent": {Response: standin.Silent},
		"empty": {Response: standin.Empty}, "500": standin.Refuse(500), "403": standin.Refuse(403), "redirected": {Response: standin.Redirected},
		"echo": {Response: standin.ErrorStatus, Status: 400, Echo: true},
	} {
		for _, route := range []string{show, session} {
			bubble(t, name+" "+route, func(t *testing.T) {
				w := newWorld(t)
				w.Script(route, fault)
				start := time.Now()
				token, err := w.mint(t.Context(), film)
				if !errors.Is(err, signer.ErrUnavailable) || token.Value != "" || time.Since(start) > 6*time.Second {
					t.Errorf("%+v, %v after %s", token, err, time.Since(start))
				}
				if strings.Contains(fmt.Sprint(err), "/token/") || strings.Contains(fmt.Sprint(err), "given-key") {
					t.Errorf("Mint = %v, want an error without a private token or API key", err)
				}
				w.must(t)
			})
		}
	}
	bubble(t, "404 of a login is no word on the video", func(t *testing.T) {
		w := newWorld(t)
		w.Script(authenticate, standin.Refuse(404))
		if _, err := w.mint(t.Context(), film); !errors.Is(err, signer.ErrUnavailable) || errors.Is(err, signer.ErrVideo) {
			t.Errorf("Mint with a refused login = %v, want ErrUnavailable", err)
		}
	})
	bubble(t, "404 of a session is no word on the video", func(t *testing.T) {
		w := newWorld(t)
		w.Script(session, standin.Refuse(404))
		if _, err := w.mint(t.Context(), film); !errors.Is(err, signer.ErrUnavailable) || errors.Is(err, signer.ErrVideo) {
			t.Errorf("Mint with a refused session = %v, want ErrUnavailable", err)
		}
	})
	bubble(t, "401 of a session is no word on the key", func(t *testing.T) {
		w := newWorld(t)
		w.Script(session, standin.Refuse(401))
		if _, err := w.mint(t.Context(), film); errors.Is(err, keyrotation.ErrUnauthorized) || w.Count(authenticate) != 1 {
			t.Errorf("%v, %d logins", err, w.Count(authenticate))
		}
	})
}
