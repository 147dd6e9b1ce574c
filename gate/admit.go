package gate

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
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
	tokens  []presentedToken // from the query, then from the header
	tickets []string         // session tickets: from the query, the path, then cookies
	inURL   int              // how many of the tickets stand in the URL
}

type presentedToken struct {
	text   string
	header bool // a player sends it with every request
}

// admit lets a viewer in who presents a playback token, a session ticket or
// the cookie with one. One good one is enough: a player that loads the URL it
// was given again, token and all, has its cookie when the token is over. If
// none is good, the answer is about the one that was tried first.
func (g *Gate) admit(ctx context.Context, p place, rawQuery string, header http.Header) (admission, error) {
	a, err := g.decide(ctx, p, rawQuery, header)
	if g.config.Admission != nil {
		g.config.Admission(a.result(err))
	}
	if err == nil && g.config.Watched != nil {
		g.config.Watched(cmp.Or(a.id, a.ticket)) // tickets of earlier versions have no id
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

func (g *Gate) decide(ctx context.Context, p place, rawQuery string, header http.Header) (admission, error) {
	if err := g.keys.Fresh(); err != nil {
		return admission{}, err
	}
	presented, err := g.present(p, rawQuery, header)
	if err != nil {
		return admission{}, err
	}
	held, first := g.goodTickets(presented, p.video)
	for i, token := range presented.tokens {
		a, err := g.byToken(token.text, p.video)
		if err == nil {
			return g.begin(ctx, a, held, g.streamOf(token, p))
		}
		if i == 0 {
			first = err
		}
	}
	for _, a := range held {
		if first = g.play(ctx, a.session); first == nil {
			return a, nil
		}
		if a.inURL { // the cookie is another stream's
			break
		}
	}
	if first == nil {
		first = refusedToken(verify.TokenMissing, "a playback token is needed, as ?jwt= or Authorization: Bearer")
	}
	return admission{}, first
}

// goodTickets are those that open the video; err is about the first that was
// tried, if it does not.
func (g *Gate) goodTickets(c credentials, video string) (good []admission, err error) {
	for i, ticket := range c.tickets {
		a, wrong := g.byTicket(ticket, video)
		if wrong == nil {
			a.inURL = i < c.inURL
			good = append(good, a)
		}
		if i == 0 {
			err = wrong
		}
	}
	return good, err
}

func (g *Gate) present(p place, rawQuery string, header http.Header) (credentials, error) {
	query, err := url.ParseQuery(rawQuery)
	if err != nil || len(query["jwt"]) > 1 || len(query["ticket"]) > 1 {
		return credentials{}, refusedToken(verify.TokenMalformed, "the query is malformed, or has two tokens")
	}
	var c credentials
	if token := query.Get("jwt"); token != "" {
		c.tokens = append(c.tokens, presentedToken{text: token})
	}
	for _, value := range header.Values("Authorization") {
		if scheme, token, _ := strings.Cut(value, " "); strings.EqualFold(scheme, "Bearer") {
			c.tokens = append(c.tokens, presentedToken{text: strings.TrimSpace(token), header: true})
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
	t, err := g.tokens.Verify(token, video, now, g.keys.Key)
	if err != nil {
		return admission{}, err
	}
	if t.Expires.After(now.Add(g.config.MaxTokenLife + g.config.ClockSkew)) {
		return admission{}, refusedToken(verify.TokenLifeTooLong, "the token lives longer than this gate accepts, "+g.config.MaxTokenLife.String())
	}
	s := session{video: video, keyID: t.KeyID, issued: g.keys.Stamp(), expires: now.Add(g.config.SessionTTL).Unix(),
		viewer: t.Viewer}
	return admission{session: s, fresh: true}, nil
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
	case g.ended(s):
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

// stillMay reports whether a viewer who was admitted may go on with a download.
// A session that only runs out lets it come to its end.
func (g *Gate) stillMay(ctx context.Context, s session) error {
	if g.ended(s) {
		return errSessionEnded
	}
	return g.play(ctx, s)
}

func (g *Gate) ended(s session) bool {
	return g.keys.Ended(register.Session{KeyID: s.keyID, Viewer: s.viewer, Video: s.video, Began: s.issued})
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
