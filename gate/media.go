package gate

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
)

// manifest is the file in a video's folder with which playing begins.
const manifest = "hls.m3u8"

// maxPlaylist is the largest playlist that is rewritten, in bytes: some days
// of short segments.
const maxPlaylist = 8 << 20

// mediaTypes are the only files that ever leave the media folder.
var mediaTypes = map[string]string{
	".m3u8": "application/vnd.apple.mpegurl",
	".m4s":  "video/mp4",
	".mp4":  "video/mp4",
	".m4a":  "audio/mp4",
	".aac":  "audio/aac",
	".ts":   "video/mp2t",
	".vtt":  "text/vtt; charset=utf-8",
}

// media serves a file of a video to whoever may watch it. Playlists carry the
// viewer's ticket in every URI; everything else is served as it is.
func (g *Gate) media(w http.ResponseWriter, r *http.Request) error {
	g.allowOrigin(w, r)
	p, err := readPlace(r.URL.EscapedPath())
	if err != nil {
		return err
	}
	a, err := g.admit(p.video, r.URL.RawQuery, r.Cookies())
	if err != nil {
		return err
	}
	kind, ok := mediaTypes[path.Ext(p.file)]
	if !ok {
		return errNoVideo
	}
	file, modified, err := g.open(p)
	if err != nil {
		return err
	}
	defer file.Close()
	if path.Ext(p.file) == ".m3u8" {
		return servePlaylist(w, r, file, path.Dir(p.file), a.ticket)
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "private, max-age=3600")
	http.ServeContent(w, r, "", modified, file)
	return nil
}

func servePlaylist(w http.ResponseWriter, r *http.Request, file io.Reader, folder, ticket string) error {
	text, err := io.ReadAll(io.LimitReader(file, maxPlaylist+1))
	if err != nil {
		return fmt.Errorf("read playlist: %w", err)
	}
	if len(text) > maxPlaylist {
		return errors.New("read playlist: larger than 8 MiB")
	}
	out, err := rewrite(string(text), folder, ticket)
	if err != nil {
		return fmt.Errorf("read playlist: %w", err)
	}
	w.Header().Set("Content-Type", mediaTypes[".m3u8"])
	w.Header().Set("Cache-Control", "no-store")
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(out))
	return nil
}

// seekable is a file of which a part can be sent.
type seekable struct {
	io.ReadSeeker
	io.Closer
}

// open opens a regular file that is not hidden. That a name or a link leads
// out of the folder is for the file system to prevent, as os.Root.FS does.
func (g *Gate) open(p place) (seekable, time.Time, error) {
	name := p.video + "/" + p.file
	if !fs.ValidPath(name) || strings.Contains("/"+name, "/.") {
		return seekable{}, time.Time{}, errNoVideo
	}
	// Asked before opening, because opening a pipe would wait for a writer.
	info, err := fs.Stat(g.config.Media, name)
	if err != nil {
		return seekable{}, time.Time{}, fmt.Errorf("%w: %w", errNoVideo, err)
	}
	if !info.Mode().IsRegular() {
		return seekable{}, time.Time{}, errNoVideo
	}
	file, err := g.config.Media.Open(name)
	if err != nil {
		return seekable{}, time.Time{}, fmt.Errorf("%w: %w", errNoVideo, err)
	}
	seeker, ok := file.(io.ReadSeeker)
	if !ok {
		return seekable{}, time.Time{}, errors.Join(errors.New("open media: the file cannot seek"), file.Close())
	}
	return seekable{seeker, file}, info.ModTime(), nil
}

// preflight tells a page of another origin what it may ask for; no token is
// needed, because a browser sends none.
func (g *Gate) preflight(w http.ResponseWriter, r *http.Request) error {
	g.allowOrigin(w, r)
	if w.Header().Get("Access-Control-Allow-Origin") != "" {
		w.Header().Set("Access-Control-Allow-Methods", "GET, HEAD")
		w.Header().Set("Access-Control-Allow-Headers", "Range")
		w.Header().Set("Access-Control-Max-Age", "600")
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// allowOrigin lets pages of the configured origins read the answer, refusals
// included. Cookies go along only for origins that are named.
func (g *Gate) allowOrigin(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	if g.config.Origins[0] == "*" {
		h.Set("Access-Control-Allow-Origin", "*")
	} else {
		h.Add("Vary", "Origin")
		origin := r.Header.Get("Origin")
		if !slices.Contains(g.config.Origins, origin) {
			return
		}
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	h.Set("Access-Control-Expose-Headers", "Content-Length, Content-Range, X-Request-Id")
}
