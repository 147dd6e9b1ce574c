package apivideo

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"playtoken/platforms/client"
	"playtoken/signer"
)

var (
	uuids = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)
	// tokens matches private tokens. All known ones are UUIDs, but the
	// documentation does not promise that.
	tokens = regexp.MustCompile(`^[A-Za-z0-9_-]{8,128}$`)
)

const maxURL = 2 << 10 // bytes

// video is the part of a video that matters here.
type video struct {
	VideoID string `json:"videoId"`
	Public  *bool  `json:"public"`
	Assets  struct {
		Player    string `json:"player"`
		HLS       string `json:"hls"`
		MP4       string `json:"mp4"`       // only with MP4 support
		Thumbnail string `json:"thumbnail"` // not before there is one
	} `json:"assets"`
}

// assets are the URLs of one private token. The platform chooses the hosts, because
// customers may use their own domains.
type assets struct {
	token                       string
	player, hls, mp4, thumbnail *url.URL // the last two may be nil
}

// assets takes the answer apart. There is no member for the token; it has to
// be cut out of the URLs, which must all agree.
func (v video) assets(videoID string) (assets, error) {
	if v.VideoID != videoID {
		return assets{}, errors.New("the answer is about another video")
	}
	if v.Public != nil && *v.Public {
		return assets{}, fmt.Errorf("%w: it is public, so it needs no token, and no token could protect it; make it private first", signer.ErrVideo)
	}
	hls, token, err := pathAsset(v.Assets.HLS, videoID, "/hls/manifest.m3u8")
	if err != nil {
		return assets{}, fmt.Errorf("hls: %w", err)
	}
	a := assets{token: token, hls: hls}
	if a.player, err = queryAsset(v.Assets.Player, videoID, token); err != nil {
		return assets{}, fmt.Errorf("player: %w", err)
	}
	if a.mp4, err = optional(v.Assets.MP4, videoID, token, "/mp4/source.mp4"); err != nil {
		return assets{}, fmt.Errorf("mp4: %w", err)
	}
	if a.thumbnail, err = optional(v.Assets.Thumbnail, videoID, token, "/thumbnail.jpg"); err != nil {
		return assets{}, fmt.Errorf("thumbnail: %w", err)
	}
	return a, nil
}

// Errors about URLs do not repeat them: there is a token in them.
var (
	errAsset = errors.New("the answer holds no usable private URL")
	errOther = errors.New("the answer's URLs hold different tokens")
)

// pathAsset reads https://host/vod/{video}/token/{token}/{asset}.
func pathAsset(text, videoID, asset string) (u *url.URL, token string, err error) {
	u, err = parseAsset(text)
	if err != nil {
		return nil, "", err
	}
	rest, ok := strings.CutPrefix(u.EscapedPath(), "/vod/"+videoID+"/token/")
	token, found := strings.CutSuffix(rest, asset)
	if !ok || !found || u.RawQuery != "" || !tokens.MatchString(token) {
		return nil, "", errAsset
	}
	return u, token, nil
}

func optional(text, videoID, token, asset string) (*url.URL, error) {
	if text == "" {
		return nil, nil
	}
	u, other, err := pathAsset(text, videoID, asset)
	if err == nil && other != token {
		err = errOther
	}
	return u, err
}

// queryAsset reads https://host/vod/{video}?token={token}.
func queryAsset(text, videoID, token string) (*url.URL, error) {
	u, err := parseAsset(text)
	if err != nil {
		return nil, err
	}
	if u.EscapedPath() != "/vod/"+videoID {
		return nil, errAsset
	}
	if u.RawQuery != "token="+token {
		return nil, errOther
	}
	return u, nil
}

func parseAsset(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || len(text) > maxURL || u.Hostname() == "" || u.User != nil || u.Fragment != "" || !client.SafeScheme(u) {
		return nil, errAsset
	}
	return u, nil
}

// base is what all URLs below the token begin with.
func (a assets) base() *url.URL {
	u := *a.hls
	u.Path = strings.TrimSuffix(u.Path, "/hls/manifest.m3u8")
	return &u
}

// mayCall keeps a platform, or a server that poses as one, from directing requests
// to services of this machine: only a platform on loopback may use plain HTTP.
func (p *platform) mayCall(base *url.URL) error {
	if base.Scheme != "https" && p.api.URL("", nil).Scheme == "https" {
		return errAsset
	}
	return nil
}

// delivery is that of the URLs of urls. The token in their path opened the session
// and opens nothing else, so a newer token needs newer URLs.
func delivery() signer.Delivery {
	return signer.Delivery{Place: signer.InPath, Name: "token", Renew: signer.RenewByURL, Carry: []string{sessionParameter}}
}

// sessionParameter has the session in the query of every asset.
const sessionParameter = "avh"

// urls are the assets in a session. Each of them has to name it, the first one
// that is asked for included.
func (a assets) urls(session string) signer.URLs {
	in := func(u *url.URL) string {
		if u == nil {
			return ""
		}
		with := *u
		if with.RawQuery != "" {
			with.RawQuery += "&"
		}
		with.RawQuery += sessionParameter + "=" + url.QueryEscape(session)
		return with.String()
	}
	return signer.URLs{Embed: in(a.player), HLS: in(a.hls), MP4: in(a.mp4), Thumbnail: in(a.thumbnail)}
}
