package gate

import (
	"net/http"
	"strings"
)

var (
	errForwardOff = refused(403, "forbidden", "forward-auth is off; name the proxy with PLAYTOKEN_GATE_FORWARD")
	errNotAVideo  = refused(403, "forbidden", "the original URI is not that of a video")
	errNotServed  = refused(403, "forbidden", "files of this kind are not served")
)

// auth answers a proxy that stands in front of plain files and asks whether a
// request may pass: 200, 401 or 403 and nothing else. A 200 for a playback
// token carries the cookie that opens the rest of that video, so the proxy has
// to hand Set-Cookie on to the viewer.
//
// The original URI is believed from the one header that the configured proxy
// sets; a viewer could have sent every other. Its query, and the cookies and
// the Authorization header of the viewer, are all that counts.
func (g *Gate) auth(w http.ResponseWriter, r *http.Request) error {
	if g.forward == "" {
		return errForwardOff
	}
	original := r.Header.Values(g.forward)
	if len(original) != 1 {
		return refused(http.StatusForbidden, "forbidden", "the proxy must send the original URI in exactly one header "+g.forward)
	}
	p, query, err := g.readOriginal(original[0])
	if err != nil {
		return err
	}
	a, err := g.admit(p, query, r.Header)
	if err != nil {
		return err
	}
	if !g.mayPass(p) {
		return errNotServed
	}
	g.handCookie(w, r, a, "/"+a.video)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	return nil
}

// mayPass reports whether the gate would serve the file itself. The video's
// own address is the proxy's to answer.
func (g *Gate) mayPass(p place) bool { return p.file == "" || g.mayLeave(p) }

func (g *Gate) readOriginal(uri string) (place, string, error) {
	escaped, query, _ := strings.Cut(uri, "?")
	if len(uri) > maxURI || strings.ContainsFunc(query, strange) {
		return place{}, "", errAmbiguous
	}
	if err := unambiguous(escaped, ""); err != nil {
		return place{}, "", err
	}
	below, found := strings.CutPrefix(escaped, g.prefix()+"/")
	if !found {
		return place{}, "", errNotAVideo
	}
	p, err := readPlace("/"+below, "")
	if err == errNoVideo || p.ticket != "" { // a file server knows no tickets in paths
		err = errNotAVideo
	}
	return p, query, err
}

// strange characters never stand in a query as browsers send it; the first of
// them begins a fragment to some readers.
func strange(c rune) bool { return c == '#' || c <= ' ' || c == 0x7f }
