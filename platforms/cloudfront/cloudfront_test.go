package cloudfront_test

import (
	"net/http"
	"testing"
	"time"

	"playtoken/platforms/cloudfront"
	"playtoken/platforms/cloudfront/cloudfronttest"
	"playtoken/platforms/platformtest"
	"playtoken/platforms/standin"
)

// TestPromises has an edge that trusts every key of the account, because the suite adds
// keys behind the client's back.
func TestPromises(t *testing.T) {
	platformtest.Run(t, platformtest.Suite{
		Kind: cloudfront.Kind(),
		Settings: map[string]string{
			"url": "http://127.0.0.1", "key_group": cloudfronttest.GroupID, "distributions": cloudfronttest.DistributionID,
			"hls_url":    "http://127.0.0.1/v/{video_id}/hls.m3u8",
			"dash_url":   "http://127.0.0.1/v/{video_id}/a.mpd?size=big",
			"mp4_url":    "http://127.0.0.1/v/{video_id}/a.mp4",
			"poster_url": "http://127.0.0.1/v/{video_id}/a.jpg",
		},
		Serve: func(world standin.World) http.Handler {
			account := cloudfronttest.New(world, time.Minute)
			account.TrustsAll, account.TakesNone, account.MaxKeys = true, true, 100
			return account
		},
		Refuse:     cloudfronttest.Refuse,
		BareDelete: true,
		Mint: platformtest.Mint{
			Videos:    []string{"abcde12345abcde12345a", "a-B_1"},
			Bad:       []string{"a/b", "a.b", "a*", "a+b"},
			Reserved:  []string{"Policy", "exp", "plan"},
			Steady:    true,
			Addresses: true,
		},
	})
}
