package jwplayer_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/platforms"
	"playtoken/platforms/jwplayer"
	"playtoken/secret"
	"playtoken/signer"

	"github.com/google/go-cmp/cmp"
)

// published is what JW Player's documents show: a secret, an end, a playlist,
// a media and a player. The signatures below were made with openssl from
// those, not with this package.
const (
	publishedSecret = "Ksi93hsy38sjKfha9JaheEMp"
	publishedEnd    = 1893456000
	header          = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
)

// opened is an account with the published secret and no address of its own.
func opened(t testing.TB, settings map[string]string) platforms.Platform {
	t.Helper()
	p, err := jwplayer.Kind().Open(platforms.Account{
		Settings:   settings,
		Credential: map[string]secret.Value{"signing_secret": secret.New(publishedSecret)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// mintedAt mints at a time, ten minutes before the published end if it is
// zero. The bubble's clock starts in the year 2000.
func mintedAt(t *testing.T, at time.Time, p platforms.Platform, policy signer.Policy, req signer.Request) (token signer.Token, err error) {
	t.Helper()
	if at.IsZero() {
		at = time.Unix(publishedEnd, 0).Add(-10 * time.Minute)
	}
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(at))
		token, err = p.Minter(policy).Mint(t.Context(), req)
	})
	return token, err
}

var (
	policy = signer.Policy{DefaultTTL: 10 * time.Minute, MaxTTL: time.Hour, AllowAllVideos: true, AllowedClaims: []string{"related_media_id", "page_limit", "search", "nested"}}
	full   = map[string]string{"site_id": "aBcD1234", "player_id": "ALJ3XQCI"}
)

func TestThePublishedToken(t *testing.T) {
	token, err := mintedAt(t, time.Time{}, opened(t, nil), policy, signer.Request{
		VideoID: "playlists/Xw0oaD4q", Claims: map[string]any{"related_media_id": "RltV8MtT"},
	})
	if err != nil {
		t.Fatal(err)
	}
	// Header and claims, to the letter.
	const input = header + "eyJyZXNvdXJjZSI6Ii92Mi9wbGF5bGlzdHMvWHcwb2FENHEiLCJleHAiOjE4OTM0NTYwMDAsInJlbGF0ZWRfbWVkaWFfaWQiOiJSbHRWOE10VCJ9."
	if token.Value != input+"H0ZMWP-f4vKpSwx_LuTUebV4yCHpWEWNBODWmlNFfmQ" {
		t.Errorf("Mint = %s, want the token of the documentation", token.Value)
	}
	if want := "https://cdn.jwplayer.com/v2/playlists/Xw0oaD4q?token=" + token.Value; token.URLs != (signer.URLs{Playlist: want}) {
		t.Errorf("Mint returned the URLs %+v, want only the playlist %s", token.URLs, want)
	}
}

func TestURLs(t *testing.T) {
	const (
		cdn  = "https://cdn.jwplayer.com"
		clip = header + "eyJyZXNvdXJjZSI6Ii92Mi9tZWRpYS9uUHJpcHU5bCIsImV4cCI6MTg5MzQ1NjAwMH0.E6sPA0HQrksHaVR0gO7lDzts96D0r-mP6UxAPT-LLGQ"
		pic  = header + "eyJyZXNvdXJjZSI6Ii92Mi9tZWRpYS9uUHJpcHU5bC9wb3N0ZXIuanBnIiwiZXhwIjoxODkzNDU2MDAwfQ.KouT_WeoaFEzPDy0lE4DRphTqMjSlPMgmg2eygqifvA"
		drm  = header + "eyJyZXNvdXJjZSI6Ii92Mi9zaXRlcy9hQmNEMTIzNC9tZWRpYS9uUHJpcHU5bC9wbGF5YmFjay5qc29uIiwiZXhwIjoxODkzNDU2MDAwLCJkcm1fcG9saWN5X2lkIjoiYjJBZmUxekcifQ.jATivpBVAERRP9ojr1gs6Bmz1ePs88P899CsuwMhZvE"
		apps = header + "eyJyZXNvdXJjZSI6Ii92Mi9tZWRpYS9uUHJpcHU5bC9kcm0vYjJBZmUxekciLCJleHAiOjE4OTM0NTYwMDB9.o10is5AS7PbJWt5JnB2yMiA8ZQQw2qihEZbvJsdPZbU"
		end  = "?exp=1893456000&sig="
	)
	pictures := signer.URLs{
		Poster:    cdn + "/v2/media/nPripu9l/poster.jpg?token=" + pic,
		Thumbnail: cdn + "/thumbs/nPripu9l-720.jpg" + end + "8bf0c25deec7fe2c2bdeef1de4170804",
	}
	bare := pictures
	bare.Media = cdn + "/v2/media/nPripu9l?token=" + clip
	bare.HLS = cdn + "/manifests/nPripu9l.m3u8" + end + "8936c0eb271fb33f5cf089c0bd641648"
	whole := bare
	whole.Embed = cdn + "/players/nPripu9l-ALJ3XQCI.html" + end + "01f932219e67b1e20d0f7239add3bc68"
	whole.Landing = cdn + "/previews/nPripu9l-ALJ3XQCI" + end + "a076463ecfd1dd78261883afdf9e9c7e"
	whole.Player = cdn + "/libraries/ALJ3XQCI.js" + end + "ef25f449a1d064f6e302c643ad2e3657"
	protected := pictures // and nothing that leads around the protection
	protected.DRM = cdn + "/v2/sites/aBcD1234/media/nPripu9l/playback.json?drm_policy_id=b2Afe1zG&token=" + drm
	for name, c := range map[string]struct {
		settings map[string]string
		req      signer.Request
		token    string
		want     signer.URLs
	}{
		"media":               {nil, signer.Request{VideoID: "nPripu9l"}, clip, bare},
		"media and a player":  {full, signer.Request{VideoID: "nPripu9l"}, clip, whole},
		"media, protected":    {full, signer.Request{VideoID: "nPripu9l", DRMPolicy: "b2Afe1zG"}, apps, protected},
		"a text track's name": {full, signer.Request{VideoID: "tracks/Xw0oaD4q.vtt"}, end[1:] + "d552dedf34ad2c8663f216171c8c915f", signer.URLs{Tracks: cdn + "/tracks/Xw0oaD4q.vtt" + end + "d552dedf34ad2c8663f216171c8c915f"}},
	} {
		got, err := mintedAt(t, time.Time{}, opened(t, c.settings), policy, c.req)
		if diff := cmp.Diff(c.want, got.URLs); diff != "" || err != nil || got.Value != c.token {
			t.Errorf("%s: %v, token %s\n%s", name, err, got.Value, diff)
		}
	}
}

func TestOlderDRMRoutes(t *testing.T) {
	for video, want := range map[string]string{
		"nPripu9l":           "https://cdn.example.com/jw/v2/media/nPripu9l/drm/b2Afe1zG?token=",
		"playlists/Xw0oaD4q": "https://cdn.example.com/jw/v2/playlists/Xw0oaD4q/drm/b2Afe1zG?token=",
	} {
		p := opened(t, map[string]string{"cdn_url": "https://cdn.example.com/jw/"})
		token, err := mintedAt(t, time.Time{}, p, policy, signer.Request{VideoID: video, DRMPolicy: "b2Afe1zG", Claims: map[string]any{"page_limit": 5.0}})
		if err != nil || token.URLs.DRM != want+token.Value {
			t.Errorf("Mint(%s) = %v, DRM URL %s, want %s and the token", video, err, token.URLs.DRM, want)
		}
		if token.URLs.Media+token.URLs.Playlist+token.URLs.HLS+token.URLs.Embed != "" {
			t.Errorf("%s: there is a way around the protection: %+v", video, token.URLs)
		}
	}
}

func TestEndsAreRoundedSoThatCachesCanShare(t *testing.T) {
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		after, ttl, longest, lives time.Duration // the mint's time is noon and after
	}{
		{0, 10 * time.Minute, time.Hour, 10 * time.Minute},
		{time.Second, 10 * time.Minute, time.Hour, 15*time.Minute - time.Second},
		{4*time.Minute + 59*time.Second, 10 * time.Minute, time.Hour, 10*time.Minute + time.Second},
		{0, time.Second, time.Hour, 5 * time.Minute},
		{time.Second, time.Hour, time.Hour, time.Hour - time.Second}, // never longer than the policy allows
		{299 * time.Second, time.Hour, time.Hour, time.Hour - 299*time.Second},
		{0, time.Hour, time.Hour, time.Hour},
		{time.Minute, 10 * time.Minute, 12 * time.Minute, 9 * time.Minute},
		{time.Minute, 2 * time.Minute, 3 * time.Minute, 2 * time.Minute}, // down would be nothing
		{4 * time.Minute, 6 * time.Minute, 6 * time.Minute, 6 * time.Minute},
		{4 * time.Minute, 7 * time.Minute, 7 * time.Minute, 6 * time.Minute},
	} {
		at := noon.Add(c.after)
		limits := signer.Policy{DefaultTTL: c.ttl, MaxTTL: c.longest}
		token, err := mintedAt(t, at, opened(t, nil), limits, signer.Request{VideoID: "nPripu9l"})
		if lives := token.ExpiresAt.Sub(at); err != nil || lives != c.lives || !token.IssuedAt.Equal(at) || token.RefreshAt.After(token.ExpiresAt) {
			t.Errorf("%s after noon, %s of %s: lives %s, want %s, %v", c.after, c.ttl, c.longest, lives, c.lives, err)
		}
	}
}

func TestRequestsWithinFiveMinutesGetTheSame(t *testing.T) {
	p := opened(t, full)
	start := time.Date(2026, 1, 2, 12, 0, 1, 0, time.UTC)
	req := signer.Request{VideoID: "nPripu9l", Claims: map[string]any{"search": "a&b", "page_limit": 5.0, "related_media_id": "RltV8MtT"}}
	one, err1 := mintedAt(t, start, p, policy, req)
	two, err2 := mintedAt(t, start.Add(299*time.Second), p, policy, req)
	if err1 != nil || err2 != nil || one.Value != two.Value || one.URLs != two.URLs {
		t.Errorf("Mint twice within five minutes: %v, %v, got tokens\n%s\n%s\nwant equal ones", err1, err2, one.Value, two.Value)
	}
	three, err := mintedAt(t, start.Add(300*time.Second), p, policy, req)
	if err != nil || one.Value == three.Value || strings.Count(one.Value, ".") != 2 {
		t.Errorf("%v: and still the same", err)
	}
}

func TestSharedTokensAreOfTheSameVideoAndPolicy(t *testing.T) {
	p := opened(t, full)
	seen := map[string]string{}
	for range 2 {
		for _, media := range ids(200) { // with and without DRM, more than are remembered
			for _, drm := range []string{"", "b2Afe1zG"} {
				token, err := mintedAt(t, time.Time{}, p, policy, signer.Request{VideoID: media, DRMPolicy: drm})
				if err != nil || !strings.Contains(token.URLs.Media+token.URLs.DRM, media) || (token.URLs.DRM == "") != (drm == "") {
					t.Fatalf("Mint(%s, DRM policy %q) = %+v, %v, want URLs of that video and policy", media, drm, token.URLs, err)
				}
				if before := seen[media+drm]; before != "" && before != token.Value {
					t.Fatalf("%s %s: another token than before", media, drm)
				}
				seen[media+drm] = token.Value
			}
		}
	}
}

func ids(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("Media%03d", i)
	}
	return all
}
