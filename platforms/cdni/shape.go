package cdni

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"playtoken/platforms/jwtkeys"
	"playtoken/signer"
)

// shape is what the tokens of one account are. It is safe for concurrent use.
type shape struct {
	issuer    string
	audience  string // empty: none
	attribute string
	maxTTL    time.Duration
	renewal   time.Duration // 0: none
	depth     int
	hls       string       // the template of the manifest
	bare      string       // the same without the package
	place     signer.Place // of the package
	one       bool         // a token opens the manifest's URL alone
}

var _ signer.Shape = (*shape)(nil)

// The kinds of transport by which a CDN hands on renewed tokens (RFC 9246, section
// 2.1.15).
const cookieTransport = 1

// reserved are the claims of RFC 9246, and of JWT, that no caller may set; some CDNs
// refuse tokens with those of them that are not made here.
var reserved = []string{
	"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "kid",
	"cdniv", "cdnicrit", "cdniip", "cdniuc", "cdniets", "cdnistt", "cdnistd",
}

func placeOf(path, query string) signer.Place {
	switch {
	case strings.Contains(query, "{token}"):
		return signer.InQuery
	case strings.Contains(path, "{token}"):
		return signer.InPath
	}
	return signer.InCookie
}

// without is a URL without its package: what a CDN compares with cdniuc.
func without(path, query, pack string) string {
	var segments []string
	for _, segment := range strings.Split(path, "/") {
		if segment != pack {
			segments = append(segments, strings.Replace(segment, ";"+pack, "", 1))
		}
	}
	var parameters []string
	for _, parameter := range strings.Split(query, "&") {
		if parameter != pack && parameter != "" {
			parameters = append(parameters, parameter)
		}
	}
	bare := strings.Join(segments, "/")
	if len(parameters) > 0 {
		bare += "?" + strings.Join(parameters, "&")
	}
	return bare
}

func (s *shape) readOpens(opens string) error {
	switch opens {
	case "", "folder":
		if folder, _ := s.folder(); !strings.Contains(folder, "{video_id}") {
			return fmt.Errorf("hls_url: want {video_id} before the last /, because a token opens the folder of the manifest, or set opens to url")
		}
	case "url":
		s.one = true
	default:
		return errors.New("opens: want folder or url")
	}
	return nil
}

// folder is the manifest's folder, and the rest of its URL.
func (s *shape) folder() (folder, rest string) {
	path, _, _ := strings.Cut(s.bare, "?")
	i := strings.LastIndex(path, "/")
	return path[:i], path[i:]
}

// Claims implements [signer.Shape].
func (s *shape) Claims(req signer.Request, issued, expires time.Time) (map[string]any, error) {
	if err := s.accepts(req, expires.Sub(issued)); err != nil {
		return nil, err
	}
	claims := map[string]any{"iss": s.issuer, "exp": expires.Unix(), "cdniuc": s.container(req.VideoID)}
	for name, value := range req.Claims {
		if jwtkeys.Named(name, reserved...) {
			return nil, fmt.Errorf("%w: %s", signer.ErrClaim, name)
		}
		claims[name] = value
	}
	if s.audience != "" {
		claims["aud"] = s.audience
	}
	if s.renewal > 0 {
		claims["cdniets"], claims["cdnistt"] = int64(s.renewal/time.Second), int64(cookieTransport)
	}
	if s.depth > 0 {
		claims["cdnistd"] = int64(s.depth)
	}
	return claims, nil
}

func (s *shape) accepts(req signer.Request, life time.Duration) error {
	switch {
	case req.VideoID == signer.AllVideos:
		return fmt.Errorf("%w: a token of this project is for one video", signer.ErrNotEnforceable)
	case !jwtkeys.IsID(req.VideoID):
		return fmt.Errorf("%w: want 1 to 64 of A-Z, a-z, 0-9, _ and -", signer.ErrVideo)
	case life > s.maxTTL:
		return fmt.Errorf("%w: max_ttl of the project's settings is %d seconds", signer.ErrTTL, s.maxTTL/time.Second)
	case req.Viewer.ID != "" || req.Viewer.IP != "":
		return fmt.Errorf("%w: a CDN learns of viewers only by claims that are encrypted for it", signer.ErrNotEnforceable)
	case req.DRMPolicy != "":
		return fmt.Errorf("%w: this platform has no DRM policies", signer.ErrNotEnforceable)
	case len(req.Kinds) > 0:
		return fmt.Errorf("%w: tokens of this platform have no kinds", signer.ErrNotEnforceable)
	}
	return nil
}

// below is what may follow the folder of a manifest: segments that a server cannot
// read in another way, so that no path leads out of the folder.
const below = `(/[A-Za-z0-9_-][A-Za-z0-9_.,=~-]*)+(\?.*)?$`

// container is what a token opens (RFC 9246, section 2.1.14).
func (s *shape) container(video string) string {
	if s.one {
		return hashOf(strings.Replace(s.bare, "{video_id}", video, 1))
	}
	folder, _ := s.folder()
	_, folder, _ = strings.Cut(strings.Replace(folder, "{video_id}", video, 1), "://")
	return `regex:^https?://` + regexp.QuoteMeta(folder) + below
}

// audiences are those of the tokens; none: tokens have no aud.
func (s *shape) audiences() []string {
	if s.audience == "" {
		return nil
	}
	return []string{s.audience}
}

func hashOf(url string) string {
	sum := sha256.Sum256([]byte(url))
	return "hash:sha-256;" + base64.RawURLEncoding.EncodeToString(sum[:])
}

// URLs implements [signer.Shape].
func (s *shape) URLs(video, token string) signer.URLs {
	if !jwtkeys.IsID(video) {
		return signer.URLs{}
	}
	return signer.URLs{HLS: strings.NewReplacer("{video_id}", video, "{token}", url.QueryEscape(token)).Replace(s.hls)}
}

// Delivery implements [signer.Shape]. Below a path with the package, every URL has
// the package of the manifest.
func (s *shape) Delivery() signer.Delivery {
	if s.place == signer.InPath {
		return signer.Delivery{Place: s.place, Renew: signer.RenewByURL}
	}
	return signer.Delivery{Place: s.place, Name: s.attribute, Renew: signer.RenewByRequest}
}
