package gate

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"playtoken/store"
)

// proxy is how a proxy that asks /auth names the original URI. It does so in
// one place, and no other is ever read: a viewer could have sent it.
type proxy struct {
	header   string // that holds the URI; empty: it does not stand in a header
	absolute bool   // the URI begins with scheme and host
	inPath   bool   // the URI follows /auth in the request's own
	inBody   bool   // there is no URI: see question
}

// proxies by the names that the configuration knows.
var proxies = map[string]proxy{
	"":              {},
	"nginx":         {header: "X-Original-URI"},
	"ingress-nginx": {header: "X-Original-URL", absolute: true},
	"haproxy":       {header: "X-Original-URI"},
	"caddy":         {header: "X-Forwarded-Uri"},
	"traefik":       {header: "X-Forwarded-Uri"},
	"envoy":         {inPath: true},
	"mediamtx":      {inBody: true}, // no proxy, but it asks as one does
}

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
// The original URI is believed from the one place where the configured proxy
// puts it. Its query, and the cookies and the Authorization header of the
// viewer, are all that counts.
func (g *Gate) auth(w http.ResponseWriter, r *http.Request) error {
	if g.forward.inBody {
		return g.authMediaMTX(w, r)
	}
	g.allowOrigin(w, r) // some proxies answer a refused viewer with this answer
	original, err := g.forward.original(r)
	if err != nil {
		return err
	}
	p, query, err := g.readOriginal(original)
	if err != nil {
		return err
	}
	a, err := g.admit(r.Context(), p, query, r.Header)
	if errors.Is(err, store.ErrUnavailable) {
		return &refusal{status: http.StatusForbidden, code: "unavailable", detail: "the gate's store does not answer", cause: err}
	}
	if err != nil {
		return err
	}
	if !g.mayPass(r.Context(), p) {
		return errNotServed
	}
	g.handCookie(w, r, a, "/"+a.video)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	return nil
}

// original returns the URI that the viewer asked the proxy for.
func (f proxy) original(r *http.Request) (string, error) {
	switch {
	case f.inPath:
		return f.fromPath(r.URL)
	case f.header == "":
		return "", errForwardOff
	}
	values := r.Header.Values(f.header)
	if len(values) != 1 {
		return "", refused(http.StatusForbidden, "forbidden", "the proxy must send the original URI in exactly one header "+f.header+misplaced(r.Header))
	}
	if !f.absolute {
		return values[0], nil
	}
	scheme, rest, _ := strings.Cut(values[0], "://")
	_, path, found := strings.Cut(rest, "/")
	if scheme != "http" && scheme != "https" || !found {
		return "", refused(http.StatusForbidden, "forbidden", "the header "+f.header+" has no whole URL")
	}
	return "/" + path, nil
}

func (f proxy) fromPath(u *url.URL) (string, error) {
	path := strings.TrimPrefix(u.EscapedPath(), "/auth")
	if path == "" {
		return "", refused(http.StatusForbidden, "forbidden", "the proxy must ask for /auth with the original path behind it: path_prefix: /auth")
	}
	return path + "?" + u.RawQuery, nil
}

// misplaced names a header of other proxies that a request has: the proxy or
// PLAYTOKEN_GATE_FORWARD is another one than was meant.
func misplaced(header http.Header) string {
	sent, readBy := "", []string{}
	for _, name := range slices.Sorted(maps.Keys(proxies)) {
		other := proxies[name].header
		if header.Get(other) != "" && (sent == "" || sent == other) {
			sent, readBy = other, append(readBy, name)
		}
	}
	if sent == "" {
		return ""
	}
	return "; it sent " + sent + ", which is read with PLAYTOKEN_GATE_FORWARD=" + strings.Join(readBy, " or ")
}

// mayPass reports whether the gate would serve the file itself. The video's
// own address is the proxy's to answer.
func (g *Gate) mayPass(ctx context.Context, p place) bool {
	return p.file == "" || g.mayLeave(ctx, p)
}

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
	if err == errNoVideo || err == nil && hasTicketPlace(below) {
		err = errNotAVideo
	}
	p.forwarded = true
	return p, query, err
}

// hasTicketPlace reports whether a segment of a path begins as a ticket does. A
// file server knows no tickets in paths, and would open a folder of that name.
func hasTicketPlace(escaped string) bool {
	path, err := url.PathUnescape(escaped)
	return err != nil || strings.Contains("/"+path, "/~")
}

// strange characters never stand in a query as browsers send it; the first of
// them begins a fragment to some readers.
func strange(c rune) bool { return c == '#' || c <= ' ' || c == 0x7f }
