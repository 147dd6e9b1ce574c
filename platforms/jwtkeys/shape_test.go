package jwtkeys_test

import (
	"testing"

	"playtoken/platforms/jwtkeys"
	"playtoken/signer"

	"github.com/google/go-cmp/cmp"
)

func TestDeliveryIsReadFromTheTemplate(t *testing.T) {
	request := func(name string) signer.Delivery {
		return signer.Delivery{Place: signer.InQuery, Name: name, Renew: signer.RenewByRequest}
	}
	reload := func(place signer.Place, name string) signer.Delivery {
		return signer.Delivery{Place: place, Name: name, Renew: signer.RenewByURL}
	}
	for template, want := range map[string]signer.Delivery{
		"https://x.example/{video_id}/hls.m3u8?jwt={token}":          request("jwt"),
		"https://x.example/{video_id}/hls.m3u8?jwt={token}#t=1":      request("jwt"),
		"https://x.example/hls?v={video_id}&access%5Ftoken={token}":  request("access_token"),
		"https://x.example/{video_id}?a=b&token={token}&c=d":         request("token"),
		"https://x.example/{video_id}?auth=Bearer%20{token}":         reload(signer.InQuery, ""),
		"https://x.example/{video_id}?{token}":                       reload(signer.InQuery, ""),
		"https://x.example/{video_id}?%zz={token}":                   reload(signer.InQuery, ""),
		"https://x.example/t/{token}/{video_id}/hls.m3u8":            reload(signer.InPath, "t"),
		"https://x.example/{token}/{video_id}/hls.m3u8":              reload(signer.InPath, ""),
		"https://x.example/{video_id}/{token}/hls.m3u8":              reload(signer.InPath, ""),
		"https://x.example/v/{video_id}/auth-{token}/hls.m3u8?start": reload(signer.InPath, ""),
	} {
		if diff := cmp.Diff(want, jwtkeys.URLs{HLS: template}.Delivery()); diff != "" {
			t.Errorf("%s: the delivery differs, -want +got\n%s", template, diff)
		}
	}
}
