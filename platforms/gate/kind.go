package gate

import (
	"errors"

	"playtoken/platforms"
	"playtoken/platforms/jwtkeys"
	"playtoken/store"
)

// Kind describes our own gate.
func Kind() platforms.Kind {
	return platforms.Kind{
		Name: "gate",
		Settings: []platforms.Member{
			{Name: "url", Required: true, Receives: true,
				Meaning: "how viewers reach the gate; its key API is below it, at /v2, and the URLs of tokens are made of it"},
			{Name: "api_url", Receives: true,
				Meaning: "where this service reaches the gate, if the proxy at url does not lead to its key API"},
			{Name: "landing_url", Meaning: "of a page with the video, with {video_id} and {token}; below url if it is not set"},
			{Name: "embed_url", Meaning: "of the player for an iframe, with {video_id} and {token}; below url if it is not set"},
			{Name: "hls_url", Meaning: "of the manifest, with {video_id} and {token}; url/{video_id}/hls.m3u8 if it is not set"},
			{Name: "dash_url", Meaning: "of a DASH manifest, with {video_id}, and {token} as in hls_url, such as url/{video_id}/manifest.mpd?jwt={token}; none if it is not set"},
		},
		Credentials: []platforms.Member{
			{Name: "api_key", Required: true, Meaning: "the gate's PLAYTOKEN_GATE_API_KEY"},
		},
		Succeeds: []string{"vidbeo"},
		Offers: platforms.Offer{
			Ways: []platforms.Way{platforms.HandedOver}, KeyKinds: store.Kinds(), EndsSessions: true,
			URLs: []string{"landing", "embed", "hls", "dash"},
		},
		Open: open,
	}
}

func open(account platforms.Account) (platforms.Platform, error) {
	if account.Credential["api_key"].IsZero() {
		return platforms.Platform{}, errors.New("gate: api_key: missing")
	}
	p, err := New(account)
	if err != nil {
		return platforms.Platform{}, err
	}
	return platforms.Platform{
		Shape:     p,
		Registrar: p.keys,
		Sessions:  p,
		URLs:      p.kinds(),
		Check:     p.keys.Check,
		Expects:   jwtkeys.ExpectedTokens(),
	}, nil
}
