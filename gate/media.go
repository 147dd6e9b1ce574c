package gate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
)

// media serves a file of a video to a viewer who may watch it. Playlists carry
// the viewer's ticket in every URI; everything else is served as it is.
func (g *Gate) media(w http.ResponseWriter, r *http.Request) error {
	g.allowOrigin(w, r)
	p, err := readPlace(r.URL.EscapedPath(), escapable)
	if err != nil {
		return err
	}
	p = g.first(p)
	a, err := g.admit(r.Context(), p, r.URL.RawQuery, r.Header)
	if err != nil {
		return err
	}
	file, err := g.open(p)
	if err != nil {
		return err
	}
	defer file.Close()
	if !g.mayLeave(r.Context(), p) {
		return errNoVideo
	}
	w.Header().Set("Cache-Control", caching(p.file))
	switch ending(p.file) {
	case ".m3u8":
		return g.servePlaylist(w, r, file, p, a)
	case ".mpd":
		return g.serveManifest(w, r, file, p, a)
	}
	whileAdmitted(w, func() error { return g.stillMay(r.Context(), a.session) })
	file.serve(w, r)
	return nil
}

// usualIndex is the name under which services and players ask for a video's first
// playlist.
const usualIndex = "hls.m3u8"

// first answers the usual name of the first playlist with the one that the
// configuration names, unless the folder has a file of that name.
func (g *Gate) first(p place) place {
	if p.file == usualIndex && g.config.Index != usualIndex && !isRegular(g.config.Media, p.video+"/"+usualIndex) {
		p.file = g.config.Index
	}
	return p
}

// sandbox is the policy of media that a browser may take for a document: it
// has no origin and runs nothing.
const sandbox = "default-src 'none'; sandbox"

// mayLeave reports whether viewers who may watch the video may have the file.
func (g *Gate) mayLeave(ctx context.Context, p place) bool {
	mediaType, named := served(p.file)
	if mediaType == "" || hidden(p.file) {
		return false
	}
	return !named || isRegular(g.config.Media, p.video+"/"+p.file) && g.named.has(ctx, p.video, p.file)
}

// mediaFile is an open file of a video.
type mediaFile struct {
	io.ReadSeeker
	io.Closer
	name string
	info fs.FileInfo
}

// serve answers with the file or the part of it that is asked for. The reader
// is handed on bare, because the kernel copies files to the network only if
// they are seen to be files.
func (f mediaFile) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	mediaType, _ := served(f.name)
	h.Set("Content-Type", mediaType)
	if strings.HasPrefix(mediaType, "application/") || strings.HasPrefix(mediaType, "text/") {
		h.Set("Content-Security-Policy", sandbox)
	}
	if modified := f.info.ModTime(); !modified.IsZero() {
		h.Set("ETag", `"`+strconv.FormatInt(f.info.Size(), 36)+"-"+strconv.FormatInt(modified.UnixNano(), 36)+`"`)
	}
	http.ServeContent(w, r, "", f.info.ModTime(), f.ReadSeeker)
}

// open opens a regular file that is not hidden. That a name or a link leads
// out of the folder is for the file system to prevent, as Folder does.
func (g *Gate) open(p place) (mediaFile, error) {
	name := p.video + "/" + p.file
	if !fs.ValidPath(name) || hidden(name) {
		return mediaFile{}, errNoVideo
	}
	file, err := g.config.Media.Open(name)
	if err != nil {
		return mediaFile{}, notOpened(err)
	}
	info, err := file.Stat()
	if err != nil {
		return mediaFile{}, errors.Join(notOpened(err), file.Close())
	}
	if !info.Mode().IsRegular() {
		return mediaFile{}, errors.Join(errNoVideo, file.Close())
	}
	seeker, ok := file.(io.ReadSeeker)
	if !ok {
		return mediaFile{}, errors.Join(errors.New("open media: the file cannot seek"), file.Close())
	}
	return mediaFile{ReadSeeker: seeker, Closer: file, name: p.file, info: info}, nil
}

// notOpened says why without the path, which the log has without tickets.
func notOpened(err error) error {
	var inPath *fs.PathError
	if errors.As(err, &inPath) {
		err = inPath.Err
	}
	return fmt.Errorf("%w: %w", errNoVideo, err)
}
