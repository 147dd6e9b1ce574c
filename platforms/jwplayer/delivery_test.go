package jwplayer_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"playtoken/platforms/jwplayer"
	"playtoken/platforms/jwplayer/jwplayertest"
	"playtoken/signer"
)

// TestWhatTheDeliveryAPISays mints for a property and shows the stand-in what
// viewers would, and what they would try.
func TestWhatTheDeliveryAPISays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, account := stand(jwplayertest.Site, "not used")
		account.Settings["cdn_url"] = "http://127.0.0.1/cdn"
		p, err := jwplayer.Kind().Open(account)
		if err != nil {
			t.Fatal(err)
		}
		mint := func(req signer.Request) signer.Token {
			token, err := p.Minter(policy).Mint(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			return token
		}
		const cdn, clip = "http://127.0.0.1/cdn", "/v2/media/nPripu9l"
		plain := mint(signer.Request{VideoID: "nPripu9l"})
		protected := mint(signer.Request{VideoID: "nPripu9l", DRMPolicy: jwplayertest.Policy})
		similar := mint(signer.Request{VideoID: "playlists/Xw0oaD4q", Claims: map[string]any{"related_media_id": "RltV8MtT", "page_limit": 5.0}})
		gone := mint(signer.Request{VideoID: "zZzZ9999"})
		for url, want := range map[string]int{
			plain.URLs.Media: 200, plain.URLs.Poster: 200, plain.URLs.HLS: 200, plain.URLs.Thumbnail: 200,
			cdn + clip + "?token=" + plain.Value:              200,
			cdn + clip + "/poster.jpg?token=" + plain.Value:   403, // one resource, nothing below it
			cdn + clip + "/drm/b2Afe1zG?token=" + plain.Value: 403,
			cdn + clip: 403,
			cdn + "/v2/media/RltV8MtT?token=" + plain.Value:                403,
			cdn + clip + "?token=" + plain.Value + "x":                     403,
			plain.URLs.Media + "&search=x":                                 403, // not in the token
			protected.URLs.DRM:                                             200,
			cdn + clip + "/drm/b2Afe1zG?token=" + protected.Value:          200, // as JW Player's apps ask
			cdn + clip + "/drm/zZzZ9999?token=" + protected.Value:          403,
			cdn + clip + "?token=" + protected.Value:                       403,
			strings.Replace(protected.URLs.DRM, "b2Afe1zG", "zZzZ9999", 1): 403,
			similar.URLs.Playlist:                                          200,
			similar.URLs.Playlist + "&page_limit=5":                        200,
			similar.URLs.Playlist + "&page_limit=500":                      403,
			strings.Replace(plain.URLs.HLS, "nPri", "nPrj", 1):             403,
			strings.Replace(plain.URLs.HLS, "exp=", "exp=1", 1):            403,
			gone.URLs.Media: 404,
		} {
			answer := httptest.NewRecorder()
			d.handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, url, nil))
			if answer.Code != want {
				t.Errorf("%s: %d, want %d", url, answer.Code, want)
			}
		}
	})
}
