package gate

import (
	"net/http"
	"strings"
)

var (
	errForwardOff = refused(http.StatusForbidden, "forbidden", "forward-auth is off; say which proxy asks with PLAYTOKEN_GATE_FORWARD")
	errNoOriginal = refused(http.StatusForbidden, "forbidden", "the proxy did not name the original URI in exactly one header of its kind")
	errNotAVideo  = refused(http.StatusForbidden, "forbidden", "the original URI is not that of a video")
)

// auth answers a proxy that stands in front of plain files and asks whether a
// request may pass: 200, 401 or 403 and nothing else. A 200 for a playback
// token carries the cookie that opens the rest of that video, so the proxy has
// to hand Set-Cookie on to the viewer.
//
// The original URI is believed from the one header that the configured proxy
// sets; whatever a viewer says in another is never read. Its query and the
// viewer's cookies are all that counts.
func (g *Gate) auth(w http.ResponseWriter, r *http.Request) error {
	if g.forward == "" {
		return errForwardOff
	}
	original := r.Header.Values(g.forward)
	if len(original) != 1 {
		return errNoOriginal
	}
	p, query, err := g.readOriginal(original[0])
	if err != nil {
		return err
	}
	a, err := g.admit(p.video, query, r.Cookies())
	if err != nil {
		return err
	}
	g.handCookie(w, r, a, "/"+a.video)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	return nil
}

func (g *Gate) readOriginal(uri string) (place, string, error) {
	escaped, query, _ := strings.Cut(uri, "?")
	if len(uri) > maxURI || strings.ContainsFunc(query, strange) {
		return place{}, "", errAmbiguous
	}
	if err := unambiguous(escaped); err != nil {
		return place{}, "", err
	}
	below, found := strings.CutPrefix(escaped, g.prefix()+"/")
	if !found {
		return place{}, "", errNotAVideo
	}
	p, err := readPlace("/" + below)
	if err == errNoVideo {
		err = errNotAVideo
	}
	return p, query, err
}

// strange characters never stand in a query as browsers send it; the first of
// them begins a fragment to some readers.
func strange(c rune) bool { return c == '#' || c <= ' ' || c == 0x7f }
