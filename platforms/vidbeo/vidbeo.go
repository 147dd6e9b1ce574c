// Package vidbeo speaks to Vidbeo, and to anything that offers the same key
// API and takes the same tokens, such as our own gate.
//
// The decision a newcomer would get wrong: what is not documented is not
// relied upon. The size of a page, the form of an error, whether a name or a
// key may be registered twice: none of it is stated, so every answer that
// does not say exactly what was asked is an error, and what a failed write did
// is left for the next complete list to show.
package vidbeo

import (
	"cmp"
	"fmt"
	"net/http"
	"time"

	"playtoken/keyrotation"
	"playtoken/platforms/client"
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

	// Timeout bounds one call; 0 means ten seconds. Keep it below the settle
	// time of the rotation.
	Timeout time.Duration

	// Pace is shared by all that use the same credential. None by default: no
	// rate is documented, and after a 429 it is the rotation that knows which
	// call can wait and which one, like the end of a stolen key, must be tried.
	Pace *client.Pace

	Transport http.RoundTripper // for tests
}

// Platform is one account. It is safe for concurrent use.
type Platform struct {
	api                 *client.Client
	landing, embed, hls string
}

var (
	_ keyrotation.Registrar = (*Platform)(nil)
	_ signer.Shape          = (*Platform)(nil)
)

// isID reports whether a text may be a video id or a key id: 1 to 64 of A-Z,
// a-z, 0-9, _ and -. Both end up in paths. It is asked twice for every token,
// which a regular expression would make a good part of.
func isID(text string) bool {
	if len(text) < 1 || len(text) > 64 {
		return false
	}
	for i := range len(text) {
		c := text[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if digit := '0' <= c && c <= '9'; !letter && !digit && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// New checks the configuration. It makes no call.
func New(config Config) (*Platform, error) {
	api, err := client.New(client.Config{
		Base:       cmp.Or(config.URL, DefaultURL),
		Credential: config.Credential,
		Authorize:  client.Bearer,
		Explain:    explain,
		Timeout:    config.Timeout,
		Pace:       config.Pace,
		Transport:  config.Transport,
	})
	if err != nil {
		return nil, fmt.Errorf("vidbeo: %w", err)
	}
	p := &Platform{
		api:     api,
		landing: cmp.Or(config.LandingURL, DefaultLandingURL),
		embed:   cmp.Or(config.EmbedURL, DefaultEmbedURL),
		hls:     cmp.Or(config.HLSURL, DefaultHLSURL),
	}
	for name, template := range map[string]string{"landing": p.landing, "embed": p.embed, "hls": p.hls} {
		if err := checkTemplate(template); err != nil {
			return nil, fmt.Errorf("vidbeo: %s url: %w", name, err)
		}
	}
	return p, nil
}
