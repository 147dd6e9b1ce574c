package gate

import (
	"net/url"
	"slices"
	"strings"
	"unicode"
)

// maxURI is the longest URI that the gate reads, in bytes: the longest token
// and as much again.
const maxURI = 16 << 10

// escapable characters may stand in the names of files that the gate itself
// serves, if they are escaped. A proxy that asks /auth opens the file as it
// reads the URI, and other programs decode twice or cut at these characters:
// there they are refused.
const escapable = "#%;?"

// reserved first segments belong to the gate and are never videos.
var reserved = []string{"v2", "embed", "auth", "healthz", "readyz", "metrics"}

var (
	errAmbiguous = refused(403, "forbidden", "the path can be read in more than one way")
	errNoVideo   = refused(404, "not_found", "there is no such video or file")
)

// place is what a viewer's path names: a video, a session ticket if one stands
// behind it (/video/~TICKET/file), and a file in the video's folder or nothing
// for the video itself.
type place struct {
	video, ticket, file string
	forwarded           bool // a proxy asks, which serves plain files itself
}

// readPlace reads an encoded path whose first segment is the video. The error
// is errAmbiguous or errNoVideo.
func readPlace(escaped, escapable string) (place, error) {
	if err := unambiguous(escaped, escapable); err != nil {
		return place{}, err
	}
	video, rest, _ := strings.Cut(escaped[1:], "/")
	if !isVideo(video) {
		return place{}, errNoVideo
	}
	p := place{video: video}
	for strings.HasPrefix(rest, "~") { // more than one: see playlist.Manifest
		p.ticket, rest, _ = strings.Cut(rest[1:], "/")
	}
	var err error
	if p.file, err = url.PathUnescape(rest); err != nil {
		return place{}, errAmbiguous
	}
	return p, nil
}

// isVideo reports whether a folder has 1 to 64 characters of A-Z a-z 0-9 _ -, and
// is not the gate's own.
func isVideo(folder string) bool {
	other := func(c rune) bool { return c > unicode.MaxASCII || !alphanumeric(byte(c)) && c != '_' && c != '-' }
	return folder != "" && len(folder) <= 64 && !strings.ContainsFunc(folder, other) && !slices.Contains(reserved, folder)
}

// loggable returns a path without the tickets in it.
func loggable(path string) string {
	if !strings.Contains(path, "/~") {
		return path
	}
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		if strings.HasPrefix(segment, "~") {
			segments[i] = "~"
		}
	}
	return strings.Join(segments, "/")
}

// unambiguous refuses every encoded path that the gate, a proxy before it and
// a file system could read differently. What is left has the same segments for
// all of them, however often they decode, clean or merge it.
func unambiguous(escaped, escapable string) error {
	rest, rooted := strings.CutPrefix(escaped, "/")
	if !rooted || len(escaped) > maxURI {
		return errAmbiguous
	}
	segments := strings.Split(rest, "/")
	for i, segment := range segments {
		last := i == len(segments)-1
		if segment == "." || segment == ".." || !plain(segment, escapable) || (segment == "" && !last) {
			return errAmbiguous
		}
	}
	return nil
}

// plain reports whether a path segment consists of characters that mean
// themselves, and of escapes that stand for nothing special and do not make up
// a new escape.
func plain(segment, escapable string) bool {
	decoded := make([]byte, 0, len(segment))
	for i := 0; i < len(segment); i++ {
		c := segment[i]
		if c != '%' {
			if !alphanumeric(c) && !strings.ContainsRune("-._~!$&'()*+,=:@", rune(c)) {
				return false
			}
			decoded = append(decoded, c)
			continue
		}
		if len(segment) < i+3 {
			return false
		}
		text, err := url.PathUnescape(segment[i : i+3])
		if err != nil || special(text, escapable) {
			return false
		}
		decoded = append(decoded, text...)
		i += 2
	}
	return !hasEscape(string(decoded))
}

// special reports whether a decoded character has a meaning of its own.
func special(char, escapable string) bool {
	return char[0] < ' ' || strings.Contains("/\\%.;?#\x7f", char) && !strings.Contains(escapable, char)
}

func hasEscape(text string) bool {
	for i := range len(text) - 2 {
		if text[i] == '%' && hexDigit(text[i+1]) && hexDigit(text[i+2]) {
			return true
		}
	}
	return false
}

func hexDigit(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'F' || 'a' <= c && c <= 'f'
}

func alphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}
