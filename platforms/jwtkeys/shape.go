package jwtkeys

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"playtoken/platforms/client"
	"playtoken/platforms/lint"
	"playtoken/signer"
)

// registered are the names that a caller's claims never set: RFC 7519's own,
// and kid, which is the header's.
var registered = []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "kid"}

// IsID reports whether a text may be a video id or a key id: 1 to 64 of A-Z,
// a-z, 0-9, _ and -. Both end up in paths. It is asked twice for every token,
// which a regular expression would make a good part of.
func IsID(text string) bool {
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

// Claims returns sub, the video, and exp; no sub where the token opens every
// video. There is no iat and no nbf: no platform asks for them, a clock of
// ours that runs ahead cannot make a token "not valid yet", and requests that
// end in the same claims share one signature. The caller decides about the
// viewer. Errors: as of [signer.Shape].
func Claims(req signer.Request, expires time.Time) (map[string]any, error) {
	if req.VideoID != signer.AllVideos && !IsID(req.VideoID) {
		return nil, fmt.Errorf("%w: want 1 to 64 of A-Z, a-z, 0-9, _ and -", signer.ErrVideo)
	}
	if req.DRMPolicy != "" {
		return nil, fmt.Errorf("%w: this platform has no DRM policies", signer.ErrNotEnforceable)
	}
	if len(req.Kinds) > 0 {
		return nil, fmt.Errorf("%w: one token of this platform opens all of a video, so it has no kinds", signer.ErrNotEnforceable)
	}
	for name := range req.Claims {
		if Named(name, registered...) {
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

// Named reports whether a claim has one of the names. Case is ignored, since a
// verifier may ignore it.
func Named(claim string, names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, claim) })
}

// URLs are the templates of the URLs that viewers get: {video_id} and {token}
// are replaced.
type URLs struct {
	Landing, Embed, HLS string
	DASH                string // empty: the platform has none
}

// Check refuses a template that would send a token over the open network, to a
// host that depends on the request, or to no place that can be known.
func (u URLs) Check() error {
	for _, t := range []struct{ name, template string }{{"landing", u.Landing}, {"embed", u.Embed}, {"hls", u.HLS}} {
		if err := CheckTemplate(t.template, "{video_id}", "{token}"); err != nil {
			return fmt.Errorf("%s url: %w", t.name, err)
		}
	}
	if u.DASH == "" {
		return nil
	}
	if err := CheckTemplate(u.DASH, "{video_id}", "{token}"); err != nil {
		return fmt.Errorf("dash url: %w", err)
	}
	if hls, dash := deliveryOf(u.HLS), deliveryOf(u.DASH); dash.Place != hls.Place || dash.Name != hls.Name || dash.Renew != hls.Renew {
		return errors.New("dash url: want {token} where the hls url has it, because one description says for both how a token travels")
	}
	return nil
}

// Of returns the URLs of one video; none for all videos.
func (u URLs) Of(videoID, token string) signer.URLs {
	if !IsID(videoID) {
		return signer.URLs{}
	}
	token = url.QueryEscape(token)
	return signer.URLs{
		Landing: fill(u.Landing, videoID, token),
		Embed:   fill(u.Embed, videoID, token),
		HLS:     fill(u.HLS, videoID, token),
		DASH:    fill(u.DASH, videoID, token),
	}
}

// Delivery is how the template of the manifest takes its token. In a query every
// request of a player can carry the newest one; what lies below a path that
// holds the token is not known, so there the whole URL is replaced.
func (u URLs) Delivery() signer.Delivery { return deliveryOf(u.HLS) }

func deliveryOf(template string) signer.Delivery {
	template, _, _ = strings.Cut(template, "#")
	path, query, _ := strings.Cut(template, "?")
	for _, parameter := range strings.Split(query, "&") {
		if strings.Contains(parameter, "{token}") {
			return inQuery(parameter)
		}
	}
	delivery := signer.Delivery{Place: signer.InPath, Renew: signer.RenewByURL}
	_, path, _ = strings.Cut(path, "://")
	before, _, found := strings.Cut(path, "/{token}")
	if i := strings.LastIndex(before, "/"); found && i >= 0 && !strings.ContainsAny(before[i:], "{}") {
		delivery.Name = before[i+1:]
	}
	return delivery
}

// inQuery is the delivery in a parameter, which has to be the token and nothing
// else for a player to set it.
func inQuery(parameter string) signer.Delivery {
	delivery := signer.Delivery{Place: signer.InQuery, Renew: signer.RenewByURL}
	name, value, _ := strings.Cut(parameter, "=")
	if name, err := url.QueryUnescape(name); err == nil && value == "{token}" {
		delivery.Name, delivery.Renew = name, signer.RenewByRequest
	}
	return delivery
}

func fill(template, videoID, token string) string {
	return strings.Replace(strings.Replace(template, "{video_id}", videoID, 1), "{token}", token, 1)
}

// CheckTemplate refuses a template of a URL that would send a token over the open
// network, to a host that depends on the request, or to no place that can be known.
// Each of the placeholders has to be in it once, and no other.
func CheckTemplate(template string, placeholders ...string) error {
	filled := template
	for i, placeholder := range placeholders {
		if strings.Count(template, placeholder) != 1 {
			return fmt.Errorf("want %s in it, once", placeholder)
		}
		filled = strings.Replace(filled, placeholder, mark(i), 1)
	}
	if strings.ContainsAny(filled, "{}") {
		return fmt.Errorf("only %s can be filled in", strings.Join(placeholders, " and "))
	}
	u, err := url.Parse(filled)
	if err != nil || u.Host == "" || u.User != nil {
		return errors.New("want https://host/path")
	}
	if !client.SafeScheme(u) {
		return errors.New("want https (http only on a loopback address)")
	}
	sent := u.Path + "?" + u.RawQuery
	for i := range placeholders {
		if !strings.Contains(sent, mark(i)) {
			return fmt.Errorf("%s belong into the path or the query", strings.Join(placeholders, " and "))
		}
	}
	return nil
}

// mark stands for a placeholder; no template holds it by chance.
func mark(i int) string { return fmt.Sprintf("0mark%d0", i) }

// ExpectedTokens is what tokens of these platforms are like: "sub" names the video,
// and they have no audience.
func ExpectedTokens() *lint.Expected { return &lint.Expected{Video: "sub", Audiences: true} }
