package jwplayer

import (
	"fmt"
	"time"

	"playtoken/signer"
)

// Kinds of tokens, which are the routes that have one of their own.
const (
	kindMedia    = "media"
	kindPlaylist = "playlist"
	kindPlayback = "playback"
	kindPoster   = "poster"
)

// tokenKinds are those of some video of this property.
func (s *site) tokenKinds() []string {
	kinds := []string{kindMedia, kindPlaylist, kindPoster}
	if s.id != "" {
		kinds = append(kinds, kindPlayback)
	}
	return kinds
}

// ofKinds returns a token for each kind that was asked for.
func (s *site) ofKinds(c content, req signer.Request, expires time.Time) (map[string]string, error) {
	if len(req.Kinds) == 0 {
		return nil, nil
	}
	made := map[string]string{}
	for _, kind := range req.Kinds {
		wanted := claims{resource: s.resource(c, kind), expires: expires}
		if wanted.resource == "" {
			return nil, fmt.Errorf("%w: %s has no token of the kind %q", signer.ErrNotEnforceable, req.VideoID, kind)
		}
		if kind != kindPoster { // a picture takes no parameters
			wanted.parameters = req.Claims
		}
		token, err := s.token(wanted)
		if err != nil {
			return nil, err
		}
		made[kind] = token
	}
	return made, nil
}

// resource is what a kind of token opens; empty if there is no such kind.
func (s *site) resource(c content, kind string) string {
	switch {
	case kind == kindMedia && c.kind == media, kind == kindPlaylist && c.kind == playlists:
		return c.path()
	case kind == kindPoster && c.kind == media:
		return c.path() + "/poster.jpg"
	case kind == kindPlayback:
		return s.playback(c)
	}
	return ""
}

// delivery is that of the token's own route. Every URL is signed by itself, and
// a player has no more than one, so a newer signature is a newer URL.
func (c content) delivery() signer.Delivery {
	if c.kind == tracks {
		return signer.Delivery{Place: signer.InQuery, Renew: signer.RenewByURL} // the token is the whole query
	}
	return signer.Delivery{Place: signer.InQuery, Name: "token", Renew: signer.RenewByURL}
}
