package jwplayer

import (
	"fmt"
	"regexp"
	"strings"

	"playtoken/signer"
)

// content is what a caller asks for. A video id is a media id as it is,
// "playlists/" and a playlist id, or "tracks/" and the name of a text track.
type content struct {
	kind string // media, playlists or tracks
	id   string // of a track: with its ending
}

const (
	media     = "media"
	playlists = "playlists"
	tracks    = "tracks"
)

var trackNames = regexp.MustCompile(`^[A-Za-z0-9]{8}\.(vtt|srt|json|txt)$`)

// parseContent returns signer.ErrVideo for what cannot be an id.
func parseContent(videoID string) (content, error) {
	kind, id, named := strings.Cut(videoID, "/")
	switch {
	case !named && isID(videoID):
		return content{media, videoID}, nil
	case kind == playlists && isID(id):
		return content{playlists, id}, nil
	case kind == tracks && trackNames.MatchString(id):
		return content{tracks, id}, nil
	}
	return content{}, fmt.Errorf("%w: want the eight letters and digits of a media id, or playlists/ and those of a playlist, or tracks/ and the name of a text track", signer.ErrVideo)
}

// path is the resource that describes the content.
func (c content) path() string { return "/v2/" + c.kind + "/" + c.id }

// drm is the resource that describes it for protected playback under a policy.
func (c content) drm(policy string) string { return c.path() + "/drm/" + policy }

// playback is what JW Player wants to be asked for a media now, protected or
// not; empty where there is no such resource. Its own apps still ask for path
// and drm.
func (s *site) playback(c content) string {
	if c.kind != media || s.id == "" {
		return ""
	}
	return "/v2/sites/" + s.id + "/media/" + c.id + "/playback.json"
}

// about reports whether a token for this resource is of use to who wants to
// play the content.
func (s *site) about(c content, resource string) bool {
	own := c.path()
	if resource == own || strings.HasPrefix(resource, own+"/drm/") || c.kind == media && resource == own+"/poster.jpg" {
		return true
	}
	return resource != "" && resource == s.playback(c)
}
