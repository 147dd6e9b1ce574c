package gate

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"playtoken/gate/playlist"
)

const (
	// maxPlaylist is the largest playlist that is read, in bytes: some days of
	// short segments.
	maxPlaylist = 8 << 20
	// maxReading is how many playlists of largePlaylist or more are read at once:
	// only once it is read is a text seen to be that of other viewers, too.
	maxReading    = 8
	largePlaylist = 64 << 10 // bytes
	// maxCompressing is how many playlists are compressed at once: each takes a
	// megabyte of memory for as long as its viewer reads. The others are sent as
	// they are.
	maxCompressing = 32
	// minCompressed is the smallest playlist that is worth compressing, in bytes.
	minCompressed = 1 << 10
)

// servePlaylist answers with the playlist for this viewer.
func (g *Gate) servePlaylist(w http.ResponseWriter, r *http.Request, file mediaFile, p place, a admission) error {
	var list *playlist.Playlist
	err := g.inTurn(r.Context(), file, func() (err error) {
		list, err = readPlaylist(file, g.location(r, p))
		return err
	})
	if err != nil {
		return err
	}
	if p.file == g.config.Index {
		g.handCookie(w, r, a, "/"+a.video)
		if list.Growing() && loadsAgain(r, a) {
			return g.serveVariant(w, r, p, a)
		}
	}
	g.sendPlaylist(w, r, g.steered(list, p, a), a.ticket, !list.Reflects())
	return nil
}

// inTurn reads a playlist or manifest of a viewer when few others are read.
func (g *Gate) inTurn(ctx context.Context, file mediaFile, read func() error) error {
	if file.info.Size() < largePlaylist {
		return read()
	}
	select {
	case g.reading <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", errNoVideo, ctx.Err())
	}
	defer func() { <-g.reading }()
	return read()
}

// readPlaylist reads and checks an open playlist. What is wrong with it is for
// the operator; the viewer is told that the video is not available.
func readPlaylist(file mediaFile, where playlist.Location) (*playlist.Playlist, error) {
	text, err := readText(file, where)
	if err != nil {
		return nil, err
	}
	list, err := playlist.Parse(text, where)
	if err != nil {
		return nil, unavailable(where, err)
	}
	return list, nil
}

func unavailable(where playlist.Location, cause error) error {
	return &refusal{status: http.StatusUnprocessableEntity, code: "video_unavailable", detail: "this video is not available",
		cause: fmt.Errorf("%s/%s: %w", path.Base(where.Root), where.File, cause)}
}

// location says where the viewer found a playlist.
func (g *Gate) location(r *http.Request, p place) playlist.Location {
	query := sync.OnceValue(r.URL.Query) // few playlists ask for a part of it
	where := g.located(p, func(name string) (string, bool) { return query().Get(name), query().Has(name) })
	if g.public == nil {
		where.Host = r.Host
	}
	return where
}

// located says where a playlist stands when its URL has the given parameters.
func (g *Gate) located(p place, parameter func(string) (string, bool)) playlist.Location {
	where := playlist.Location{Root: "/" + p.video, File: p.file, Parameter: parameter}
	if g.public != nil {
		where.Host, where.Root = g.public.Host, g.public.Path+"/"+p.video
	}
	where.Import = func(name string) (string, bool) { return g.firstVariable(where, p.video, name) }
	return where
}

// parse reads a playlist for what it names, without a viewer.
func (g *Gate) parse(p place) (*playlist.Playlist, error) {
	file, err := g.open(p)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readPlaylist(file, g.located(p, func(string) (string, bool) { return "x", true }))
}

// firstVariable looks up a variable in the video's first playlist.
func (g *Gate) firstVariable(where playlist.Location, video, name string) (value string, ok bool) {
	file, err := g.open(place{video: video, file: g.config.Index})
	if err != nil {
		return "", false
	}
	defer file.Close()
	where.File, where.Import = g.config.Index, nil
	list, err := readPlaylist(file, where)
	if err != nil {
		return "", false
	}
	return list.Variable(name)
}

// loadsAgain reports whether the player of a growing playlist would load this
// very URL again, which has no ticket.
func loadsAgain(r *http.Request, a admission) bool {
	for name := range r.URL.Query() {
		if strings.HasPrefix(name, "_HLS_") { // LL-HLS: the player has the playlist and waits for its next version
			return false
		}
	}
	return !a.inURL
}

// serveVariant stands in for a media playlist that grows. Its player would load
// the URL with the playback token again and again, and be refused once the
// token is over; now it loads the variant, whose URI carries the ticket.
func (g *Gate) serveVariant(w http.ResponseWriter, r *http.Request, p place, a admission) error {
	text := "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=2000000\n" + (&url.URL{Path: p.file}).EscapedPath() + "?" + otherParameters(r.URL.RawQuery) + "\n"
	where := playlist.Location{Root: "/" + p.video, File: p.file}
	list, err := playlist.Parse(text, where)
	if err != nil {
		return unavailable(where, err)
	}
	g.sendPlaylist(w, r, list, a.ticket, false)
	return nil
}

// sendPlaylist may compress a playlist only if it has nothing of the request in
// it: who can make a viewer's browser ask, and sees how long the encrypted
// responses are, would find the ticket out by guesses that compress well
// (BREACH). What the operator wrote is the same in every response.
func (g *Gate) sendPlaylist(w http.ResponseWriter, r *http.Request, list *playlist.Playlist, ticket string, mayCompress bool) {
	h := w.Header()
	h.Set("Content-Type", mediaTypes[".m3u8"])
	h.Add("Vary", "Accept-Encoding")
	// Several ranges would each be made from the beginning. The whole may be
	// sent instead, and is what a range from the first byte on asks for.
	if asked := r.Header.Get("Range"); strings.Contains(asked, ",") || asked == "bytes=0-" {
		r.Header.Del("Range")
	}
	whole := r.Method == http.MethodGet && r.Header.Get("Range") == ""
	if mayCompress && whole && takesGzip(r) && list.Size(ticket) >= minCompressed && g.sendCompressed(w, list.Reader(ticket)) {
		return
	}
	http.ServeContent(w, r, "", time.Time{}, list.Reader(ticket))
}

// sendCompressed reports false, and has sent nothing, if too many playlists are
// being compressed.
func (g *Gate) sendCompressed(w http.ResponseWriter, from io.Reader) bool {
	if g.compressing.Add(1) > maxCompressing {
		g.compressing.Add(-1)
		return false
	}
	defer g.compressing.Add(-1)
	w.Header().Set("Content-Encoding", "gzip")
	z, ok := g.gzips.Get().(*gzip.Writer)
	if !ok {
		z, _ = gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is a good one
	}
	defer g.gzips.Put(z)
	z.Reset(w)
	_, _ = io.Copy(z, from) // the viewer has gone
	_ = z.Close()
	return true
}

// takesGzip reads Accept-Encoding (RFC 9110, section 12.5.3).
func takesGzip(r *http.Request) bool {
	for item := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		coding, weight, _ := strings.Cut(item, ";")
		if !strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			continue
		}
		_, q, found := strings.Cut(weight, "=")
		quality, err := strconv.ParseFloat(strings.TrimSpace(q), 64)
		return !found || err == nil && quality > 0
	}
	return false
}
