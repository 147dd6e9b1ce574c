package gate

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"playtoken/web"
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
	p, err := readPlace(escaped, escapable)
	if err != nil {
		return err
	}
	a, err := g.admit(p, r.URL.RawQuery, r.Header)
	if err != nil {
		return err
	}
	file, err := g.open(place{video: p.video, file: g.config.Index})
	if err != nil {
		return err
	}
	file.Close()
	var body bytes.Buffer
	source := up + p.video + "/" + url.PathEscape(g.config.Index) + "?ticket=" + a.ticket
	view := struct{ Video, Assets, Source string }{Video: p.video, Assets: up + "embed/", Source: source}
	if err := page.Execute(&body, view); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	g.handCookie(w, r, a, "/"+p.video, "/embed/"+p.video)
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "+
		"media-src 'self' blob:; connect-src 'self'; require-trusted-types-for 'script'; base-uri 'none'; "+
		"form-action 'none'; frame-ancestors "+frames)
	_, _ = body.WriteTo(w) // the viewer has gone
	return nil
}

// assetTypes takes the place of the machine's own table, which differs.
var assetTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
}

// asset serves the page's script and style and the modules of the player,
// which are the same for all viewers and need no token. A browser asks again
// before it uses its copy: modules of two versions do not fit together.
func asset(w http.ResponseWriter, r *http.Request) error {
	name := path.Base(r.URL.Path)
	text, err := static.ReadFile("static/" + name)
	if err != nil {
		text, err = web.PlayerModule(name)
	}
	if err != nil {
		return errNoVideo
	}
	h := w.Header()
	h.Set("Content-Type", assetTypes[path.Ext(name)])
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", fmt.Sprintf(`"%x"`, sha256.Sum256(text)))
	h.Set("Access-Control-Allow-Origin", "*") // modules want it in a sandboxed frame, which has no origin
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
	return nil
}
