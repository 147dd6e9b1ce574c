package playlist

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// maxURI is the longest URI with its variables replaced, in bytes.
const maxURI = 8 << 10

var (
	errLongURI = fmt.Errorf("a URI longer than %d bytes", maxURI)
	errFolder  = errors.New("a URI that names a folder; name a file")
)

// resolver is a Location with its paths cut into segments.
type resolver struct {
	Location
	root, folder []string
	below        string // the folder with a slash after it, or nothing
}

// edit writes the reference to a file of the video with the ticket: as a
// parameter, or in the path if the file is a document whose own references have
// to lead below the ticket, as those of an interstitial's list of assets.
func (r resolver) edit(ref Reference) edit {
	e := edit{begin: ref.begin, end: ref.end, before: [3]string{ref.target.path, ref.target.query, "ticket="}}
	if strings.EqualFold(path.Ext(ref.File), ".json") {
		e.before = [3]string{strings.Repeat("../", len(r.folder)), "~"}
		e.after = [2]string{"/" + encodePath(ref.File), strings.TrimRight(ref.target.query, "?&")}
	}
	return e
}

func newResolver(where Location) resolver {
	file := strings.Split(where.File, "/")
	root := strings.FieldsFunc(where.Root, func(c rune) bool { return c == '/' })
	below := where.File[:strings.LastIndexByte(where.File, '/')+1]
	return resolver{Location: where, root: root, folder: file[:len(file)-1], below: below}
}

// target is a file of the video and the relative reference under which a
// player finds it from the playlist.
type target struct {
	file  string // within the video's folder; empty: the URI is foreign
	path  string
	query string // the URI's own, without parameters that the gate reads: "?" or "?v=1&"
}

// resolve returns what a URI names.
func (r resolver) resolve(uri string) (target, error) {
	if simple(uri) && len(uri) < maxURI {
		return target{file: r.below + uri, path: uri, query: "?"}, nil
	}
	uri = strings.Trim(uri, " \t")
	if err := checkURI(uri); err != nil {
		return target{}, err
	}
	path, query, _ := strings.Cut(uri, "?")
	rooted, own := r.cutHost(&path)
	if !own {
		return target{}, nil
	}
	t, err := r.find(path, rooted)
	if err != nil || t.file == "" {
		return target{}, err
	}
	t.query = keptQuery(query)
	if len(t.path)+len(t.query) > maxURI {
		return target{}, errLongURI
	}
	return t, nil
}

func (r resolver) find(path string, rooted bool) (target, error) {
	if path == "" && !rooted { // a query alone: the playlist itself
		path = r.File[len(r.below):]
		return target{file: r.File, path: encode(path)}, nil
	}
	if simple(path) {
		return target{file: r.below + path, path: path}, nil
	}
	segments, own, err := r.walk(path, rooted)
	if err != nil || !own {
		return target{}, err
	}
	return target{file: strings.Join(segments, "/"), path: r.relative(segments)}, nil
}

func checkURI(uri string) error {
	switch {
	case uri == "":
		return errors.New("an empty URI")
	case len(uri) > maxURI:
		return errLongURI
	case strings.Contains(uri, "\t"):
		return errors.New("a tab inside a URI")
	}
	return nil
}

// cutHost cuts scheme and host off a URI of this site, and says whether what
// is left begins at the site's root.
func (r resolver) cutHost(uri *string) (rooted, own bool) {
	scheme, rest := cutScheme(*uri)
	if scheme != "" && !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
		return false, false
	}
	rest, network := strings.CutPrefix(rest, "//")
	if !network {
		return strings.HasPrefix(rest, "/"), scheme == ""
	}
	host, path, _ := strings.Cut(rest, "/")
	if strings.EqualFold(scheme, "https") {
		host = strings.TrimSuffix(host, ":443")
	} else {
		host = strings.TrimSuffix(host, ":80")
	}
	*uri = "/" + path
	return true, r.Host != "" && strings.EqualFold(host, r.Host)
}

func cutScheme(uri string) (scheme, rest string) {
	for i := range len(uri) {
		c := uri[i]
		if c == ':' && i > 0 {
			return uri[:i], uri[i+1:]
		}
		if !letter(c) && (i == 0 || !alphanumeric(c) && !strings.ContainsRune("+-.", rune(c))) {
			break
		}
	}
	return "", uri
}

// walk follows a path as a player does and returns the segments of the file
// within the video's folder; own is false if the path ends outside it.
func (r resolver) walk(path string, rooted bool) (segments []string, own bool, err error) {
	segments, folder, own, err := r.segments(path, rooted)
	if err == nil && own && (folder || len(segments) == 0) {
		err = errFolder
	}
	return segments, own, err
}

// segments is walk for a path that may also name a folder.
func (r resolver) segments(path string, rooted bool) (segments []string, folder, own bool, err error) {
	where := append(slices.Clone(r.root), r.folder...)
	if rooted {
		where = where[:0]
	}
	for segment := range strings.SplitSeq(path, "/") {
		name := decode(segment)
		folder = name == "" || name == "." || name == ".."
		switch {
		case name == "..":
			where = where[:max(0, len(where)-1)]
		case name != ".":
			if err := checkName(name); err != nil {
				return nil, false, false, err
			}
			where = append(where, name)
		}
	}
	where = slices.DeleteFunc(where, func(name string) bool { return name == "" })
	if len(where) < len(r.root) || !slices.Equal(where[:len(r.root)], r.root) {
		return nil, folder, false, nil
	}
	segments = where[len(r.root):]
	if len(segments) > 0 && strings.HasPrefix(segments[0], "~") {
		return nil, folder, false, errors.New("a name that begins with ~ in the video's folder; there the gate expects a ticket")
	}
	return segments, folder, true, nil
}

// checkName refuses names that servers and players would read differently.
func checkName(name string) error {
	for i := range len(name) {
		switch c := name[i]; {
		case c == '\\':
			return errors.New(`a backslash in a URI; write /`)
		case c == '/' || c < ' ' || c == 0x7f:
			return errors.New("a URI with an escaped slash or control character")
		case c == '%' && escape(name[i:]):
			return errors.New("a name that has a percent sign and two hexadecimal digits; rename the file")
		}
	}
	return nil
}

// relative is how a player in the playlist's folder names the file.
func (r resolver) relative(segments []string) string {
	common, last := 0, len(segments)-1
	for common < last && common < len(r.folder) && segments[common] == r.folder[common] {
		common++
	}
	var out strings.Builder
	for range len(r.folder) - common {
		out.WriteString("../")
	}
	for i, segment := range segments[common:] {
		if i > 0 {
			out.WriteByte('/')
		}
		out.WriteString(encode(segment))
	}
	return out.String()
}
