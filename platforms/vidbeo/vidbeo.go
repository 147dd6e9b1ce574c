// Package vidbeo speaks to Vidbeo, and to other services that offer the same
// key API and take the same tokens.
//
// The decision a newcomer would get wrong: our own gate offers that API too, but
// it is a platform kind of its own, because it does more. An account here
// whose address turns out to be a gate's would send viewers, with their
// tokens, to Vidbeo's host.
package vidbeo

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"time"

	"playtoken/platforms"
	"playtoken/platforms/client"
	"playtoken/platforms/jwtkeys"
	"playtoken/secret"
	"playtoken/signer"
)

// Where Vidbeo is. In the last three, {video_id} and {token} are replaced.
const (
	DefaultURL        = "https://api.vidbeo.com/v2"
	DefaultLandingURL = "https://watch.vidbeo.com/{video_id}?jwt={token}"
	DefaultEmbedURL   = "https://embed.vidbeo.com/{video_id}?jwt={token}"
	DefaultHLSURL     = "https://watch.vidbeo.com/{video_id}/hls.m3u8?jwt={token}"
)

// Config is one account. Everything but Credential may be left empty.
type Config struct {
	URL        string       // of the API; https, or http on a loopback address
	Credential secret.Value // an API key of an owner of the account

	// Templates of the URLs that viewers get.
	LandingURL, EmbedURL, HLSURL string

	Timeout   time.Duration     // of one call; 0 means ten seconds
	Pace      *client.Pace      // see jwtkeys.Config
	Transport http.RoundTripper // for tests
}

// Platform is one account. It is safe for concurrent use.
type Platform struct {
	keys *jwtkeys.API
	urls jwtkeys.URLs

	delivery signer.Delivery
	// mixed: the API is not Vidbeo's, and some of the URLs are.
	mixed bool
}

var _ signer.Shape = (*Platform)(nil)

// New checks the configuration. It makes no call.
func New(config Config) (*Platform, error) {
	keys, err := jwtkeys.New(jwtkeys.Config{
		URL: cmp.Or(config.URL, DefaultURL), Credential: config.Credential,
		Timeout: config.Timeout, Pace: config.Pace, Transport: config.Transport,
	})
	p := &Platform{
		keys: keys,
		urls: jwtkeys.URLs{
			Landing: cmp.Or(config.LandingURL, DefaultLandingURL),
			Embed:   cmp.Or(config.EmbedURL, DefaultEmbedURL),
			HLS:     cmp.Or(config.HLSURL, DefaultHLSURL),
		},
		mixed: config.URL != "" && (config.LandingURL == "" || config.EmbedURL == "" || config.HLSURL == ""),
	}
	if err == nil {
		err = p.urls.Check()
	}
	if err != nil {
		return nil, fmt.Errorf("vidbeo: %w", err)
	}
	p.delivery = p.urls.Delivery()
	return p, nil
}

// Claims implements [signer.Shape]. The names of the claims that would bind a
// token to an address or a viewer are not documented, so asking for that is
// signer.ErrNotEnforceable.
func (p *Platform) Claims(req signer.Request, _, expires time.Time) (map[string]any, error) {
	claims, err := jwtkeys.Claims(req, expires)
	if err == nil && req.Viewer != (signer.Viewer{}) {
		return nil, fmt.Errorf("%w: vidbeo tokens cannot be bound to a viewer", signer.ErrNotEnforceable)
	}
	return claims, err
}

// URLs implements [signer.Shape].
func (p *Platform) URLs(videoID, token string) signer.URLs { return p.urls.Of(videoID, token) }

// Delivery implements [signer.Shape].
func (p *Platform) Delivery() signer.Delivery { return p.delivery }

// mistaken reports whether the address is that of a gate, though URLs of tokens
// lead to Vidbeo.
func (p *Platform) mistaken(ctx context.Context) (platforms.Mistake, error) {
	header, err := p.keys.Header(ctx)
	if err != nil || header.Get(jwtkeys.GateHeader) == "" {
		return platforms.Mistake{}, err
	}
	return platforms.Mistake{
		Kind: "gate", Why: "its address answers as a playtoken gate, and the URLs of its tokens lead to Vidbeo's own host",
	}, nil
}
