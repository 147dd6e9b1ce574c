package vidbeo_test

import (
	"testing"

	"playtoken/platforms/platformtest"
	"playtoken/platforms/vidbeo"
	"playtoken/platforms/vidbeo/vidbeotest"
)

func TestPromises(t *testing.T) {
	platformtest.Run(t, platformtest.Suite{
		Kind: vidbeo.Kind(),
		Settings: map[string]string{
			"url":         "http://127.0.0.1/v2",
			"landing_url": "http://127.0.0.1/watch/{video_id}?jwt={token}",
			"embed_url":   "http://127.0.0.1/watch/{video_id}?embed&jwt={token}",
			"hls_url":     "http://127.0.0.1:81/watch/{video_id}?hls&jwt={token}",
		},
		Serve:  vidbeotest.Serve,
		Refuse: vidbeotest.Refuse,
		Mint: platformtest.Mint{
			Videos:    []string{"abcde12345abcde12345a", "a-B_1"},
			Bad:       []string{"a/b", "a.b", "playlists/abcd1234"},
			Claim:     "ips",
			Reserved:  []string{"sub", "exp", "iss", "nbf", "iat", "aud", "jti", "kid", "EXP"},
			AllVideos: true,
			Steady:    true,
		},
	})
}
