package gate_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"playtoken/gate"
	"playtoken/gate/sample"
	"playtoken/web/browsertest"
)

var pageAddress = regexp.MustCompile(`^/(?:[A-Za-z0-9_-]{1,64}|embed/.*)$`)

// proxied is a web server that has the files, playlists included, and asks the
// gate about each; the pages it sends to the gate.
func (w *world) proxied() http.Handler {
	handler := w.gate.Handler()
	files := http.FileServerFS(w.config.Media)
	return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions || pageAddress.MatchString(r.URL.Path) {
			handler.ServeHTTP(out, r)
			return
		}
		question := httptest.NewRequest(http.MethodGet, "/auth", nil)
		question.Header.Set("X-Original-URI", r.RequestURI)
		question.Header["Cookie"] = r.Header["Cookie"]
		said := httptest.NewRecorder()
		if handler.ServeHTTP(said, question); said.Code != http.StatusOK {
			http.Error(out, "refused", said.Code)
			return
		}
		files.ServeHTTP(out, r)
	})
}

// In another site's frame no cookie goes along, and playlists that the gate does
// not see carry no tickets.
func TestPagesPlayBehindAWebServerThatServesTheFiles(t *testing.T) {
	slow(t)
	for _, b := range browsertest.Browsers(t) {
		t.Run(b.Name, func(t *testing.T) {
			w := open(t, clip(t), func(c *gate.Config) { c.Forward = "nginx" })
			w.serveAs(w.proxied())
			tab := b.Page(t)
			w.show(tab, w.server.URL+"/counter", sample.VideoID)
			w.wantPlayed(tab, "640x360 from blob:")
			for _, library := range []bool{true, false} {
				if !library {
					w.serveAs(lacking("/embed/hls.js", w.proxied()))
				}
				newHost(w, "/embed/counter?autoplay=1&muted=1&jwt="+w.token(sample.VideoID, 10e9)).watchFrame(b)
			}
			if log := w.log.String(); strings.Contains(log, `"code":`) {
				t.Errorf("something was refused:\n%s", log)
			}
		})
	}
}
