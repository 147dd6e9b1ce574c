package gate

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"playtoken/gate/playlist"
)

// serveManifest answers with a DASH manifest for this viewer. The cookie is for
// players that read the bases of a manifest wrongly, as ffmpeg does where
// several are to be joined.
func (g *Gate) serveManifest(w http.ResponseWriter, r *http.Request, file mediaFile, p place, a admission) error {
	where := g.location(r, p)
	var manifest *playlist.Manifest
	err := g.inTurn(r.Context(), file, func() error {
		text, err := readText(file, where)
		if err != nil {
			return err
		}
		if manifest, err = playlist.ParseManifest(text, where, p.ticket != ""); err != nil {
			return unavailable(where, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	g.handCookie(w, r, a, "/"+a.video)
	w.Header().Set("Content-Type", mediaTypes[".mpd"])
	w.Header().Set("Content-Security-Policy", sandbox)
	http.ServeContent(w, r, "", time.Time{}, manifest.Reader(a.ticket))
	return nil
}

// readText reads an open playlist or manifest.
func readText(file mediaFile, where playlist.Location) (string, error) {
	var text strings.Builder
	size := int(min(file.info.Size(), maxPlaylist) + 1)
	text.Grow(size)
	if _, err := io.CopyBuffer(&text, io.LimitReader(file, maxPlaylist+1), make([]byte, min(size, 32<<10))); err != nil {
		return "", fmt.Errorf("read playlist: %w", err)
	}
	if text.Len() > maxPlaylist {
		return "", unavailable(where, errors.New("the playlist is larger than 8 MiB"))
	}
	return text.String(), nil
}

// otherParameters returns a query without the viewer's credentials.
func otherParameters(rawQuery string) string {
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return ""
	}
	delete(query, "jwt")
	delete(query, "ticket")
	return query.Encode()
}
