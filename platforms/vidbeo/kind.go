package vidbeo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"playtoken/platforms"
	"playtoken/platforms/client"
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
	return platforms.Platform{
		Shape:     p,
		Registrar: p,
		URLs:      []string{"landing", "embed", "hls"},
		Check:     p.Check,
	}, nil
}

// Check asks for the keys, one at most, and believes any list. That is all
// that a key which may only read is good for, too: whether this one may write,
// only writing tells.
func (p *Platform) Check(ctx context.Context) (platforms.Health, error) {
	var answer envelope
	call := client.Call{Method: http.MethodGet, Path: keysPath, Query: url.Values{"limit": {"1"}}, Into: &answer}
	err := p.api.Do(ctx, call)
	if err == nil {
		_, err = answer.keys()
	}
	if err != nil {
		return platforms.Health{}, fmt.Errorf("check api key: %w", err)
	}
	return platforms.Health{Detail: "the API key may read the account's signing keys"}, nil
}
