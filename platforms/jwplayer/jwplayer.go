// Package jwplayer makes what JW Player's delivery API lets viewers in with,
// and asks its management API whether a secret is alive.
//
// The decision a newcomer would get wrong: there is no token for a video, only
// one for a resource, which is one path. So every URL of a video carries a
// signature of its own, and the token of an answer opens /v2/media/{id} (or
// /v2/playlists/{id}; /drm/{policy} after it for protected playback), which is
// what JW Player's own apps ask for. There are two kinds: a JWT (HS256, with
// every parameter of the request in it) for the newer routes, and an MD5 sum
// for the older ones. Both are made with the property's secret key, which
// therefore has to be in memory here.
package jwplayer

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"playtoken/platforms"
	"playtoken/platforms/client"
	"playtoken/platforms/lint"
	"playtoken/secret"
	"playtoken/signer"
)

// Where JW Player is.
const (
	DefaultURL    = "https://api.jwplayer.com/v2"
	DefaultCDNURL = "https://cdn.jwplayer.com"
)

// Kind is JW Player. What its management API allows is counted for all
// accounts together that are opened with the same Kind and API secret.
func Kind() platforms.Kind {
	paces := &client.Paces{New: newPace}
	return platforms.Kind{
		Name: "jwplayer",
		Settings: []platforms.Member{
			{Name: "site_id", Meaning: "of the property; without it, there is no check, and DRM uses an older route"},
			{Name: "player_id", Meaning: "of the player for pages and iframes; without it, tokens have no such URLs"},
			{Name: "cdn_url", Meaning: "where viewers go; " + DefaultCDNURL + " if it is not set"},
			{Name: "url", Receives: true, Meaning: "where the management API is; " + DefaultURL + " if it is not set"},
		},
		Credentials: []platforms.Member{
			{Name: "signing_secret", Required: true, Meaning: "the property's secret key, which signs URLs"},
			{Name: "api_secret", Meaning: "a secret of the management API v2; without it, there is no check"},
		},
		Offers: platforms.Offer{
			Ways: []platforms.Way{platforms.Shared},
			URLs: (&site{player: "any"}).urls(), Kinds: (&site{id: "any"}).tokenKinds(),
		},
		Open: func(account platforms.Account) (platforms.Platform, error) { return open(account, paces) },
	}
}

// site is one property.
type site struct {
	id, player string // empty: not set
	cdn        string // without a slash at its end
	secret     secret.Value
	shared     shared
}

func open(account platforms.Account, paces *client.Paces) (platforms.Platform, error) {
	s, err := newSite(account)
	if err != nil {
		return platforms.Platform{}, fmt.Errorf("jwplayer: %w", err)
	}
	p := platforms.Platform{
		Minter:  func(policy signer.Policy) signer.Minter { return &minter{site: s, policy: policy} },
		URLs:    s.urls(),
		Kinds:   s.tokenKinds(),
		Inspect: s.inspect,
		Expects: &lint.Expected{Algorithms: []string{algorithm}, OtherForm: oldForm.MatchString},
	}
	apiSecret := account.Credential["api_secret"]
	if apiSecret.IsZero() {
		return p, nil
	}
	api, err := newAPI(s.id, account, paces.For(apiSecret))
	if err != nil {
		return platforms.Platform{}, fmt.Errorf("jwplayer: %w", err)
	}
	p.CallsLeft = api.pace.Left
	if s.id != "" {
		p.Check = api.check
	}
	return p, nil
}

func newSite(account platforms.Account) (*site, error) {
	s := &site{
		id:     account.Settings["site_id"],
		player: account.Settings["player_id"],
		secret: account.Credential["signing_secret"],
	}
	for name, id := range map[string]string{"site_id": s.id, "player_id": s.player} {
		if id != "" && !isID(id) {
			return nil, fmt.Errorf("%s: want eight letters and digits", name)
		}
	}
	if err := checkSecret(s.secret.Reveal()); err != nil {
		return nil, fmt.Errorf("signing_secret: %w", err)
	}
	cdn, err := client.ParseBase(cmp.Or(account.Settings["cdn_url"], DefaultCDNURL))
	if err != nil {
		return nil, fmt.Errorf("cdn_url: %w", err)
	}
	s.cdn = cdn.String()
	return s, nil
}

// checkSecret finds what a careless copy brings along: it would make
// signatures that the platform does not accept.
func checkSecret(text string) error {
	switch {
	case text == "":
		return errors.New("missing")
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return errors.New("holds a space or a control character, perhaps a line end")
	}
	return nil
}

// urls are the URLs that some token of this property comes with.
func (s *site) urls() []string {
	names := []string{"hls", "thumbnail", "poster", "media", "playlist", "drm", "tracks"}
	if s.player != "" {
		names = append(names, "landing", "embed", "player")
	}
	return names
}

// isID reports whether a text may be an id: eight letters and digits.
func isID(text string) bool {
	if len(text) != 8 {
		return false
	}
	for i := range len(text) {
		c := text[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}
