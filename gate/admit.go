package gate

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"playtoken/gate/register"
	"playtoken/gate/verify"
)

var errSessionEnded = refused(403, "session_ended", "the session was ended by the owner of the video")

// admission is why a viewer may watch.
type admission struct {
	session
	ticket string
	fresh  bool // the ticket was made just now, for a playback token
	inURL  bool // the ticket stands in the URL that was asked for
}

// credentials are what a viewer presents, in the order in which it is tried.
type credentials struct {
	tokens  []string // playback tokens: from the query, then from the header
	tickets []string // session tickets: from the query, the path, then cookies
	inURL   int      // how many of the tickets stand in the URL
}

// admit lets a viewer in who presents a playback token, a session ticket or
// the cookie with one. One good one is enough: a player that loads the URL it
// was given again, token and all, has its cookie when the token is over. If
// none is good, the answer is about the one that was tried first.
func (g *Gate) admit(p place, rawQuery string, header http.Header) (admission, error) {
	a, err := g.decide(p, rawQuery, header)
	if g.config.Admission != nil {
		g.config.Admission(a.result(err))
	}
	return a, err
}

func (a admission) result(err error) string {
	switch {
	case err != nil:
		return asRefusal(err).code
	case a.fresh:
		return "token"
	}
	return "session"
}

func (g *Gate) decide(p place, rawQuery string, header http.Header) (admission, error) {
	if err := g.keys.Fresh(); err != nil {
		return admission{}, err
	}
	presented, err := g.present(p, rawQuery, header)
	if err != nil {
		return admission{}, err
	}
	var first error
	for _, token := range presented.tokens {
		a, err := g.byToken(token, p.video)
		if err == nil {
			a.inURL = g.urlOpens(presented, p.video)
			return a, nil
		}
		if first == nil {
			first = err
		}
	}
	for i, ticket := range presented.tickets {
		a, err := g.byTicket(ticket, p.video)
		if err == nil {
			a.inURL = i < presented.inURL
			return a, nil
		}
		if first == nil {
			first = err
		}
	}
	if first == nil {
		first = refusedToken(verify.TokenMissing, "a playback token is needed, as ?jwt= or Authorization: Bearer")
	}
	return admission{}, first
}

// urlOpens reports whether the URL has a ticket that opens the video, beside the
// token that a player may send with every request.
func (g *Gate) urlOpens(c credentials, video string) bool {
	return slices.ContainsFunc(c.tickets[:c.inURL], func(ticket string) bool {
		_, err := g.byTicket(ticket, video)
		return err == nil
	})
}

func (g *Gate) present(p place, rawQuery string, header http.Header) (credentials, error) {
	query, err := url.ParseQuery(rawQuery)
	if err != nil || len(query["jwt"]) > 1 || len(query["ticket"]) > 1 {
		return credentials{}, refusedToken(verify.TokenMalformed, "the query is malformed, or has two tokens")
	}
	var c credentials
	if token := query.Get("jwt"); token != "" {
		c.tokens = append(c.tokens, token)
	}
	for _, value := range header.Values("Authorization") {
		if scheme, token, _ := strings.Cut(value, " "); strings.EqualFold(scheme, "Bearer") {
			c.tokens = append(c.tokens, strings.TrimSpace(token))
		}
	}
	c.tickets = query["ticket"]
	if p.ticket != "" {
		c.tickets = append(c.tickets, p.ticket)
	}
	c.inURL = len(c.tickets)
	c.tickets = append(c.tickets, inCookies(header, cookieName)...)
	c.tickets = append(c.tickets, inCookies(header, cookieName+"_"+p.video)...)
	return c, nil
}

func (g *Gate) byToken(token, video string) (admission, error) {
	now := g.config.Now()
	t, err := verify.Verify(token, video, now, g.keys.Key)
	if err != nil {
		return admission{}, err
	}
	if t.Expires.After(now.Add(g.config.MaxTokenLife + g.config.ClockSkew)) {
		return admission{}, refusedToken(verify.TokenLifeTooLong, "the token lives longer than this gate accepts, "+g.config.MaxTokenLife.String())
	}
	viewer, err := t.Viewer()
	if err != nil {
		return admission{}, err
	}
	s := session{video: video, keyID: t.KeyID, issued: g.keys.Stamp(), expires: now.Add(g.config.SessionTTL).Unix(),
		viewer: viewer, id: newSessionID()}
	return admission{session: s, ticket: s.ticket(g.keys.SealingKey()), fresh: true}, nil
}

// byTicket does not ask whether the key is still registered: a retired key's
// sessions run on, a revoked key's are marked as ended.
func (g *Gate) byTicket(ticket, video string) (admission, error) {
	if ticket == "" {
		return admission{}, refusedToken(verify.TokenMissing, "the session ticket is empty")
	}
	s, err := openTicket(ticket, g.keys.TicketKeys)
	if err != nil {
		return admission{}, err
	}
	if err := s.opens(video, g.config.Now()); err != nil {
		return admission{}, err
	}
	return admission{session: s, ticket: ticket}, g.plausible(s)
}

// plausible refuses tickets that this gate would not have made, though they
// carry its mark: the key that they are marked with may have been copied.
func (g *Gate) plausible(s session) error {
	now := g.config.Now().Add(g.config.ClockSkew) // another gate's
	latest := now.Add(g.keys.Longest())
	switch {
	case g.keys.Ended(register.Session{KeyID: s.keyID, Viewer: s.viewer, Video: s.video, Began: s.issued}):
		return errSessionEnded
	case time.Unix(s.expires, 0).After(latest):
		return refusedToken(verify.TokenLifeTooLong, "the session ticket lives longer than sessions of this gate do")
	case s.issued > now.UnixMicro():
		return refusedToken(verify.TokenNotYetValid, "the session ticket is from the future")
	case !g.keys.EverKnew(s.keyID, s.expires):
		return refusedToken(verify.KeyUnknown, "the session ticket names a key that was never registered here")
	}
	return nil
}

func refusedToken(reason verify.Reason, detail string) error {
	return &verify.Error{Reason: reason, Detail: detail}
}

// cookieName is one for all videos, because some proxies hand on only cookies
// that they know by name. Its path keeps the sessions of two videos in one
// browser apart. Sessions that began before it was one still have cookies with
// the video behind the name.
const cookieName = "playtoken"

func inCookies(header http.Header, name string) (tickets []string) {
	for _, c := range (&http.Request{Header: header}).CookiesNamed(name) {
		tickets = append(tickets, c.Value)
	}
	return tickets
}

// handCookie gives a new session's ticket to the browser, for everything below
// the given folders of the site.
func (g *Gate) handCookie(w http.ResponseWriter, r *http.Request, a admission, folders ...string) {
	if !a.fresh {
		return
	}
	for _, folder := range folders {
		http.SetCookie(w, &http.Cookie{
			Name: cookieName, Value: a.ticket, Path: g.prefix() + folder,
			MaxAge: max(1, int(a.expires-g.config.Now().Unix())), Secure: g.secure(r),
			HttpOnly: true, SameSite: http.SameSiteLaxMode,
		})
	}
}
