package gate

import (
	"net/http"
	"net/url"

	"playtoken/gate/verify"
)

var errSessionEnded = refused(403, "session_ended", "the session was ended by the owner of the video")

// admission is why a viewer may watch.
type admission struct {
	session
	ticket string
	fresh  bool // the ticket was made just now, for a playback token
}

// admit lets a viewer in who presents a playback token, a session ticket or
// the cookie with one, and tries them in this order. One good one is enough: a
// player that keeps asking for the URL it was given, token and all, has its
// cookie when the token is over. If none is good, the answer is about the one
// that was tried first.
func (g *Gate) admit(video, rawQuery string, cookies []*http.Cookie) (admission, error) {
	a, err := g.decide(video, rawQuery, cookies)
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

func (g *Gate) decide(video, rawQuery string, cookies []*http.Cookie) (admission, error) {
	query, err := url.ParseQuery(rawQuery)
	if err != nil || len(query["jwt"]) > 1 || len(query["ticket"]) > 1 {
		return admission{}, &verify.Error{Reason: verify.TokenMalformed, Detail: "the query cannot be read, or has two tokens"}
	}
	var first error
	if token := query.Get("jwt"); token != "" {
		a, err := g.byToken(token, video)
		if err == nil {
			return a, nil
		}
		first = err
	}
	for _, ticket := range append(query["ticket"], named(cookies, video)...) {
		a, err := g.byTicket(ticket, video)
		if err == nil {
			return a, nil
		}
		if first == nil {
			first = err
		}
	}
	if first == nil {
		first = &verify.Error{Reason: verify.TokenMissing, Detail: "a playback token is needed: ?jwt="}
	}
	return admission{}, first
}

func (g *Gate) byToken(token, video string) (admission, error) {
	now := g.config.Now()
	t, err := verify.Verify(token, video, now, g.keys.key)
	if err != nil {
		return admission{}, err
	}
	s := session{video, t.KeyID, now.Add(g.config.SessionTTL).Unix()}
	return admission{session: s, ticket: s.ticket(g.keys.sealing), fresh: true}, nil
}

// byTicket does not ask whether the key is still registered: a retired key's
// sessions run on, a revoked key's are marked as ended.
func (g *Gate) byTicket(ticket, video string) (admission, error) {
	if ticket == "" {
		return admission{}, &verify.Error{Reason: verify.TokenMissing, Detail: "the session ticket is empty"}
	}
	s, err := openTicket(ticket, g.keys.sealing)
	if err != nil {
		return admission{}, err
	}
	if err := s.opens(video, g.config.Now()); err != nil {
		return admission{}, err
	}
	if g.keys.ended(s.keyID) {
		return admission{}, errSessionEnded
	}
	return admission{session: s, ticket: ticket}, nil
}

// cookieName is a name per video, so that two videos in one browser do not
// take each other's session.
func cookieName(video string) string { return "playtoken_" + video }

func named(cookies []*http.Cookie, video string) (values []string) {
	for _, c := range cookies {
		if c.Name == cookieName(video) {
			values = append(values, c.Value)
		}
	}
	return values
}

// handCookie gives a new session's ticket to the browser, for everything below
// the given folders of the site.
func (g *Gate) handCookie(w http.ResponseWriter, r *http.Request, a admission, folders ...string) {
	if !a.fresh {
		return
	}
	for _, folder := range folders {
		http.SetCookie(w, &http.Cookie{
			Name: cookieName(a.video), Value: a.ticket, Path: g.prefix() + folder,
			MaxAge: max(1, int(a.expires-g.config.Now().Unix())), Secure: g.secure(r),
			HttpOnly: true, SameSite: http.SameSiteLaxMode,
		})
	}
}
