package jws

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"playtoken/platforms/jwtkeys"
	"playtoken/platforms/lint"
	"playtoken/signer"
)

// shape is what the tokens of one account are. It is safe for concurrent use.
type shape struct {
	project  string
	issuer   string
	audience any // a text, or a list of texts; nil: none
	claims   template
	times    []string // of iat and nbf, those that tokens have
	maxTTL   time.Duration
	paths    bool // video ids are paths
	urls     urls
	delivery signer.Delivery
	header   signer.Header
}

var _ signer.Shape = (*shape)(nil)

// backDated is how much earlier than it was made a token says that it was: a
// verifier whose clock is behind would refuse it otherwise.
const backDated = time.Minute

func newShape(project string, settings map[string]string) (*shape, error) {
	s := &shape{project: project, issuer: settings["issuer"], audience: audience(settings["audience"])}
	var err error
	if s.claims, err = parseTemplate(cmp.Or(settings["claims"], `{"sub":"{video_id}"}`)); err != nil {
		return nil, fmt.Errorf("claims: %w", err)
	}
	if s.times, err = timeClaims(settings["time_claims"]); err != nil {
		return nil, fmt.Errorf("time_claims: %w", err)
	}
	if s.header, err = header(settings); err != nil {
		return nil, err
	}
	if s.maxTTL, err = jwtkeys.Duration(settings, "max_ttl", jwtkeys.LongestLife); err != nil {
		return nil, err
	}
	ids, err := oneOf(settings, "video_ids", "word", "path")
	if err != nil {
		return nil, err
	}
	s.paths = ids == "path"
	place, err := oneOf(settings, "token_place", string(signer.InQuery), string(signer.InHeader), string(signer.InCookie), string(signer.InPath))
	if err != nil {
		return nil, err
	}
	if s.urls, err = newURLs(settings, signer.Place(place)); err != nil {
		return nil, err
	}
	s.delivery, err = delivery(settings, signer.Place(place))
	return s, err
}

// audience is one text, or a list of several.
func audience(text string) any {
	switch all := strings.Fields(text); len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	default:
		return all
	}
}

func timeClaims(text string) ([]string, error) {
	names := strings.Fields(text)
	for i, name := range names {
		if name != "iat" && name != "nbf" || i > 0 && name == names[0] || i > 1 {
			return nil, errors.New("want iat, nbf or both with a blank between")
		}
	}
	return names, nil
}

// types are what a type of tokens may be: a media type, or what comes after its slash.
var types = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.+/_-]{0,63}$`)

// header is what the header of tokens has.
func header(settings map[string]string) (signer.Header, error) {
	kid, err := oneOf(settings, "kid", "key_id", "none")
	if err != nil {
		return signer.Header{}, err
	}
	h := signer.Header{NoKeyID: kid == "none"}
	switch typ := settings["typ"]; {
	case typ == "none":
		h.NoType = true
	case typ == "" || typ == "JWT":
	case !types.MatchString(typ):
		return signer.Header{}, errors.New("typ: want a type like at+jwt, or none")
	default:
		h.Type = typ
	}
	return h, nil
}

// delivery is how a player hands the token over. A URL of the manifest says so
// itself; without one, the settings do.
func delivery(settings map[string]string, place signer.Place) (signer.Delivery, error) {
	hls := settings["hls_url"]
	if hls != "" && (place == signer.InQuery || place == signer.InPath) {
		found := jwtkeys.URLs{HLS: hls}.Delivery()
		if settings["token_place"] != "" && found.Place != place {
			return signer.Delivery{}, fmt.Errorf("token_place: hls_url has the token in its %s", found.Place)
		}
		return found, nil
	}
	name := map[signer.Place]string{signer.InQuery: "token", signer.InHeader: "Authorization", signer.InCookie: "playtoken"}[place]
	if place != signer.InPath {
		name = cmp.Or(settings["token_name"], name)
	}
	if strings.Trim(name, letters) != "" {
		return signer.Delivery{}, errors.New("token_name: want letters, digits, _ and -")
	}
	if place == signer.InPath {
		return signer.Delivery{Place: place, Renew: signer.RenewByURL}, nil
	}
	return signer.Delivery{Place: place, Name: name, Renew: signer.RenewByRequest}, nil
}

// Claims implements [signer.Shape].
func (s *shape) Claims(req signer.Request, issued, expires time.Time) (map[string]any, error) {
	if err := s.accepts(req, expires.Sub(issued)); err != nil {
		return nil, err
	}
	for name := range req.Claims {
		if _, taken := s.claims.claims[name]; taken || jwtkeys.Named(name, timedAndAddressed...) || jwtkeys.Named(name, "sub", "jti") {
			return nil, fmt.Errorf("%w: %s", signer.ErrClaim, name)
		}
	}
	claims := s.claims.fill(strings.NewReplacer(videoID, req.VideoID, viewerID, req.Viewer.ID, viewerIP, req.Viewer.IP, projectID, s.project))
	maps.Copy(claims, req.Claims)
	claims["exp"] = expires.Unix()
	for _, name := range s.times {
		claims[name] = issued.Add(-backDated).Unix()
	}
	if s.issuer != "" {
		claims["iss"] = s.issuer
	}
	if s.audience != nil {
		claims["aud"] = s.audience
	}
	return claims, nil
}

// accepts refuses a request that no token of this account could keep.
func (s *shape) accepts(req signer.Request, life time.Duration) error {
	switch {
	case req.VideoID == signer.AllVideos:
		return fmt.Errorf("%w: a token of this project is for one video", signer.ErrNotEnforceable)
	case !s.isVideo(req.VideoID) && s.paths:
		return fmt.Errorf("%w: want words of A-Z, a-z, 0-9, _, - and . with / between", signer.ErrVideo)
	case !s.isVideo(req.VideoID):
		return fmt.Errorf("%w: want 1 to 64 of A-Z, a-z, 0-9, _ and -", signer.ErrVideo)
	case life > s.maxTTL:
		return fmt.Errorf("%w: the verifier accepts tokens of up to %d seconds", signer.ErrTTL, s.maxTTL/time.Second)
	case req.DRMPolicy != "":
		return fmt.Errorf("%w: this platform has no DRM policies", signer.ErrNotEnforceable)
	case len(req.Kinds) > 0:
		return fmt.Errorf("%w: tokens of this platform have no kinds", signer.ErrNotEnforceable)
	}
	return s.claims.enforces(req)
}

// isVideo reports whether a text may be the id of a video. A word of a path does not
// begin with a dot, so that no path leads out of another.
func (s *shape) isVideo(id string) bool {
	if !s.paths {
		return jwtkeys.IsID(id)
	}
	if len(id) > 256 {
		return false
	}
	for word := range strings.SplitSeq(id, "/") {
		if word == "" || word[0] == '.' || strings.Trim(word, letters+".") != "" {
			return false
		}
	}
	return true
}

// URLs implements [signer.Shape].
func (s *shape) URLs(video, token string) signer.URLs {
	if !s.isVideo(video) {
		return signer.URLs{}
	}
	values := strings.NewReplacer(videoID, video, "{token}", url.QueryEscape(token)) // nothing in an id has to be escaped
	return signer.URLs{Landing: values.Replace(s.urls.landing), Embed: values.Replace(s.urls.embed), HLS: values.Replace(s.urls.hls)}
}

// Delivery implements [signer.Shape].
func (s *shape) Delivery() signer.Delivery { return s.delivery }

// audiences are those of the tokens; none: tokens have no aud.
func (s *shape) audiences() []string {
	switch audience := s.audience.(type) {
	case string:
		return []string{audience}
	case []string:
		return audience
	}
	return nil
}

// expected is what the tokens are like, as far as settings say.
func (s *shape) expected() *lint.Expected {
	want := &lint.Expected{NoKeyID: s.header.NoKeyID, Type: s.header.Type, Issuer: s.issuer, Audience: s.audiences(), Audiences: true}
	for _, name := range slices.Sorted(maps.Keys(s.claims.claims)) {
		if s.claims.claims[name] == videoID {
			want.Video = name
		}
	}
	return want
}
