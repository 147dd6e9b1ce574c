package gate

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed static
var static embed.FS

var page = template.Must(template.ParseFS(static, "static/page.html"))

// landing is the video's own page.
func (g *Gate) landing(w http.ResponseWriter, r *http.Request) error {
	return g.show(w, r, r.URL.EscapedPath(), "", "'none'")
}

// embed is the player alone, for the frame of another site's page.
func (g *Gate) embed(w http.ResponseWriter, r *http.Request) error {
	return g.show(w, r, strings.TrimPrefix(r.URL.EscapedPath(), "/embed"), "../", strings.Join(g.config.Origins, " "))
}

// show writes the player page. The page finds the player and the manifest by
// relative references (up leads to the gate's root), so that the gate can be
// mounted anywhere. The ticket stands in the page and not only in the cookie:
// in another site's frame the browser sends no cookie.
func (g *Gate) show(w http.ResponseWriter, r *http.Request, escaped, up, frames string) error {
	p, err := readPlace(escaped)
	if err != nil {
		return err
	}
	a, err := g.admit(p.video, r.URL.RawQuery, r.Cookies())
	if err != nil {
		return err
	}
	file, _, err := g.open(place{p.video, manifest})
	if err != nil {
		return err
	}
	file.Close()
	var body bytes.Buffer
	source := up + p.video + "/" + manifest + "?ticket=" + a.ticket
	if err := page.Execute(&body, struct{ Video, Player, Source string }{p.video, up + "embed/player", source}); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	g.handCookie(w, r, a, "/"+p.video, "/embed/"+p.video)
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "+
		"media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors "+frames)
	_, _ = body.WriteTo(w) // the viewer has gone
	return nil
}

// asset serves the player, which is the same for everybody and needs no token.
func asset(w http.ResponseWriter, r *http.Request) error {
	name := path.Base(r.URL.Path)
	text, err := static.ReadFile("static/" + name)
	if err != nil {
		return errNoVideo
	}
	w.Header().Set("Cache-Control", "public, max-age=300")
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(text))
	return nil
}
