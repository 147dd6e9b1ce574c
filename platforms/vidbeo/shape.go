package vidbeo

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"playtoken/platforms/client"
	"playtoken/signer"
)

// registered are the names that a caller's claims never set: RFC 7519's own,
// and kid, which is the header's.
var registered = []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "kid"}

// Claims returns sub, the video, and exp; no sub where the token opens every
// video. There is no iat and no nbf: the platform does not ask for them, a
// clock of ours that runs ahead cannot make a token "not valid yet", and
// requests that end in the same claims share one signature.
//
// The names of the claims that would bind a token to an address or a viewer
// are not documented, so asking for that is signer.ErrNotEnforceable.
func (p *Platform) Claims(req signer.Request, _, expires time.Time) (map[string]any, error) {
	if req.VideoID != signer.AllVideos && !isID(req.VideoID) {
		return nil, fmt.Errorf("%w: want 1 to 64 of A-Z, a-z, 0-9, _ and -", signer.ErrVideo)
	}
	if req.Viewer != (signer.Viewer{}) {
		return nil, fmt.Errorf("%w: vidbeo tokens cannot be bound to a viewer", signer.ErrNotEnforceable)
	}
	if req.DRMPolicy != "" {
		return nil, fmt.Errorf("%w: vidbeo has no DRM policies", signer.ErrNotEnforceable)
	}
	for name := range req.Claims {
		if isRegistered(name) {
			return nil, fmt.Errorf("%w: %s", signer.ErrClaim, name)
		}
	}
	claims := map[string]any{"exp": expires.Unix()}
	maps.Copy(claims, req.Claims)
	if req.VideoID != signer.AllVideos {
		claims["sub"] = req.VideoID
	}
	return claims, nil
}

// isRegistered ignores case, since a verifier may.
func isRegistered(name string) bool {
	return slices.ContainsFunc(registered, func(r string) bool { return strings.EqualFold(r, name) })
}

// URLs returns the three URLs of one video; none for all videos.
func (p *Platform) URLs(videoID, token string) signer.URLs {
	if !isID(videoID) {
		return signer.URLs{}
	}
	token = url.QueryEscape(token)
	return signer.URLs{
		Landing: fill(p.landing, videoID, token),
		Embed:   fill(p.embed, videoID, token),
		HLS:     fill(p.hls, videoID, token),
	}
}

func fill(template, videoID, token string) string {
	return strings.Replace(strings.Replace(template, "{video_id}", videoID, 1), "{token}", token, 1)
}

// checkTemplate refuses a template that would send a token over the open
// network, to a host that depends on the request, or nowhere.
func checkTemplate(template string) error {
	for _, placeholder := range []string{"{video_id}", "{token}"} {
		if strings.Count(template, placeholder) != 1 {
			return fmt.Errorf("want %s in it, once", placeholder)
		}
	}
	const video, token = "0video0", "0token0" // no template holds these by chance
	filled := fill(template, video, token)
	if strings.ContainsAny(filled, "{}") {
		return errors.New("only {video_id} and {token} can be filled in")
	}
	u, err := url.Parse(filled)
	if err != nil || u.Host == "" || u.User != nil {
		return errors.New("want https://host/path")
	}
	if !client.SafeScheme(u) {
		return errors.New("want https (http only on a loopback address)")
	}
	sent := u.Path + "?" + u.RawQuery
	if !strings.Contains(sent, video) || !strings.Contains(sent, token) {
		return errors.New("{video_id} and {token} belong into the path or the query")
	}
	return nil
}
