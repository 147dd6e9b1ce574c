package vidbeo

import (
	"errors"

	"playtoken/platforms"
	"playtoken/platforms/jwtkeys"
	"playtoken/store"
)

// Kind describes Vidbeo and other services with the same key API.
func Kind() platforms.Kind {
	return platforms.Kind{
		Name: "vidbeo",
		Settings: []platforms.Member{
			{Name: "url", Receives: true, Meaning: "where the API is; " + DefaultURL + " if it is not set"},
			{Name: "landing_url", Meaning: "of a page with the video, with {video_id} and {token}"},
			{Name: "embed_url", Meaning: "of the player for an iframe, with {video_id} and {token}"},
			{Name: "hls_url", Meaning: "of the manifest, with {video_id} and {token}"},
		},
		Credentials: []platforms.Member{
			{Name: "api_key", Required: true, Meaning: "a read-write API key of an owner of the account"},
		},
		Offers: platforms.Offer{
			Ways: []platforms.Way{platforms.HandedOver}, KeyKinds: store.RSAKinds(),
			URLs: []string{"landing", "embed", "hls"},
		},
		Open: open,
	}
}

func open(account platforms.Account) (platforms.Platform, error) {
	if account.Credential["api_key"].IsZero() {
		return platforms.Platform{}, errors.New("vidbeo: api_key: missing")
	}
	p, err := New(Config{
		URL:        account.Settings["url"],
		Credential: account.Credential["api_key"],
		LandingURL: account.Settings["landing_url"],
		EmbedURL:   account.Settings["embed_url"],
		HLSURL:     account.Settings["hls_url"],
		Timeout:    account.Timeout,
		Transport:  account.Transport,
	})
	if err != nil {
		return platforms.Platform{}, err
	}
	opened := platforms.Platform{
		Shape:     p,
		Registrar: p.keys,
		URLs:      []string{"landing", "embed", "hls"},
		Check:     p.keys.Check,
		Expects:   jwtkeys.ExpectedTokens(),
	}
	if p.mixed {
		opened.Mistaken = p.mistaken
	}
	return opened, nil
}
