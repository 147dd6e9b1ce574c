package gate

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"playtoken/web"
)

//go:embed static
var static embed.FS

var page = template.Must(template.ParseFS(static, "static/page.html"))

// view is what the player page is made of.
type view struct {
	Video, Title, Source string
	Poster               string // empty: the video has none
	Assets               string // where scripts and styles are
	Whole                bool   // a page of its own, and no frame
	HLSjs                bool
	Origins              string // whose pages the frame talks with, divided by blanks
	Options              options
}

// landing is the video's own page.
func (g *Gate) landing(w http.ResponseWriter, r *http.Request) error {
	return g.show(w, r, view{Whole: true, Assets: "embed/"}, r.URL.EscapedPath(), "")
}

// embed is the player alone, for the frame of another site's page.
func (g *Gate) embed(w http.ResponseWriter, r *http.Request) error {
	escaped := strings.TrimPrefix(r.URL.EscapedPath(), "/embed")
	if asksForJSON(r) {
		return g.renew(w, r, escaped)
	}
	return g.show(w, r, view{Assets: "../embed/", Origins: strings.Join(g.config.Origins, " ")}, escaped, "../")
}

// show writes the player page. The page finds the player and the manifest by
// relative references (up leads to the gate's root), so that the gate can be
// mounted anywhere. The ticket stands in the page and not only in the cookie:
// in another site's frame the browser sends no cookie.
func (g *Gate) show(w http.ResponseWriter, r *http.Request, v view, escaped, up string) error {
	p, err := readPlace(escaped, escapable)
	if err != nil {
		return err
	}
	a, err := g.admit(r.Context(), p, r.URL.RawQuery, r.Header)
	if err != nil {
		return err
	}
	if err := g.hasHLS(p.video); err != nil {
		return err
	}
	address := func(file string) string {
		return up + p.video + "/" + url.PathEscape(file) + "?ticket=" + a.ticket
	}
	v.Video, v.Title, v.Source = p.video, g.title(p.video), address(g.config.Index)
	if poster := g.poster(p.video); poster != "" {
		v.Poster = address(poster)
	}
	_, _, err = web.HLSjs()
	v.HLSjs = err == nil
	v.Options = readOptions(r.URL.Query())
	var body bytes.Buffer
	if err := page.Execute(&body, v); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	g.handCookie(w, r, a, "/"+p.video, "/embed/"+p.video)
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy+v.framedBy())
	_, _ = body.WriteTo(w) // the viewer has gone
	return nil
}

// policy allows what is the gate's own, and nothing inline. hls.js works
// without a worker, so that none has to be allowed.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"media-src 'self' blob:; connect-src 'self'; require-trusted-types-for 'script'; base-uri 'none'; " +
	"form-action 'none'; frame-ancestors "

func (v view) framedBy() string {
	if v.Whole {
		return "'none'"
	}
	return v.Origins
}

// hasHLS says why the pages cannot play a video.
func (g *Gate) hasHLS(video string) error {
	file, err := g.open(place{video: video, file: g.config.Index})
	if err == nil {
		return file.Close()
	}
	entries, _ := fs.ReadDir(g.config.Media, video) // none of a folder that does not exist
	isManifest := func(e fs.DirEntry) bool { return ending(e.Name()) == ".mpd" }
	if errors.Is(err, errNoVideo) && slices.ContainsFunc(entries, isManifest) {
		return &refusal{status: http.StatusUnprocessableEntity, code: "video_unavailable", detail: "this video is not available on this page",
			cause: fmt.Errorf("%s has a DASH manifest but no %s: the gate's pages play HLS", video, g.config.Index)}
	}
	return err
}

func asksForJSON(r *http.Request) bool {
	accept := r.Header.Get("Accept")
	return strings.Contains(accept, "application/json") && !strings.Contains(accept, "text/html")
}

// renewal is a session as a page that is open already takes it.
type renewal struct {
	Video   string    `json:"video_id"`
	Ticket  string    `json:"ticket"`
	Expires time.Time `json:"expires_at"`
}

// renew swaps a token for a ticket, for a page whose session has ended and that
// shall play on where it is.
func (g *Gate) renew(w http.ResponseWriter, r *http.Request, escaped string) error {
	g.allowOrigin(w, r)
	p, err := readPlace(escaped, escapable)
	if err != nil {
		return err
	}
	a, err := g.admit(r.Context(), p, r.URL.RawQuery, r.Header)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/json")
	_ = json.MarshalWrite(w, renewal{Video: p.video, Ticket: a.ticket, Expires: time.Unix(a.expires, 0).UTC()}) // the viewer has gone
	return nil
}
