package gate

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// maxURI is the longest URI that is looked at, in bytes: the longest token and
// as much again.
const maxURI = 16 << 10

var videoForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// reserved first segments belong to the gate and are never videos.
var reserved = []string{"v2", "embed", "auth", "healthz", "readyz", "metrics"}

var (
	errAmbiguous = refused(403, "forbidden", "the path can be read in more than one way")
	errNoVideo   = refused(404, "not_found", "there is no such video or file")
)

// place is what a viewer's path names: a video, and a file in its folder or
// nothing for the video itself.
type place struct{ video, file string }

// readPlace reads an encoded path whose first segment is the video. The error
// is errAmbiguous or errNoVideo.
func readPlace(escaped string) (place, error) {
	if err := unambiguous(escaped); err != nil {
		return place{}, err
	}
	video, rest, _ := strings.Cut(escaped[1:], "/")
	if !videoForm.MatchString(video) || slices.Contains(reserved, video) {
		return place{}, errNoVideo
	}
	file, err := url.PathUnescape(rest)
	if err != nil {
		return place{}, errAmbiguous
	}
	return place{video, file}, nil
}

// unambiguous refuses every encoded path that the gate, a proxy before it and
// a file system could read differently. What is left has the same segments for
// everybody, however often they decode, clean or merge it.
func unambiguous(escaped string) error {
	rest, rooted := strings.CutPrefix(escaped, "/")
	if !rooted || len(escaped) > maxURI {
		return errAmbiguous
	}
	segments := strings.Split(rest, "/")
	for i, segment := range segments {
		last := i == len(segments)-1
		if segment == "." || segment == ".." || !plain(segment) || (segment == "" && !last) {
			return errAmbiguous
		}
	}
	return nil
}

// plain reports whether a path segment consists of characters that mean
// themselves, and of escapes that stand for nothing special.
func plain(segment string) bool {
	for i := 0; i < len(segment); i++ {
		c := segment[i]
		if c != '%' {
			if !alphanumeric(c) && !strings.ContainsRune("-._~!$&'()*+,=:@", rune(c)) {
				return false
			}
			continue
		}
		if len(segment) < i+3 {
			return false
		}
		text, err := url.PathUnescape(segment[i : i+3])
		if err != nil || text[0] < ' ' || strings.Contains("/\\%.;?#\x7f", text) {
			return false
		}
		i += 2
	}
	return true
}

func alphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}
