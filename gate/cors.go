package gate

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// headerNames is a list as Access-Control-Request-Headers has it.
var headerNames = regexp.MustCompile(`^[A-Za-z0-9-]+( *, *[A-Za-z0-9-]+)*$`)

// playerHeaders are what players add to requests for media: parts of files,
// a token in the header, conditions, and CMCD (CTA-5004).
var playerHeaders = []string{"range", "authorization", "if-none-match", "if-modified-since", "if-range", "cache-control",
	"cmcd-object", "cmcd-request", "cmcd-session", "cmcd-status"}

// preflight tells a page of another origin what it may ask for; no token is
// needed, because a browser sends none.
func (g *Gate) preflight(w http.ResponseWriter, r *http.Request) error {
	g.allowOrigin(w, r)
	h := w.Header()
	h.Add("Vary", "Access-Control-Request-Headers")
	if h.Get("Access-Control-Allow-Origin") != "" {
		h.Set("Access-Control-Allow-Methods", "GET, HEAD")
		h.Set("Access-Control-Allow-Headers", g.allowedHeaders(r.Header.Get("Access-Control-Request-Headers")))
		h.Set("Access-Control-Max-Age", "86400")
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// allowedHeaders allows pages of any origin to send what they like, because no
// cookie goes along, and pages of named origins what players send.
func (g *Gate) allowedHeaders(asked string) string {
	if g.anyOrigin() && len(asked) <= 1024 && headerNames.MatchString(asked) {
		return asked
	}
	return strings.Join(playerHeaders, ", ")
}

func (g *Gate) anyOrigin() bool { return g.config.Origins[0] == "*" }

// allowOrigin lets pages of the configured origins read the answer, refusals
// included. Cookies go along only for origins that are named.
func (g *Gate) allowOrigin(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	if g.anyOrigin() {
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
	h.Set("Access-Control-Expose-Headers", "Accept-Ranges, Content-Encoding, Content-Length, Content-Range, Date, ETag, X-Request-Id")
}
