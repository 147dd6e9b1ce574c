package jwplayer

import (
	"context"
	"fmt"
	"maps"
	"time"

	"playtoken/signer"
)

// step is the interval that expiry times are rounded to. Requests within five
// minutes get the same URL, which caches on the way then have.
const step = 5 * time.Minute

// minter makes the tokens of one property under one policy. It makes no call.
type minter struct {
	site   *site
	policy signer.Policy
}

// Mint implements signer.Minter. A token lives as long as was asked for,
// rounded as expiry says; ExpiresAt is the truth.
func (m *minter) Mint(_ context.Context, req signer.Request) (signer.Token, error) {
	if err := m.policy.Check(&req); err != nil {
		return signer.Token{}, err
	}
	c, err := checkRequest(req)
	if err != nil {
		return signer.Token{}, err
	}
	issued := time.Now().UTC().Truncate(time.Second)
	expires := expiry(issued, req.TTL, m.policy.MaxTTL)
	token := signer.Token{
		VideoID:   req.VideoID,
		IssuedAt:  issued,
		ExpiresAt: expires,
		RefreshAt: issued.Add(expires.Sub(issued) * 3 / 4).Truncate(time.Second),
		Delivery:  c.delivery(),
	}
	if token.Kinds, err = m.site.ofKinds(c, req, expires); err != nil {
		return signer.Token{}, err
	}
	sign := func() (string, signer.URLs, error) { return m.site.sign(c, req, expires) }
	if len(req.Claims) == 0 {
		token.Value, token.URLs, err = m.site.shared.get(question{video: req.VideoID, drm: req.DRMPolicy, expires: expires}, sign)
	} else {
		token.Value, token.URLs, err = sign()
	}
	if err != nil {
		return signer.Token{}, err
	}
	return token, nil
}

// checkRequest refuses what no token of this platform could keep.
func checkRequest(req signer.Request) (content, error) {
	if req.VideoID == signer.AllVideos {
		return content{}, fmt.Errorf("%w: a jwplayer token opens one resource", signer.ErrNotEnforceable)
	}
	c, err := parseContent(req.VideoID)
	switch {
	case err != nil:
		return content{}, err
	case req.Viewer != (signer.Viewer{}):
		return content{}, fmt.Errorf("%w: jwplayer tokens cannot be bound to a viewer", signer.ErrNotEnforceable)
	case req.DRMPolicy != "" && c.kind == tracks:
		return content{}, fmt.Errorf("%w: text tracks are not played", signer.ErrNotEnforceable)
	case req.DRMPolicy != "" && !isID(req.DRMPolicy):
		return content{}, fmt.Errorf("%w: a DRM policy is eight letters and digits", signer.ErrNotEnforceable)
	case len(req.Claims) > 0 && c.kind == tracks:
		return content{}, fmt.Errorf("%w: the route of text tracks takes no parameters", signer.ErrClaim)
	}
	return c, checkParameters(req.Claims)
}

// expiry returns when a token ends: after ttl, rounded up to a whole step. If that
// is later than the policy allows, it is rounded down instead, and not at all
// if that would take more than half of its lifetime.
func expiry(issued time.Time, ttl, longest time.Duration) time.Time {
	exact := issued.Add(ttl)
	down := exact.Truncate(step) // of the time since the year 1, which began on a whole step as 1970 did
	if up := down.Add(step); !down.Equal(exact) && !up.After(issued.Add(longest)) {
		return up
	}
	if down.Sub(issued) < ttl/2 {
		return exact
	}
	return down
}

// sign returns the token of the content itself, and all URLs.
func (s *site) sign(c content, req signer.Request, expires time.Time) (string, signer.URLs, error) {
	switch {
	case c.kind == tracks:
		path := tracks + "/" + c.id
		return s.signature(path, expires), signer.URLs{Tracks: s.signedURL(path, expires)}, nil
	case req.DRMPolicy != "":
		return s.signDRM(c, req, expires)
	}
	var urls signer.URLs
	token, target, err := s.tokenURL(claims{resource: c.path(), expires: expires, parameters: req.Claims})
	if err != nil {
		return "", signer.URLs{}, err
	}
	if c.kind == playlists {
		urls.Playlist = target
	} else {
		urls.Media = target
		urls.HLS = s.signedURL("manifests/"+c.id+".m3u8", expires)
		if err := s.addPictures(&urls, c, expires); err != nil {
			return "", signer.URLs{}, err
		}
	}
	s.addPages(&urls, c, expires)
	return token, urls, nil
}

// signDRM opens the protected playback and the pictures. The other routes are
// left out: they describe the same video unprotected. The token is for the
// route that JW Player's own apps ask; the URL, where it can be, is for the
// newer one, with a token of its own.
func (s *site) signDRM(c content, req signer.Request, expires time.Time) (token string, urls signer.URLs, err error) {
	apps := claims{resource: c.drm(req.DRMPolicy), expires: expires, parameters: req.Claims}
	if token, urls.DRM, err = s.tokenURL(apps); err != nil {
		return "", signer.URLs{}, err
	}
	if newer := s.playback(c); newer != "" {
		parameters := map[string]any{drmParameter: req.DRMPolicy}
		maps.Copy(parameters, req.Claims)
		if _, urls.DRM, err = s.tokenURL(claims{resource: newer, expires: expires, parameters: parameters}); err != nil {
			return "", signer.URLs{}, err
		}
	}
	if c.kind == media {
		err = s.addPictures(&urls, c, expires)
	}
	return token, urls, err
}

func (s *site) addPictures(urls *signer.URLs, c content, expires time.Time) (err error) {
	_, urls.Poster, err = s.tokenURL(claims{resource: c.path() + "/poster.jpg", expires: expires})
	urls.Thumbnail = s.signedURL("thumbs/"+c.id+"-720.jpg", expires)
	return err
}

// addPages needs a player.
func (s *site) addPages(urls *signer.URLs, c content, expires time.Time) {
	if s.player == "" {
		return
	}
	both := c.id + "-" + s.player
	urls.Embed = s.signedURL("players/"+both+".html", expires)
	urls.Landing = s.signedURL("previews/"+both, expires)
	urls.Player = s.signedURL("libraries/"+s.player+".js", expires)
}
