package platformtest

import (
	"testing"

	"playtoken/platforms"
)

// TestAWrongOfferIsFound is the control of the suite's comparison.
func TestAWrongOfferIsFound(t *testing.T) {
	right := platforms.Offer{Ways: []platforms.Way{platforms.HandedOver}, EndsSessions: true, URLs: []string{"hls", "embed"}, Kinds: []string{"media"}}
	for name, c := range map[string]struct {
		change  func(*platforms.Offer)
		partial bool
		want    int // troubles
	}{
		"as it is":                   {func(*platforms.Offer) {}, false, 0},
		"more than a partial one":    {func(o *platforms.Offer) { o.URLs, o.Ways = append(o.URLs, "mp4"), platforms.Ways() }, true, 0},
		"more than the account":      {func(o *platforms.Offer) { o.URLs = append(o.URLs, "mp4") }, false, 1},
		"less than the account":      {func(o *platforms.Offer) { o.URLs = o.URLs[:1] }, true, 1},
		"another way":                {func(o *platforms.Offer) { o.Ways = []platforms.Way{platforms.Issued} }, false, 2},
		"no way":                     {func(o *platforms.Offer) { o.Ways = nil }, true, 2},
		"an unknown way":             {func(o *platforms.Offer) { o.Ways = append(o.Ways, "by post") }, false, 1},
		"sessions that do not end":   {func(o *platforms.Offer) { o.EndsSessions = false }, true, 1},
		"a kind that is not offered": {func(o *platforms.Offer) { o.Kinds = nil }, false, 1},
		"a limit below zero":         {func(o *platforms.Offer) { o.MaxKeys = -1 }, false, 1},
	} {
		offer := right
		offer.URLs, offer.Ways = append([]string{}, right.URLs...), append([]platforms.Way{}, right.Ways...)
		c.change(&offer)
		if got := wrongOffer(offer, right.Capabilities(), c.partial); len(got) != c.want {
			t.Errorf("%s: got the troubles %q, want %d", name, got, c.want)
		}
	}
}
