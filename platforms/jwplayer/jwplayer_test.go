package jwplayer_test

import (
	"testing"

	"playtoken/platforms/jwplayer"
	"playtoken/platforms/jwplayer/jwplayertest"
	"playtoken/platforms/platformtest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var settings = map[string]string{
	"site_id":   jwplayertest.Site,
	"player_id": jwplayertest.Player,
	"cdn_url":   "http://127.0.0.1:81/cdn",
	"url":       "http://127.0.0.1/v2",
}

func TestPromises(t *testing.T) {
	platformtest.Run(t, platformtest.Suite{
		Kind:     jwplayer.Kind(),
		Settings: settings,
		Serve:    jwplayertest.Serve,
		Refuse:   jwplayertest.Refuse,
		Limit:    platformtest.Limit{Calls: jwplayertest.Calls, Window: jwplayertest.Window, Left: jwplayertest.Left},
		Mint: platformtest.Mint{
			Videos: []string{"nPripu9l", "RltV8MtT", "playlists/Xw0oaD4q", "tracks/Xw0oaD4q.vtt"},
			Bad: []string{
				"nPripu9", "nPripu9lx", "nPripu9_", "playlists/", "playlists/nPripu9", "playlists/a/b", "/nPripu9l", "media/nPripu9l",
				"Playlists/Xw0oaD4q", "tracks/Xw0oaD4q", "tracks/Xw0oaD4q.exe", "tracks/../Xw0o.vtt", "playlists/Xw0oaD4q/drm/b2Afe1zG",
			},
			Claim:    "related_media_id",
			Reserved: []string{"resource", "exp", "drm_policy_id", "token", "EXP", "Resource", "iss", "sub", "aud", "nbf", "iat", "jti", "a b", "", `a"b`},
			Steady:   true,
		},
	})
}
